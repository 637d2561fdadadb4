package engine

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

// Clients that come, go, take over, subscribe, publish and acknowledge as they like, most of them with sessions that
// outlive their connections. Whatever they do, and however often the broker crashes in between, the store has what the
// loops have.
func TestTheStoreHasWhatTheLoopsHaveWhateverClientsDo(t *testing.T) {
	usual := func(*Config) {}
	for _, c := range []struct {
		name    string
		loops   int
		delayed bool
		set     func(*Config)
	}{
		{"one loop", 1, false, usual},
		{"two loops, slow store", 2, true, usual},
		{"three loops, tight queues", 3, false, func(c *Config) { c.Session.MaxQueuedMessages, c.Limits.MaxInflight = 8, 3 }},
		{"four loops, slow store, tight queues", 4, true, func(c *Config) {
			c.Session.MaxQueuedMessages, c.Session.QueuePolicy, c.Limits.MaxInflight = 8, DropNewest, 3
			c.Session.SharedSubscriptionStrategy = StrategyRandom
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := settings()
			cfg.Loops = c.loops
			c.set(&cfg)
			mem := store.NewMemory()
			if c.delayed {
				mem = store.NewDelayedMemory()
			}
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			for round := range 3 {
				b := unstarted(t, cfg, Parts{Store: mem})
				if err := b.Start(); err != nil {
					t.Fatal(err)
				}
				if round > 0 {
					audit(t, b, mem) // what came back
				}
				commits := stepping(mem, c.delayed && round == 0)
				roam(t, address(b, 0), seed+uint64(round))
				until(t, "the ends of all connections", func() bool { return inventory(t, b).Connections == 0 })
				commits()
				compared := audit(t, b, mem)
				t.Logf("round %d: %d sessions, %d records compared, dropped %v", round, b.Stats().Sessions, compared, b.Stats().Dropped)
				mem = mem.Reopen() // a crash
				stop(t, b)
				if t.Failed() {
					return
				}
			}
		})
	}
}

// The same on a log, which is asked when the broker has closed it, and by the next broker.
func TestTheLogHasWhatTheLoopsHaveWhateverClientsDo(t *testing.T) {
	cfg := settings()
	cfg.Store.Path, cfg.Store.SegmentSize, cfg.Limits.MaxInflight = t.TempDir(), MiB, 5
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var before accounts
	for round := range 3 {
		b := unstarted(t, cfg, Parts{})
		if err := b.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, "quiet", func() bool { return quiet(t, b) })
		if diff := differences(loopAccounts(t, b), before); len(diff) > 0 && round > 0 {
			t.Errorf("round %d: the loops have not got what the log had:\n%s", round, strings.Join(diff, "\n"))
		}
		roam(t, address(b, 0), seed+uint64(round))
		until(t, "the ends of all connections", func() bool { return inventory(t, b).Connections == 0 })
		until(t, "quiet", func() bool { return quiet(t, b) })
		loops := loopAccounts(t, b)
		stop(t, b)
		log := seglog.New(seglog.Options{Dir: cfg.Store.Path})
		before = storeAccounts(t, log)
		if err := log.Close(soon(t)); err != nil {
			t.Fatal(err)
		}
		if diff := differences(loops, before); len(diff) > 0 {
			t.Fatalf("round %d: what the loops had and what the log has differ in %d points:\n%s", round, len(diff), strings.Join(diff, "\n"))
		}
		t.Logf("round %d: %d sessions", round, len(before))
	}
}

// stepping commits what is appended to a delayed store at random, until the returned func is called.
func stepping(mem *store.Memory, delayed bool) (stop func()) {
	if !delayed {
		return func() {}
	}
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-over:
				mem.Run()
				return
			case <-time.After(time.Duration(rand.IntN(1000)) * time.Microsecond):
				mem.Step(1 + rand.IntN(20))
			}
		}
	}()
	return func() { close(over); <-done }
}

// roam lets clients loose on a broker.
func roam(t *testing.T, addr string, seed uint64) {
	t.Helper()
	var wg sync.WaitGroup
	end := time.Now().Add(300 * time.Millisecond)
	for i := range 24 {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() {
			var old []net.Conn
			for time.Now().Before(end) {
				nc, err := net.Dial("tcp", addr)
				if err != nil {
					t.Error(err)
					return
				}
				c := &roamer{Conn: nc, Rand: r, v: []mqtt.Version{mqtt.V311, mqtt.V5}[r.IntN(2)]}
				if c.live(end); r.IntN(3) == 0 {
					old = append(old, nc) // its session is taken over from it, or lost with it
				} else {
					_ = nc.Close()
				}
			}
			for _, nc := range old {
				_ = nc.Close()
			}
		})
	}
	wg.Wait()
}

// roamer is one connection.
type roamer struct {
	net.Conn
	*rand.Rand
	v   mqtt.Version
	id  uint16
	in  mqtt.Reader
	buf [2048]byte
}

var (
	roamTopics  = []string{"a", "a/1", "a/2", "b", "b/1", "c"}
	roamFilters = []string{"#", "a/+", "a/#", "a/1", "b", "b/#", "c", "+", "$share/g/a/#", "$share/g/#", "$share/h/c", "$share/h/+"}
)

func (c *roamer) live(end time.Time) {
	p := mqtt.Connect{Version: c.v, ClientID: fmt.Append(nil, "r", c.IntN(14)), CleanStart: c.IntN(6) == 0}
	if c.v == mqtt.V5 {
		p.Props.Set(mqtt.PropSessionExpiry)
		p.Props.SessionExpiry = []uint32{0, 1000, 1000, 1000, 1<<32 - 1}[c.IntN(5)]
		if c.IntN(3) == 0 {
			p.Props.Set(mqtt.PropReceiveMaximum)
			p.Props.ReceiveMaximum = uint16(1 + c.IntN(5))
		}
		if c.IntN(6) == 0 {
			p.Props.Set(mqtt.PropMaximumPacketSize)
			p.Props.MaximumPacketSize = uint32(20 + c.IntN(60))
		}
	}
	if c.IntN(4) == 0 {
		p.HasWill, p.Will = true, mqtt.Will{Topic: []byte(roamTopics[c.IntN(6)]), QoS: byte(c.IntN(3)), Retain: c.IntN(3) == 0, Payload: []byte("will")}
	}
	_, _ = c.Write(p.AppendTo(nil))
	for range c.IntN(14) {
		if !time.Now().Before(end) || !c.answer() {
			break
		}
		var b []byte
		switch c.id++; c.IntN(8) {
		case 0, 1:
			s := mqtt.Subscribe{ID: c.id}
			for range 1 + c.IntN(2) {
				f := mqtt.Subscription{Filter: []byte(roamFilters[c.IntN(12)]), Options: byte(c.IntN(3))}
				if c.v == mqtt.V5 && f.Filter[0] != '$' {
					f.Options |= byte(c.IntN(4)) << 2 // No Local, Retain As Published
				}
				s.Filters = append(s.Filters, f)
			}
			if c.v == mqtt.V5 && c.IntN(2) == 0 {
				s.Props.SubscriptionIDs = []uint32{uint32(1 + c.IntN(9))}
			}
			b = s.AppendTo(nil, c.v, 0)
		case 2:
			if c.IntN(3) == 0 {
				b = (&mqtt.Unsubscribe{ID: c.id, Filters: [][]byte{[]byte(roamFilters[c.IntN(12)])}}).AppendTo(nil, c.v, 0)
			}
		default:
			for range 1 + c.IntN(4) {
				b = c.publish(b)
			}
		}
		if _, err := c.Write(b); err != nil {
			return
		}
	}
	switch c.IntN(5) {
	case 0:
		_, _ = c.Write([]byte{byte(mqtt.DISCONNECT) << 4, 0})
	case 1:
		if c.v == mqtt.V5 {
			d := mqtt.Disconnect{}
			d.Props.Set(mqtt.PropSessionExpiry)
			d.Props.SessionExpiry = uint32(c.IntN(2))
			_, _ = c.Write(d.AppendTo(nil, c.v, 0))
		}
	}
}

func (c *roamer) publish(b []byte) []byte {
	p := mqtt.Publish{Topic: []byte(roamTopics[c.IntN(6)]), Payload: make([]byte, c.IntN(60)), QoS: byte(c.IntN(3)), Retain: c.IntN(12) == 0}
	if c.id++; p.QoS > 0 {
		p.ID = c.id
	}
	if c.v == mqtt.V5 && c.IntN(8) == 0 {
		p.Props.Set(mqtt.PropMessageExpiry)
		p.Props.MessageExpiry = uint32(c.IntN(2))
	}
	return p.AppendTo(b, c.v)
}

// answer takes what has come and acknowledges most of it; false when the connection is over.
func (c *roamer) answer() bool {
	_ = c.SetReadDeadline(time.Now().Add(time.Duration(c.IntN(4000)) * time.Microsecond))
	n, err := c.Read(c.buf[:])
	if ne, ok := err.(net.Error); err != nil && !(ok && ne.Timeout()) {
		return false
	}
	var out []byte
	for rest := c.buf[:n]; ; {
		h, body, r, err := c.in.Next(rest, 0)
		if err != nil || h.Type == 0 {
			break
		}
		rest = r
		out = c.acknowledge(out, h, body)
	}
	_, err = c.Write(out)
	return err == nil
}

func (c *roamer) acknowledge(out []byte, h mqtt.Header, body []byte) []byte {
	if c.IntN(4) == 0 {
		return out // not at all
	}
	from := mqtt.Peer{Version: c.v, Server: true}
	ack := mqtt.Ack{Type: h.Type}
	switch h.Type {
	case mqtt.PUBLISH:
		var p mqtt.Publish
		if p.Decode(from, h.Flags, body) != nil || p.QoS == 0 {
			return out
		}
		reason := mqtt.Success
		if c.v == mqtt.V5 && c.IntN(10) == 0 {
			reason = mqtt.UnspecifiedError
		}
		return mqtt.AppendAck(out, []mqtt.Type{mqtt.PUBACK, mqtt.PUBREC}[p.QoS-1], p.ID, reason, c.v)
	case mqtt.PUBREC, mqtt.PUBREL:
		if ack.Decode(from, h.Flags, body) == nil && ack.Reason < 0x80 {
			return mqtt.AppendAck(out, h.Type+1, ack.ID, mqtt.Success, c.v)
		}
	}
	return out
}
