package badinput

import (
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// openings is what a client begins with at each listener, as far as bytes can be known before.
func openings(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"tcp": connectPacket(), "tls": string(hello(t)), "ws": upgrade(), "wss": string(hello(t)), "proxy": proxyV2([]byte{4, 0, 1, 0}) + connectPacket(),
	}
}

// A client that stops in the middle of its opening, wherever that is, costs what it sent until connect_timeout.
func TestOpeningsCutAnywhereEndWithTheConnectTimeout(t *testing.T) {
	const timeout = time.Minute
	s := build(t, func(cfg *engine.Config) { cfg.Limits.ConnectTimeout = timeout })
	conns, sent := map[string]uint64{}, map[string]int64{}
	for name, opening := range openings(t) {
		for n := range len(opening) {
			c := s.dial(name)
			write(t, c, []byte(opening[:n]))
			conns[name]++
			sent[name] += int64(n)
		}
	}
	for n := 0; n < len(upgrade()); n += 5 { // inside of TLS
		c := s.dial("wss")
		if _, err := c.Secure(s.trusting()); err != nil {
			t.Fatal(err)
		}
		write(t, c, []byte(upgrade()[:n]))
		conns["wss"]++
		sent["wss"] += int64(n)
	}
	open := func() bool { return s.Inventory().Connections == len(s.conns)+2 } // a timer runs from then on
	if !rig.Eventually(open) {
		t.Fatalf("open connections: got %d, want %d and the neighbours", s.Inventory().Connections, len(s.conns))
	}
	for _, name := range everyKind {
		all := func() bool { return s.stats(name).Connecting == int(conns[name]) }
		if !rig.Eventually(all) {
			t.Errorf("%s: got %+v, want %d connecting", name, s.stats(name), conns[name])
		}
		if got := s.stats(name).EarlyBytes; got > 2*sent[name] {
			t.Errorf("%s: got %d bytes kept of %d", name, got, sent[name])
		}
	}
	s.Advance(timeout + time.Second)
	for _, c := range s.conns {
		s.ended("an opening that was cut", c)
	}
	for _, name := range everyKind {
		s.refused("cut openings", name, map[string]uint64{"connect_timeout": conns[name]})
	}
	s.leave()
}

// The same openings, ended by the client: nothing is counted, nothing is left.
func TestOpeningsThatTheClientEndsLeaveNothing(t *testing.T) {
	s := build(t, nil)
	for name, opening := range openings(t) {
		for n := range len(opening) {
			c := s.dial(name)
			write(t, c, []byte(opening[:n]))
			switch n % 3 {
			case 0:
				c.Cut()
			case 1:
				_ = c.TCPConn.Close()
			case 2:
				_ = c.CloseWrite()
				s.ended("a connection that the client has half closed", c)
			}
		}
	}
	s.leave()
	for _, name := range everyKind {
		for reason, n := range s.stats(name).Refused {
			if reason != "tls_protocol" { // an end in the middle of a handshake
				t.Errorf("%s: got %d refused for %s, want none", name, n, reason)
			}
		}
	}
}

// A byte a second does not keep a connection beyond connect_timeout.
func TestDripsAreEndedByTheConnectTimeout(t *testing.T) {
	s := build(t, func(cfg *engine.Config) { cfg.Limits.ConnectTimeout = 3 * time.Second })
	const each = 10
	conns := map[string][]*rig.Conn{}
	for _, name := range everyKind {
		for range each {
			conns[name] = append(conns[name], s.dial(name))
		}
	}
	counted := func() (n uint64) {
		for _, name := range everyKind {
			n += s.stats(name).Refused["connect_timeout"]
		}
		return n
	}
	all := openings(t)
	for second := 0; counted() < uint64(each*len(everyKind)); second++ {
		if second == 10 {
			t.Fatalf("a byte a second keeps connections for %d seconds, with a connect_timeout of 3: %+v", second, s.Listeners())
		}
		for name, list := range conns {
			for _, c := range list {
				if _, err := c.Write([]byte(all[name][second : second+1])); err != nil && !rig.Ended(err) {
					t.Fatal(err)
				}
			}
		}
		s.pass(time.Second)
	}
	for _, name := range everyKind {
		s.refused("drips", name, map[string]uint64{"connect_timeout": each})
	}
	s.leave()
}
