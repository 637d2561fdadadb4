package badinput

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// guests notes where clients come from.
type guests struct {
	mu   sync.Mutex
	from map[string]string // by client identifier
}

func (g *guests) hooks() *engine.Hooks {
	g.from = map[string]string{}
	return &engine.Hooks{Connected: func(c engine.ClientInfo) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.from[c.ClientID] = c.Remote.String()
	}}
}

func (g *guests) of(id string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.from[id]
}

// What a proxy says is believed of those who are trusted: whole or in pieces, with the largest TLVs, up to what is allowed.
func TestProxyHeadersOfEverySize(t *testing.T) {
	var g guests
	s := buildWith(t, func(cfg *engine.Config) { listener(cfg, "proxy").Auth = engine.AnonymousAlways }, engine.Parts{Hooks: g.hooks()})
	tlv := func(n int) []byte { // of a type that nobody knows
		return append([]byte{0xe0, byte((n - 3) >> 8), byte(n - 3)}, make([]byte, n-3)...)
	}
	largest := tlv(4096 - 16 - 12)
	for i, c := range []struct{ what, header, from string }{
		{"version 1", proxyV1, "192.0.2.7:50000"},
		{"version 1, IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 50000 1883\r\n", "[2001:db8::1]:50000"},
		{"version 2", proxyV2(nil), "192.0.2.8:50000"},
		{"version 2 with the largest TLV", proxyV2(largest), "192.0.2.8:50000"},
		{"version 2 with many TLVs", proxyV2(bytes.Repeat(tlv(4), 1000)), "192.0.2.8:50000"},
		{"version 2, of the proxy itself", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", ""},
		{"version 1, unknown", "PROXY UNKNOWN\r\n", netip.AddrPort{}.String()},
	} {
		for _, piece := range []int{1 << 20, 1000, 7, 1} {
			id := fmt.Sprint(i, "-", piece)
			conn := s.dial("proxy")
			all := c.header + string((&mqtt.Connect{Version: mqtt.V5, CleanStart: true, ClientID: []byte(id)}).AppendTo(nil))
			for rest := []byte(all); len(rest) > 0; {
				n := min(piece, len(rest))
				write(t, conn, rest[:n])
				rest = rest[n:]
			}
			want(t, conn, mqtt.CONNACK)
			from := c.from
			if from == "" {
				from = conn.LocalAddr().String()
			}
			if got := g.of(id); got != from {
				t.Errorf("%s in pieces of %d: the client is at %q, want %q", c.what, piece, got, from)
			}
		}
	}
	conn := s.dial("proxy")
	write(t, conn, []byte(proxyV2(append(largest, 0))))
	s.ended("a header larger than allowed", conn)
	s.refused("headers", "proxy", map[string]uint64{"proxy_malformed": 1})
	s.leave()
}

// Where the networks of proxies are named, everybody else is taken as they are, and may not pretend.
func TestProxiesThatAreNotTrusted(t *testing.T) {
	var g guests
	s := buildWith(t, func(cfg *engine.Config) {
		l := listener(cfg, "proxy")
		l.Proxy, l.Auth = []string{"127.77.0.0/16"}, engine.AnonymousAlways
	}, engine.Parts{Hooks: g.hooks()})
	from := func(ip string) *rig.Conn {
		nc, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}).Dial("tcp", s.at["proxy"])
		if err != nil {
			t.Fatal(err)
		}
		c := &rig.Conn{TCPConn: nc.(*net.TCPConn), V: mqtt.V5}
		s.conns = append(s.conns, c)
		return c
	}
	stranger := from("127.78.0.1")
	write(t, stranger, []byte(proxyV1+connectPacket()))
	s.ended("a header of a stranger", stranger)
	s.refused("a stranger's header", "proxy", map[string]uint64{"not_mqtt_proxy": 1})

	plain := from("127.78.0.1")
	s.greet(plain, "plain")
	if got, want := g.of("plain"), plain.LocalAddr().String(); got != want {
		t.Errorf("a client without a proxy is at %q, want %q", got, want)
	}
	silent := from("127.77.0.1")
	write(t, silent, []byte(connectPacket()))
	s.ended("no header of a proxy", silent)
	s.refused("no header", "proxy", map[string]uint64{"not_mqtt_proxy": 1, "proxy_missing": 1})

	behind := from("127.77.0.1")
	write(t, behind, []byte(proxyV2(nil)))
	s.greet(behind, "behind")
	if got, want := g.of("behind"), "192.0.2.8:50000"; got != want {
		t.Errorf("a client behind a proxy is at %q, want %q", got, want)
	}
	s.leave()
}
