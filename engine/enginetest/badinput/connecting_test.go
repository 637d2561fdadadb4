package badinput

import (
	"fmt"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// Twice as many silent connections as may be there wait before a client. They are cut while somebody waits, and it gets in
// long before their time is over.
func TestSilentConnectionsDoNotKeepClientsOut(t *testing.T) {
	const most = 10
	s := build(t, func(cfg *engine.Config) {
		cfg.Limits.ConnectTimeout = time.Hour
		for _, name := range everyKind {
			l := listener(cfg, name)
			l.MaxConnecting, l.Auth = most, engine.AnonymousAlways
		}
	})
	first := openings(t)
	in := make(chan error, len(everyKind))
	for _, name := range everyKind {
		for i := range 2 * most {
			c := s.dial(name)
			if i%2 == 0 && name != "tls" && name != "wss" { // half a hello says no less than none
				write(t, c, []byte(first[name][:len(first[name])/2]))
			}
		}
		if !rig.Eventually(func() bool { return s.stats(name).Waiting }) {
			t.Fatalf("%s: nobody waits: %+v", name, s.stats(name))
		}
		go func() { in <- s.visit(name, "patient-"+name) }()
	}
	for left, seconds := len(everyKind), 0; left > 0; seconds++ {
		for _, name := range everyKind {
			if n := s.stats(name).Connecting; n > most {
				t.Errorf("%s: got %d connecting, want at most %d", name, n, most)
			}
		}
		select {
		case err := <-in:
			if left--; err != nil {
				t.Errorf("a client behind silent connections: %v", err)
			}
			t.Logf("a client is in after %d seconds of the broker's", seconds)
		default:
			if s.pass(time.Second); seconds > 600 {
				t.Fatalf("a client is not in after ten minutes: %+v", s.Listeners())
			}
		}
	}
	for _, name := range everyKind {
		if n := s.stats(name).Refused["silent"]; n < most {
			t.Errorf("%s: got %d counted as silent, want %d at least", name, n, most)
		}
	}
	s.leave()
}

// visit is a client that comes, is let in and goes. Any goroutine may call it.
func (s *site) visit(name, id string) error {
	c, err := rig.Dial(s.at[name], mqtt.V5)
	if err != nil {
		return err
	}
	defer c.TCPConn.Close()
	if err := s.layers(name, c); err != nil {
		return err
	}
	ack, err := c.Connect(&mqtt.Connect{ClientID: []byte(id), CleanStart: true})
	if err == nil && ack.Reason != mqtt.Success {
		err = ack.Reason
	}
	return err
}

// So many of one address may be connecting, as the proxy tells it where there is one; IPv6 counts by the network of one
// subscriber.
func TestConnectingPerAddress(t *testing.T) {
	const most = 3
	s := build(t, func(cfg *engine.Config) {
		l := listener(cfg, "proxy")
		l.MaxConnectingPerAddress, l.Auth = most, engine.AnonymousAlways
	})
	from := func(address string) *rig.Conn {
		family, to := "TCP4", "198.51.100.1"
		if address[0] == '2' {
			family, to = "TCP6", "2001:db8:ffff::1"
		}
		c := s.dial("proxy")
		write(t, c, fmt.Appendf(nil, "PROXY %s %s %s 50000 1883\r\n", family, address, to))
		return c
	}
	turned := uint64(0)
	away := func(address string) {
		t.Helper()
		c := from(address)
		s.ended(address, c)
		_ = c.TCPConn.Close()
		turned++
		s.refused(address, "proxy", map[string]uint64{"max_connecting_per_address": turned})
	}
	for i, c := range []struct {
		same  []string
		other string
	}{
		{[]string{"192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.7"}, "192.0.2.9"},
		{[]string{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"}, "2001:db8:0:1::1"},
	} {
		var open []*rig.Conn
		for k, address := range c.same[:most] {
			open = append(open, from(address))
			if !rig.Eventually(func() bool { return s.stats("proxy").Connecting == k+1 }) {
				t.Fatalf("%s: %+v", address, s.stats("proxy"))
			}
		}
		s.Inventory() // every loop has read what came
		away(c.same[most])
		other := from(c.other)
		s.greet(other, fmt.Sprint("other", i))
		s.greet(open[0], fmt.Sprint("first", i)) // in, and out of the count
		again := from(c.same[most])
		s.greet(again, fmt.Sprint("again", i))
		for _, c := range append(open, again, other) {
			_ = c.TCPConn.Close()
		}
		if !rig.Eventually(func() bool { return s.stats("proxy").Connections == 0 }) {
			t.Fatalf("connections of clients that are gone: %+v", s.stats("proxy"))
		}
	}
	s.leave()
}

// What is kept of all that are connecting is bounded together, and a quarter of it for one address. Whoever sends its
// opening in one piece is not in the way.
func TestConnectingBytes(t *testing.T) {
	const most, each, conns = 64 << 10, 3000, 60
	for _, c := range []struct{ name, begin string }{
		{"tcp", string(mqtt.AppendVarint([]byte{0x10}, 400000))},
		{"tls", "\x16\x03\x01\x40\x00\x01\x00\x20\x00"},
		{"ws", "GET /mqtt HTTP/1.1\r\nX: "},
	} {
		s := build(t, func(cfg *engine.Config) { cfg.Limits.MaxConnectingBytes = most })
		for range conns {
			b := append([]byte(c.begin), make([]byte, each)...)
			for i := range b[len(c.begin):] {
				b[len(c.begin)+i] = 'x'
			}
			write(t, s.dial(c.name), b)
		}
		cut := func() bool { return s.stats(c.name).Refused["max_connecting_bytes"] >= conns-most/each-1 }
		if !rig.Eventually(cut) {
			t.Errorf("%s: %d connections with %d bytes each: %+v", c.name, conns, each, s.stats(c.name))
		}
		if got := s.stats(c.name).EarlyBytes; got > most+each { // one is weighed before it is cut
			t.Errorf("%s: got %d bytes kept, want at most %d", c.name, got, most+each)
		}
		s.enter(c.name, "in one piece")
		s.leave()
	}
}

// One more than max_connections is closed; when one goes there is room again.
func TestMaxConnections(t *testing.T) {
	const most = 3
	for _, name := range everyKind {
		s := build(t, func(cfg *engine.Config) {
			l := listener(cfg, name)
			l.MaxConnections, l.Auth = most, engine.AnonymousAlways
		})
		var open []*rig.Conn
		for i := range most {
			open = append(open, s.enter(name, fmt.Sprint(i)))
		}
		for range 5 {
			s.ended("one too many", s.dial(name))
		}
		s.refused("too many", name, map[string]uint64{"max_connections": 5})
		_ = open[0].TCPConn.Close()
		if !rig.Eventually(func() bool { return s.stats(name).Connections == most-1 }) {
			t.Fatalf("%s: %+v", name, s.stats(name))
		}
		s.enter(name, "in its place")
		s.leave()
	}
}

// Connections beyond max_connection_rate wait in the backlog: none is refused, and they come at that rate.
func TestConnectionRate(t *testing.T) {
	const rate, clients = 40, 60
	s := build(t, func(cfg *engine.Config) { listener(cfg, "tcp").MaxConnectionRate = rate })
	began := time.Now()
	done := make(chan error, clients)
	for i := range clients {
		go func() { done <- s.visit("tcp", fmt.Sprint(i)) }()
	}
	for range clients {
		if err := <-done; err != nil {
			t.Errorf("a client beyond the rate: %v", err)
		}
	}
	const atOnce = rate / 4
	if took, least := time.Since(began), time.Second*(clients-atOnce-1)/rate; took < least {
		t.Errorf("%d connections at %d a second: took %v, want %v at least", clients, rate, took, least)
	}
	s.refused("a rush", "tcp", map[string]uint64{})
	s.leave()
}
