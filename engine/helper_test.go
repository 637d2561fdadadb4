package engine

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// twoLoops starts a broker with two loops and returns its address.
func twoLoops(t *testing.T) (*Broker, string) {
	t.Helper()
	return withLoops(t, 2, Parts{})
}

func withLoops(t *testing.T, loops int, parts Parts) (*Broker, string) {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Listeners = []Listener{{Kind: KindTCP, Address: "127.0.0.1:0"}}
	cfg.Loops, cfg.Sys.Interval = loops, 0
	b, err := New(cfg, parts)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, b) })
	return b, strings.TrimPrefix(b.Addrs()[0].URL, "tcp://")
}

func stop(t *testing.T, b *Broker) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := b.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// connOn opens a connection that a certain loop has.
func connOn(t *testing.T, b *Broker, addr string, want int) net.Conn {
	t.Helper()
	for range 100 {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = nc.Close() })
		own := nc.LocalAddr().(*net.TCPAddr).AddrPort()
		at := -1
		for at < 0 {
			for i := range b.loops {
				if hasRemote(t, b, i, own) {
					at = i
				}
			}
		}
		if at == want {
			return nc
		}
		defer nc.Close() // not before: the next is to go to another loop
	}
	t.Fatalf("no connection came to loop %d", want)
	return nil
}

func hasRemote(t *testing.T, b *Broker, i int, remote netip.AddrPort) (yes bool) {
	onLoop(t, b, i, func(l *loop) {
		for i := range l.connCount {
			if c := l.connAt(i).c; c != nil && c.remote() == remote {
				yes = true
			}
		}
	})
	return yes
}

func onLoop(t *testing.T, b *Broker, i int, f func(l *loop)) {
	t.Helper()
	if err := b.run(context.Background(), b.loops[i], func(l *loop) error { f(l); return nil }); err != nil {
		t.Fatal(err)
	}
}

// stall keeps a loop busy until the returned func is called.
func stall(t *testing.T, b *Broker, i int) (release func()) {
	t.Helper()
	gate, busy := make(chan struct{}), make(chan struct{})
	b.loops[i].post(func(*loop) { close(busy); <-gate })
	<-busy
	return func() { close(gate) }
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	look, end := time.NewTicker(time.Millisecond), time.After(10*time.Second)
	defer look.Stop()
	for !cond() {
		select {
		case <-look.C:
		case <-end:
			t.Fatalf("%s did not come about", what)
		}
	}
}

func say(t *testing.T, nc net.Conn, b []byte) {
	t.Helper()
	if _, err := nc.Write(b); err != nil {
		t.Fatal(err)
	}
}

func inventory(t *testing.T, b *Broker) Inventory {
	t.Helper()
	v, err := b.Inventory(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func hello(id string) []byte {
	p := mqtt.Connect{Version: mqtt.V311, CleanStart: true, ClientID: []byte(id)}
	return p.AppendTo(nil)
}

var goodbye = []byte{byte(mqtt.DISCONNECT) << 4, 0}

// waitFor waits until so many connections of a loop wait for a session.
func waitFor(t *testing.T, b *Broker, i, n int) {
	t.Helper()
	until(t, "the claim", func() bool {
		waiting := 0
		onLoop(t, b, i, func(l *loop) {
			for i := range l.connCount {
				if c := l.connAt(i).c; c != nil && c.state == attaching {
					waiting++
				}
			}
		})
		return waiting == n
	})
}
