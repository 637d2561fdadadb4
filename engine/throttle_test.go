package engine

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// lone connects a client of 3.1.1 and gives its two ends.
func lone(t *testing.T, b *Broker, addr string, keepAlive uint16) (net.Conn, *conn) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	p := mqtt.Connect{Version: mqtt.V311, CleanStart: true, ClientID: []byte("c"), KeepAlive: keepAlive}
	say(t, nc, p.AppendTo(nil))
	hear(t, nc, 0x20, 2, 0, 0)
	var c *conn
	onLoop(t, b, 0, func(l *loop) { c = l.connAt(0).c })
	return nc, c
}

// hear reads what has to come next.
func hear(t *testing.T, nc net.Conn, want ...byte) {
	t.Helper()
	_ = nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	got := make([]byte, len(want))
	if n, err := io.ReadFull(nc, got); err != nil || string(got) != string(want) {
		t.Fatalf("got % x (%v), want % x", got[:n], err, want)
	}
}

func TestAConnectionThatDrainsWhileOthersAreBehindGoesOnWithThem(t *testing.T) {
	cfg := settings()
	cfg.Loops = 1
	b, addr := serve(t, cfg, Parts{})
	nc, c := lone(t, b, addr, 0)
	onLoop(t, b, 0, func(l *loop) {
		c.pause() // as a full socket does it
		l.throttled = true
		l.push(c, outItem{typ: mqtt.PINGRESP})
	})
	hear(t, nc, 0xd0, 0)
	onLoop(t, b, 0, func(l *loop) {
		for range 3 { // a subscriber among them is written to all the time
			l.push(c, outItem{typ: mqtt.PINGRESP})
			l.endPass()
		}
		if len(l.slowed) != 1 {
			t.Errorf("connections that wait: got %d, want 1", len(l.slowed))
		}
		l.relax()
	})
	say(t, nc, []byte{0xc0, 0})
	hear(t, nc, 0xd0, 0, 0xd0, 0, 0xd0, 0, 0xd0, 0)
}

func TestNobodyIsTimedOutWhileTheBrokerDoesNotListen(t *testing.T) {
	var clock steered
	cfg := settings()
	cfg.Loops = 1
	b, addr := serve(t, cfg, Parts{Clock: clock.now})
	nc, c := lone(t, b, addr, 10)
	onLoop(t, b, 0, func(l *loop) { l.throttle(c) })
	clock.forward(time.Minute)
	passed(t, b, clock.now())
	say(t, nc, []byte{0xc0, 0})
	onLoop(t, b, 0, (*loop).relax)
	hear(t, nc, 0xd0, 0)
	clock.forward(time.Minute)
	if n, err := nc.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after a minute of silence at a keep alive of 10 s: got %d bytes, %v, want the end", n, err)
	}
}
