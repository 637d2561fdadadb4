package rig

import (
	"context"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
)

// Patience is how long anything may take that has to come.
const Patience = 20 * time.Second

// Broker is a broker under test.
type Broker struct {
	*engine.Broker
	Addr string

	MayPanic bool // panics are a part of the test

	t       testing.TB
	ahead   atomic.Int64
	before  int // goroutines of brokers before the start
	stopped bool
}

// Config is a broker on a free port of this machine without $SYS topics, which would only be in the way.
func Config(loops int) engine.Config {
	c := engine.DefaultConfig()
	c.Listeners = []engine.Listener{{Kind: engine.KindTCP, Address: "127.0.0.1:0"}}
	c.Loops = loops
	c.Sys.Interval = 0
	return c
}

// Start starts a broker, whose clock runs with the machine's and what Forward adds. It is stopped with the test at the
// latest, and has then left no goroutine behind.
func Start(t testing.TB, cfg engine.Config, parts engine.Parts) *Broker {
	t.Helper()
	b := &Broker{t: t, before: goroutines()}
	began := time.Now()
	parts.Clock = func() time.Duration { return time.Since(began) + time.Duration(b.ahead.Load()) }
	var err error
	if b.Broker, err = engine.New(cfg, parts); err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	b.Addr = strings.TrimPrefix(b.Addrs()[0].URL, "tcp://")
	t.Cleanup(b.Stop)
	return b
}

// Forward waits until the last connection has gone and puts the broker's clock forward: what is to happen so long after
// it happens now.
func (b *Broker) Forward(d time.Duration) {
	b.t.Helper()
	b.behind()
	none := 0
	if !Eventually(func() bool {
		if none++; b.Inventory().Connections > 0 {
			none = 0
		}
		return none == 5 // several are on their way from the acceptor to a loop at a time
	}) {
		b.t.Errorf("connections of clients that are gone: %+v", b.Inventory())
	}
	b.Advance(d)
}

// Advance puts the clock forward whoever is connected.
func (b *Broker) Advance(d time.Duration) { b.ahead.Add(int64(d)) }

// behind is a connection that is made and closed behind all that wait to be accepted.
func (b *Broker) behind() {
	b.t.Helper()
	c, err := Dial(b.Addr, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	if _, err = c.Write(nonsense); err == nil {
		_, _, err = c.Next(Patience)
	}
	if !Ended(err) {
		b.t.Errorf("after % X: %v, want the connection closed", nonsense, err)
	}
}

var nonsense = []byte{0, 0}

// Stop stops the broker, if it was not before, and waits for its goroutines.
func (b *Broker) Stop() {
	b.t.Helper()
	if b.stopped {
		return
	}
	b.stopped = true
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := b.Broker.Stop(ctx); err != nil {
		b.t.Errorf("stop: %v", err)
	}
	if n := b.Stats().Panics; n > 0 && !b.MayPanic {
		b.t.Errorf("panics: got %d, want 0", n)
	}
	if !Eventually(func() bool { return goroutines() <= b.before }) {
		b.t.Errorf("goroutines of brokers: got %d, want %d as before the start\n%s", goroutines(), b.before, stacks())
	}
}

// Inventory is what the broker holds now.
func (b *Broker) Inventory() engine.Inventory {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	v, err := b.Broker.Inventory(ctx)
	if err != nil {
		b.t.Fatalf("inventory: %v\n%s", err, stacks())
	}
	return v
}

// Empty waits until the broker holds nothing but so many retained messages.
func (b *Broker) Empty(retained int) {
	b.t.Helper()
	want := engine.Inventory{Retained: retained}
	var got engine.Inventory
	if !Eventually(func() bool { got = b.Inventory(); return got == want }) {
		b.t.Errorf("the broker holds on to something:\n got %+v\nwant %+v", got, want)
	}
	var s engine.Stats // its counts are those of a pass, and one comes with the next tick
	if !Eventually(func() bool {
		s = b.Stats()
		return s.MessagesHeld == 0 && s.FramesHeld == 0 && s.Sessions == 0 && s.ClientsConnected == 0
	}) {
		b.t.Errorf("figures of an empty broker: got %d messages, %d frames, %d sessions, %d clients", s.MessagesHeld, s.FramesHeld, s.Sessions, s.ClientsConnected)
	}
}

// Eventually waits for a condition; false when it does not come about.
func Eventually(cond func() bool) bool {
	look, end := time.NewTicker(5*time.Millisecond), time.After(Patience)
	defer look.Stop()
	for !cond() {
		select {
		case <-look.C:
		case <-end:
			return false
		}
	}
	return true
}

// Long is how long a part of a soak goes on: as long as in an ordinary run, of which all parts together take about ten
// seconds, or longer in the proportion in which PENSTOCK_SOAK is.
func Long(t testing.TB, ordinary time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("PENSTOCK_SOAK")
	if text == "" {
		return ordinary
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("PENSTOCK_SOAK: %v", err)
	}
	return time.Duration(float64(ordinary) * d.Seconds() / 10)
}

func stacks() string {
	b := make([]byte, 4<<20)
	return string(b[:runtime.Stack(b, true)])
}

// goroutines counts those that a broker, its loops or its store have started.
func goroutines() (n int) {
	for g := range strings.SplitSeq(stacks(), "\n\n") {
		for _, mark := range []string{"penstock/engine.(", "penstock/engine/internal/", "penstock/engine/store.", "penstock/codec.(*Handshakes)", "gnet/v2.(*eventloop)"} {
			if strings.Contains(g, mark) {
				n++
				break
			}
		}
	}
	return n
}
