package engine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// doors is a relay with a listener of each kind, and what a client needs for TLS.
func doors(t *testing.T) (r *relay, addrs map[Kind]string, trust *tls.Config) {
	t.Helper()
	dir := t.TempDir()
	ca := certstest.NewCA(t, "authority")
	cert, key := ca.Issue(t, "localhost", certstest.Names("localhost", "127.0.0.1")).Write(t, dir, "server")
	path := filepath.Join(dir, "s")
	cfg := settings()
	cfg.Listeners = append(cfg.Listeners,
		Listener{Kind: KindTLS, Address: "127.0.0.1:0", Cert: []string{cert}, Key: []string{key}},
		Listener{Kind: KindWSS, Address: "127.0.0.1:0", Cert: []string{cert}, Key: []string{key}},
		Listener{Kind: KindUnix, Address: path},
	)
	r = newRelay(t, cfg, Parts{})
	addrs = map[Kind]string{KindUnix: "unix://" + path}
	for i, kind := range []Kind{KindTCP, KindTLS, KindWSS} {
		addrs[kind] = r.Addrs()[i].URL
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	return r, addrs, &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

func TestNobodyIsTurnedAwayByAHandOver(t *testing.T) {
	r, addrs, trust := doors(t)
	f := newFleet(t, r.addr)
	var served [4]atomic.Int64
	for i, kind := range []Kind{KindTCP, KindTLS, KindWSS, KindUnix} {
		f.wg.Go(func() {
			for f.ctx.Err() == nil {
				ctx, cancel := context.WithTimeout(f.ctx, 30*time.Second)
				o := client.Options{Addr: addrs[kind], ClientID: string(kind), CleanStart: true}
				if kind == KindTLS || kind == KindWSS {
					o.TLS = trust
				}
				c, _, err := client.Dial(ctx, o)
				cancel()
				if err != nil {
					f.failed(err)
					continue
				}
				served[i].Add(1)
				if rand.IntN(2) == 0 { // the next takes it over
					stop := context.AfterFunc(f.ctx, func() { _ = c.Close() })
					defer stop()
					continue
				}
				_ = c.Disconnect(f.ctx, 0)
			}
		})
	}
	for range 6 {
		for i := range served {
			before := served[i].Load()
			until(t, "clients of each kind", func() bool { return served[i].Load() > before+3 })
		}
		r.pass()
	}
	f.end()
	f.wg.Wait()
	if f.refused.Load()+f.late.Load() != 0 {
		t.Errorf("connections that were refused %d, or ended without an answer %d; served %d %d %d %d", f.refused.Load(), f.late.Load(),
			served[0].Load(), served[1].Load(), served[2].Load(), served[3].Load())
	}
}

func TestTLSSessionsAreResumedBehindAHandOver(t *testing.T) {
	r, addrs, trust := doors(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := trust.Clone()
		cfg.MinVersion, cfg.MaxVersion, cfg.ClientSessionCache = version, version, tls.NewLRUClientSessionCache(4)
		cfg.NextProtos = []string{"mqtt"}
		for round := range 4 {
			nc, err := tls.Dial("tcp", strings.TrimPrefix(addrs[KindTLS], "tls://"), cfg)
			if err != nil {
				t.Fatal(err)
			}
			w := &wire{Conn: nc, t: t, v: mqtt.V311, buf: make([]byte, 4096)}
			w.say(hello("c"))
			w.expect("connack 0x00") // and the ticket before it
			if got, want := nc.ConnectionState().DidResume, round > 0; got != want {
				t.Errorf("version %x, broker %d: resumed %v, want %v", version, round, got, want)
			}
			_ = nc.Close()
			r.pass()
		}
	}
}

// Whoever holds his connection up holds nobody else up for longer than the graces.
func TestAHandOverTakesItsTimeAndNoMore(t *testing.T) {
	r, addrs, _ := doors(t)
	sub := r.join("sub")
	sub.subscribe(0, 1, "t")
	stalled := r.join("stalled") // reads nothing
	stalled.subscribe(0, 1, "t")
	_ = stalled.Conn.(*net.TCPConn).SetReadBuffer(4096)
	for range 40 {
		if err := r.Publish(soon(t), Message{Topic: []byte("t"), Payload: make([]byte, 256<<10), QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "output that waits", func() bool { return inventory(t, r.Broker).OutputBytes > 0 })
	silent := newWire(t, "tcp", r.addr, mqtt.V5)
	half := newWire(t, "tcp", r.addr, mqtt.V5)
	half.say(hello("half")[:5])
	shaking := newWire(t, "tcp", strings.TrimPrefix(addrs[KindTLS], "tls://"), mqtt.V5)
	shaking.say([]byte{22, 3, 1, 2, 0, 1}) // the beginning of a ClientHello
	until(t, "all of them", func() bool { return inventory(t, r.Broker).Connections == 5 })
	began := time.Now()
	r.pass()
	if took := time.Since(began); took < connectGrace {
		t.Errorf("the hand-over waited %v for connections without a CONNECT, want %v at least", took, connectGrace)
	}
	for _, w := range []*wire{silent, half, shaking} {
		if got := w.hear(); got != "end" {
			t.Errorf("a connection without a CONNECT: got %s, want its end", got)
		}
	}
	for _, id := range []string{"sub", "stalled"} {
		c, _, ok, err := r.Client(soon(t), id)
		if err != nil || !ok || c.Inflight+c.Queued != 40 {
			t.Errorf("%s: got %+v %v, want 40 messages", id, c, err)
		}
	}
}

func TestASessionThatChangesItsLoopMeanwhileIsNotLost(t *testing.T) {
	r := newRelay(t, settings(), Parts{})
	for i := range 20 {
		r.join(strconv.Itoa(i)).subscribe(0, 1, "t/"+strconv.Itoa(i))
	}
	pub := r.join("pub")
	sent := 0
	for range 5 {
		f := newFleet(t, r.addr)
		var taken atomic.Int64
		for range 4 {
			f.wg.Go(func() { // every connection takes a session over, from this loop or the other
				for f.ctx.Err() == nil {
					switch answer, err := f.takeOver(strconv.Itoa(rand.IntN(20))); {
					case err != nil:
						f.failed(err)
					case answer == "connack 0x00 present":
						taken.Add(1)
					case answer == "connack 0x00":
						f.lost.Add(1)
					}
				}
			})
		}
		before := taken.Load()
		until(t, "takeovers", func() bool { return taken.Load() > before+50 })
		_ = pub.Close()
		pub = r.join("pub")
		for i := range 20 {
			pub.publish("t/"+strconv.Itoa(i), strconv.Itoa(sent), 1, uint16(i+1))
			pub.expect("puback #" + strconv.Itoa(i+1))
		}
		sent++
		r.pass()
		f.end()
		f.wg.Wait()
		if f.lost.Load() != 0 {
			t.Errorf("sessions that were lost: %d", f.lost.Load())
		}
	}
	r.pass()
	for i := range 20 {
		w := r.join(strconv.Itoa(i))
		for n := range sent {
			if got, want := w.hear(), "publish t/"+strconv.Itoa(i)+"="+strconv.Itoa(n)+" q1"; !strings.HasPrefix(got, want) {
				t.Errorf("session %d, message %d: got %s", i, n, got)
			}
		}
	}
}

// takeOver connects, keeps the connection and acknowledges nothing.
func (f *fleet) takeOver(id string) (answer string, err error) {
	nc, err := net.Dial("tcp", f.addr)
	if err != nil {
		return "", err
	}
	context.AfterFunc(f.ctx, func() { _ = nc.Close() })
	p := mqtt.Connect{Version: mqtt.V5, ClientID: []byte(id)}
	p.Props.SessionExpiry = 1000
	p.Props.Set(mqtt.PropSessionExpiry)
	if _, err := nc.Write(p.AppendTo(nil)); err != nil {
		return "", err
	}
	w := &wire{Conn: nc, t: f.t, v: mqtt.V5, buf: make([]byte, 4096)}
	return w.hear(), nil
}

func TestASocketFileGoesWithTheLastBroker(t *testing.T) {
	r, addrs, _ := doors(t)
	path := strings.TrimPrefix(addrs[KindUnix], "unix://")
	works := func() {
		t.Helper()
		w := newWire(t, "unix", path, mqtt.V311)
		w.say(hello("c"))
		w.expect("connack 0x00")
		_ = w.Close()
	}
	for range 3 {
		next, _ := r.leave()
		next.parts.State = strings.NewReader("nothing")
		if err := next.Start(); err == nil {
			t.Fatal("start on nonsense")
		}
		if err := r.Resume(); err != nil {
			t.Fatal(err)
		}
		works()
		r.pass()
		r.ends.Wait()
		works()
	}
	if err := r.Stop(soon(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of the socket: got %v, want it gone", err)
	}
}

// What Publish has taken is handed over, whenever the hand-over comes; what it has not is told.
func TestTheEmbeddersMessagesAreHandedOverOrRefused(t *testing.T) {
	cfg := settings()
	cfg.Session.MaxQueuedMessages = 1 << 20
	r := newRelay(t, cfg, Parts{})
	for _, id := range []string{"a", "b", "c"} {
		r.join(id).subscribe(0, 1, "t/#")
	}
	total := 0
	for range 5 {
		count := make(chan int, 4)
		var begun atomic.Int64
		b := r.Broker
		for i := range 4 {
			go func() {
				n := 0
				for b.Publish(context.Background(), Message{Topic: []byte("t/" + strconv.Itoa(i)), QoS: 1}) == nil {
					n++
					begun.Add(1)
				}
				count <- n
			}()
		}
		until(t, "messages", func() bool { return begun.Load() > 20 })
		next, state := r.leave()
		next.parts.State = state
		if err := next.Start(); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			total += <-count
		}
		r.Broker = next
		r.ends.Go(func() { stop(t, b) })
		for _, id := range []string{"a", "b", "c"} {
			if c, _, ok, err := r.Client(soon(t), id); !ok || err != nil || c.Queued+c.Inflight != total {
				t.Errorf("%s: got %+v %v, want %d messages", id, c, err, total)
			}
		}
	}
}

// undecided answers when it is told to.
type undecided struct{ answer chan struct{} }

func (u undecided) Authenticate(ctx context.Context, r *auth.Request) auth.Decision {
	if r.ClientID == "slow" {
		<-u.answer
	}
	return auth.Decision{Result: auth.Allow}
}

func TestAnAnswerThatComesBehindTheHandOverIsForNobody(t *testing.T) {
	u := undecided{make(chan struct{})}
	r := newRelay(t, settings(), Parts{Authenticator: u})
	w := newWire(t, "tcp", r.addr, mqtt.V5)
	p := mqtt.Connect{Version: mqtt.V5, ClientID: []byte("slow"), CleanStart: true}
	w.say(p.AppendTo(nil))
	until(t, "the question", func() bool { return r.listeners[0].connecting.Load() == 1 })
	before := r.Broker
	r.pass()
	w.expect("connack 0x88", "end")
	close(u.answer)
	w = newWire(t, "tcp", r.addr, mqtt.V5)
	w.say(p.AppendTo(nil))
	w.expect("connack 0x00")
	if n := before.Stats().Connects; n != 0 {
		t.Errorf("the broker before let %d clients in", n)
	}
}
