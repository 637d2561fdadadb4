package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

func TestClientsAreToldThatTheBrokerGoes(t *testing.T) {
	for _, c := range []struct {
		reference string
		version   mqtt.Version
		want      []string
	}{
		{"", mqtt.V5, []string{"disconnect 0x8B", "end"}},
		{"other.example:1883", mqtt.V5, []string{"disconnect 0x9C other.example:1883", "end"}},
		{"other.example:1883", mqtt.V311, []string{"end"}},
		{"", mqtt.V31, []string{"end"}},
	} {
		cfg := settings()
		cfg.Limits.ServerReference = c.reference
		r := newRelay(t, cfg, Parts{})
		w := r.join("c", func(p *mqtt.Connect) {
			if p.Version = c.version; c.version != mqtt.V5 {
				p.CleanStart = true
			}
		})
		reading := make(chan struct{})
		go func() { // what it says is not read any more, and must not reset the connection
			defer close(reading)
			p := mqtt.Publish{Topic: []byte("t"), Payload: make([]byte, 1000)}
			for range 2000 {
				if _, err := w.Write(p.AppendTo(nil, c.version)); err != nil {
					return
				}
			}
		}()
		r.pass()
		w.expect(c.want...)
		_ = w.Close()
		<-reading
	}
}

func TestWhoIsNotConnectedYetIsServedByTheNext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	cfg := settings()
	cfg.Listeners = append(cfg.Listeners, Listener{Kind: KindUnix, Address: path})
	r := newRelay(t, cfg, Parts{})
	next, state := r.leave()
	var waiting []*wire
	for _, at := range [][2]string{{"tcp", r.addr}, {"unix", path}} {
		for range 50 {
			w := newWire(t, at[0], at[1], mqtt.V311)
			w.say(hello("")) // each has an identifier of its own
			waiting = append(waiting, w)
		}
	}
	if r.Serving() {
		t.Error("a broker that has handed over says that it serves")
	}
	next.parts.State = state
	if err := next.Start(); err != nil {
		t.Fatal(err)
	}
	stop(t, r.Broker)
	r.Broker = next
	for _, w := range waiting {
		w.expect("connack 0x00")
	}
	if n := next.Stats().ClientsConnected; n != 100 {
		t.Errorf("connected: got %d, want 100", n)
	}
}

func TestABrokerThatNobodyReplacedGoesOn(t *testing.T) {
	cfg := settings()
	path := filepath.Join(t.TempDir(), "s")
	cfg.Listeners = append(cfg.Listeners, Listener{Kind: KindUnix, Address: path})
	cfg.Drain.WillGrace = 30 * time.Second
	cfg.Sys.Interval = time.Second
	r := newRelay(t, cfg, Parts{})
	sub := r.join("sub")
	sub.subscribe(0, 2, "t", "will")
	r.join("lost", fleeting, willing(0, false))
	pub := r.join("pub", fleeting)
	pub.publish("t", "1", 1, 1)
	pub.expect("puback #1")
	sub.expect("publish t=1 q1 #2")
	for range 3 {
		var state bytes.Buffer
		if err := r.HandOver(soon(t), &state); err != nil {
			t.Fatal(err)
		}
		if err := r.Publish(soon(t), Message{Topic: []byte("t"), QoS: 1}); !errors.Is(err, ErrStopped) {
			t.Errorf("publish: got %v, want %v", err, ErrStopped)
		}
		if err := r.HandOver(soon(t), &state); !errors.Is(err, ErrStopped) {
			t.Errorf("second hand-over: got %v, want %v", err, ErrStopped)
		}
		if _, err := r.Sockets(); !errors.Is(err, ErrStopped) {
			t.Errorf("sockets: got %v, want %v", err, ErrStopped)
		}
		if page, err := r.Clients(soon(t), ClientQuery{}); err != nil || len(page.Clients) != 2 {
			t.Errorf("clients: got %v, %v, want the two sessions", page, err)
		}
		if found, err := r.Disconnect(soon(t), "sub", 0); found || err != nil {
			t.Errorf("disconnect: got %v, %v", found, err)
		}
		r.forward(9 * time.Second)
		if err := r.Resume(); err != nil {
			t.Fatal(err)
		}
		if err := r.Resume(); err != nil { // it serves
			t.Error(err)
		}
		var present bool
		if sub, present = r.joined("sub"); !present {
			t.Fatal("no session present")
		}
		sub.expect("publish t=1 q1 #2 dup")
		sub.nothing()
		newWire(t, "unix", path, mqtt.V311).say(hello(""))
	}
	r.forward(4 * time.Second) // 31 s since the first
	sub.expect("publish will=lost q1 #3")
	before := sysUptime(t, r.Broker)
	until(t, "$SYS", func() bool { return sysUptime(t, r.Broker) != before })
	until(t, "the clients by the unix socket", func() bool { return r.Stats().ClientsConnected >= 2 })
	r.pass()
	if _, present := r.joined("sub"); !present {
		t.Error("no session present")
	}
}

func sysUptime(t *testing.T, b *Broker) string {
	t.Helper()
	v, _ := b.retained.Get([]byte("$SYS/broker/bytes/sent"), nil)
	up, _ := b.retained.Get([]byte("$SYS/broker/uptime"), nil)
	return string(v) + string(up)
}

func TestAWillThatIsDueWhileNobodyServesComesWithTheResume(t *testing.T) {
	cfg := settings()
	cfg.Drain.WillGrace = 30 * time.Second
	r := newRelay(t, cfg, Parts{})
	r.join("watcher").subscribe(0, 1, "will")
	_ = r.join("delayed", willing(20, true)).Close()
	until(t, "the end", func() bool { return r.Stats().ClientsConnected == 1 })
	next, state := r.leave()
	r.forward(25 * time.Second)
	if n := r.retained.Len(); n != 0 {
		t.Error("the will was published after the hand-over")
	}
	next.parts.State = io.LimitReader(state, int64(state.Len()-1))
	if err := next.Start(); err == nil {
		t.Fatal("start on half a state")
	}
	if err := r.Resume(); err != nil {
		t.Fatal(err)
	}
	r.forward(2 * time.Second)
	until(t, "the will", func() bool { return r.retained.Len() == 1 })
	r.join("watcher").expect("publish will=delayed q1 #2")
}

// full is a disk without room.
type full struct{ left int }

var errFull = errors.New("no room")

func (f *full) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestAHandOverThatFailsCanBeTakenBack(t *testing.T) {
	r := newRelay(t, settings(), Parts{})
	w := r.join("c")
	w.subscribe(0, 1, "t")
	for _, left := range []int{0, 9, 20, 60} {
		if err := r.HandOver(soon(t), &full{left}); !errors.Is(err, errFull) {
			t.Errorf("with room for %d bytes: got %v, want %v", left, err, errFull)
		}
		if err := r.Resume(); err != nil {
			t.Fatal(err)
		}
		if _, present := r.joined("c"); !present {
			t.Error("no session present")
		}
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	var state bytes.Buffer
	if err := r.HandOver(done, &state); err != nil { // it waits for nobody, and yet is whole
		t.Fatal(err)
	}
	if err := store.ReadStream(&state, func(*store.Record) error { return nil }); err != nil {
		t.Error(err)
	}
	if err := r.Stop(soon(t)); err != nil {
		t.Errorf("stop after a hand-over: %v", err)
	}
	if err := r.Resume(); !errors.Is(err, ErrStopped) {
		t.Errorf("resume after the stop: got %v, want %v", err, ErrStopped)
	}
}

func TestABrokerIsPreparedOnceAndNotForLong(t *testing.T) {
	b := unstarted(t, settings(), Parts{})
	for range 2 {
		if err := b.Prepare(); err != nil {
			t.Fatal(err)
		}
	}
	addr := address(b, 0)
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	if got := address(b, 0); got != addr {
		t.Errorf("after the start it listens on %s, not %s", got, addr)
	}
	if err := b.Prepare(); !errors.Is(err, ErrStarted) {
		t.Errorf("prepare after the start: got %v, want %v", err, ErrStarted)
	}
	if err := b.Resume(); err != nil {
		t.Errorf("resume of one that serves: %v", err)
	}
	stop(t, b)
	b = unstarted(t, settings(), Parts{})
	if err := b.HandOver(soon(t), io.Discard); !errors.Is(err, ErrStopped) {
		t.Errorf("hand-over before the start: got %v, want %v", err, ErrStopped)
	}
	if err := b.Resume(); !errors.Is(err, ErrStopped) {
		t.Errorf("resume before the start: got %v, want %v", err, ErrStopped)
	}
	if err := b.Prepare(); err != nil {
		t.Fatal(err)
	}
	addr = address(b, 0)
	stop(t, b)
	if nc, err := net.Dial("tcp", addr); err == nil {
		nc.Close()
		t.Error("a broker that was prepared and stopped listens")
	}
	if err := b.Prepare(); !errors.Is(err, ErrStopped) {
		t.Errorf("prepare after the stop: got %v, want %v", err, ErrStopped)
	}
}

func TestSocketsFindTheirListeners(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	open := func(network, address string) (*os.File, string) {
		var lc net.ListenConfig
		lc.SetMultipathTCP(false)
		ln, err := lc.Listen(soon(t), network, address)
		if err != nil {
			t.Fatal(err)
		}
		if u, ok := ln.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
		f, err := ln.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		_ = ln.Close()
		return f, ln.Addr().String()
	}
	named, first := open("tcp", "127.0.0.1:0")
	plain, second := open("tcp", "127.0.0.1:0")
	unix, _ := open("unix", path)
	unwanted, third := open("tcp", "127.0.0.1:0")
	other, fourth := open("tcp", "127.0.0.1:0")
	cfg := settings()
	cfg.Listeners = []Listener{
		{Name: "main", Address: "127.0.0.1:0"},
		{Address: second},
		{Kind: KindUnix, Address: path},
		{Name: "exchanged", Address: first}, // where main listens now
	}
	b := unstarted(t, cfg, Parts{Sockets: []Socket{
		{File: unwanted}, {File: unix}, {File: plain}, {Name: "main", File: named}, {Name: "exchanged", File: other}, // as of systemd without names, but one
	}})
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	defer stop(t, b)
	for i, want := range map[int]string{0: first, 1: second, 3: fourth} {
		if got := address(b, i); got != want {
			t.Errorf("listener %d is at %s, want %s", i, got, want)
		}
	}
	for _, w := range []*wire{newWire(t, "tcp", first, mqtt.V311), newWire(t, "tcp", second, mqtt.V311), newWire(t, "unix", path, mqtt.V311)} {
		w.say(hello(""))
		w.expect("connack 0x00")
		_ = w.Close()
	}
	if nc, err := net.Dial("tcp", third); err == nil {
		nc.Close()
		t.Error("a socket that no listener wants is open")
	}
}

// A listener that keeps its name and gets another address is not to stay at the old one.
func TestAListenerThatIsMovedTakesNoSocketOfItsOldAddress(t *testing.T) {
	cfg := settings()
	cfg.Listeners = []Listener{{Name: "main", Address: "127.0.0.1:0"}}
	b := unstarted(t, cfg, Parts{})
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	defer stop(t, b)
	for _, next := range []struct {
		listener Listener
		stays    bool
	}{
		{Listener{Name: "main", Address: "127.0.0.1:0"}, true},
		{Listener{Name: "renamed", Address: address(b, 0)}, true},
		{Listener{Name: "main", Address: "127.0.0.2:0"}, false},
	} {
		sockets, err := b.Sockets()
		if err != nil {
			t.Fatal(err)
		}
		cfg.Listeners = []Listener{next.listener}
		to := unstarted(t, cfg, Parts{Sockets: sockets})
		if err := to.Prepare(); err != nil {
			t.Fatal(err)
		}
		if got := address(to, 0) == address(b, 0); got != next.stays {
			t.Errorf("%+v: is at %s, the one before at %s; same: want %v", next.listener, address(to, 0), address(b, 0), next.stays)
		}
		stop(t, to)
	}
}
