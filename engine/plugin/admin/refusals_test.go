package admin

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// say sends bytes and waits for the end.
func say(b string) func(e *every, c net.Conn) {
	return func(_ *every, c net.Conn) {
		_, _ = io.WriteString(c, b)
		_, _ = io.Copy(io.Discard, c)
	}
}

// shake is a TLS client that sends bytes, if it comes so far, and waits for the end.
func shake(then string, change func(e *every, c *tls.Config)) func(e *every, c net.Conn) {
	return func(e *every, c net.Conn) {
		cfg := e.client("")
		change(e, cfg)
		s := tls.Client(c, cfg)
		if s.Handshake() == nil {
			_, _ = io.WriteString(s, then)
		}
		_, _ = io.Copy(io.Discard, s)
		_, _ = io.Copy(io.Discard, c)
	}
}

const upgrade = "GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n"

// garbage is what may come to a listener, and the reason under which it is to be seen.
var garbage = []struct {
	listener, reason string
	send             func(e *every, c net.Conn)
}{
	{"tcp", "not_mqtt_http", say("GET / HTTP/1.1\r\nHost: h\r\n\r\n")},
	{"tcp", "not_mqtt_tls", shake("", func(*every, *tls.Config) {})},
	{"tcp", "not_mqtt_proxy", say("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")},
	{"tcp", "not_mqtt", say("SSH-2.0-x\r\n")},
	{"unix", "not_mqtt_http", say("POST / HTTP/1.1\r\n\r\n")},
	{"tls", "tls_not_tls", say("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")},
	{"tls", "tls_no_certificate", shake("", func(*every, *tls.Config) {})},
	{"tls", "tls_certificate", shake("", func(e *every, c *tls.Config) {
		stranger := certstest.NewCA(e.t, "other").Issue(e.t, "stranger", certstest.Client()).TLS()
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &stranger, nil }
	})},
	{"tls", "tls_version", shake("", func(_ *every, c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 })},
	{"tls", "tls_alpn", shake("", func(_ *every, c *tls.Config) { c.NextProtos = []string{"h2"} })},
	{"tls", "tls_alert", shake("", func(_ *every, c *tls.Config) { c.RootCAs = x509.NewCertPool() })},
	{"tls", "not_mqtt_http", shake("GET / HTTP/1.1\r\n\r\n", func(e *every, c *tls.Config) { *c = *e.client("good") })},
	{"ws", "ws_not_http", say("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")},
	{"ws", "ws_path", say("GET /other HTTP/1.1\r\nHost: h\r\n\r\n")},
	{"ws", "ws_method", say("POST /mqtt HTTP/1.1\r\nHost: h\r\n\r\n")},
	{"ws", "ws_not_upgrade", say("GET /mqtt HTTP/1.1\r\nHost: h\r\n\r\n")},
	{"ws", "ws_subprotocol", say(strings.Replace(upgrade, "Protocol: mqtt", "Protocol: soap", 1) + "\r\n")},
	{"ws", "ws_origin", say(upgrade + "Origin: https://evil.example\r\n\r\n")},
	{"ws", "ws_unmasked", say(upgrade + "\r\n\x82\x01x")},
	{"ws", "ws_opcode", say(upgrade + "\r\n\x81\x81\x00\x00\x00\x00x")},
	{"ws", "not_mqtt", say(upgrade + "\r\n\x82\x81\x00\x00\x00\x00x")},
	{"wss", "tls_not_tls", say(upgrade + "\r\n")},
	{"wss", "ws_path", shake("GET /other HTTP/1.1\r\nHost: h\r\n\r\n", func(_ *every, c *tls.Config) { c.NextProtos = nil })},
	{"proxied", "proxy_missing", say("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")},
	{"proxied", "proxy_malformed", say("PROXY TCP4 nobody\r\n")},
}

func TestEveryRefusalIsSeenByListenerAndReason(t *testing.T) {
	e := runEvery(t)
	want := map[string]map[string]uint64{}
	for _, g := range garbage {
		g.send(e, e.dial(g.listener))
		if want[g.listener] == nil {
			want[g.listener] = map[string]uint64{}
		}
		want[g.listener][g.reason]++
		eventually(t, g.reason+" on "+g.listener, func() bool {
			return e.scrape("penstock_listener_refused_total", "listener="+g.listener, "reason="+g.reason) == float64(want[g.listener][g.reason])
		})
	}
	for name, reasons := range want {
		eventually(t, "nobody on "+name, func() bool { return e.listener(name).Connections == 0 })
		got := e.listener(name)
		sent := uint64(0)
		for reason, n := range reasons {
			if sent += n; got.Refused[reason] != n {
				t.Errorf("%s: %s %d times, want %d", name, reason, got.Refused[reason], n)
			}
		}
		if sum(got.Refused) != sent || got.Accepted != sent || got.Connecting != 0 || got.EarlyBytes != 0 {
			t.Errorf("%s: got %+v, want %d accepted and refused, and nothing left of them", name, got, sent)
		}
		if n := e.scrape("penstock_listener_accepted_total", "listener="+name); n != float64(sent) {
			t.Errorf("%s: %v accepted, want %d", name, n, sent)
		}
	}
}

func TestConnectionsWithoutAConnectAreSeen(t *testing.T) {
	e := runEvery(t)
	for name := range e.at {
		c := e.dial(name)
		if name != "proxied" { // of these every kind keeps the beginning
			_, _ = io.WriteString(c, map[string]string{"tls": "\x16\x03", "wss": "\x16\x03", "ws": "GET /"}[name]+"\x10\xff")
		}
		eventually(t, "a connection of "+name, func() bool {
			l := e.listener(name)
			return l.Connections == 1 && l.Connecting == 1 && (l.EarlyBytes > 0) == (name != "proxied")
		})
		for _, metric := range []string{"penstock_listener_connections", "penstock_listener_connecting"} {
			if n := e.scrape(metric, "listener="+name); n != 1 {
				t.Errorf("%s of %s: got %v, want 1", metric, name, n)
			}
		}
		_ = c.Close()
		eventually(t, "the end of it", func() bool { return e.listener(name).Connections == 0 && e.listener(name).EarlyBytes == 0 })
	}
}

func TestOneClientTooManyIsSeen(t *testing.T) {
	l := engine.Listener{Name: "narrow", Kind: engine.KindTCP, Address: "127.0.0.1:0", MaxConnections: 1}
	r := run(t, local(t), l)
	r.connect("me", 0)
	c, err := net.Dial("tcp", r.mqtt)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = io.Copy(io.Discard, c)
	if n := r.scrape("penstock_listener_refused_total", "listener=narrow", "reason=max_connections"); n != 1 {
		t.Errorf("got %v refused, want 1", n)
	}
	if n := r.scrape("penstock_listener_connections", "listener=narrow"); n != 1 {
		t.Errorf("got %v connections, want 1", n)
	}
}

func TestARefusedConnectIsSeenByItsListener(t *testing.T) {
	e := runEvery(t)
	say("\x11\x00")(e, e.dial("tcp"))                                         // wrong flags
	say("\x10\x0c\x00\x04MQTT\x09\x02\x00\x3c\x00\x00")(e, e.dial("tcp"))     // version 9
	say("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")(e, e.dial("proxied")) // no CONNECT was looked at
	for _, reason := range []mqtt.Reason{mqtt.MalformedPacket, mqtt.UnsupportedProtocolVersion} {
		eventually(t, reason.String(), func() bool { return e.listener("tcp").ConnectsRefused[reason.String()] == 1 })
		if n := e.scrape("penstock_listener_connects_refused_total", "listener=tcp", "reason="+reason.String()); n != 1 {
			t.Errorf("%v: got %v, want 1", reason, n)
		}
	}
	if got := e.listener("tcp"); sum(got.ConnectsRefused) != 2 || sum(got.Refused) != 0 {
		t.Errorf("tcp: got %v and %v, want two CONNECTs refused", got.ConnectsRefused, got.Refused)
	}
	if got := e.listener("proxied"); sum(got.ConnectsRefused) != 0 {
		t.Errorf("proxied: got %v, want no CONNECT refused", got.ConnectsRefused)
	}
}

func TestAPeerThatLeavesIsCounted(t *testing.T) {
	e := runEvery(t)
	left := func(name string, handshake bool) uint64 {
		l := e.listener(name)
		if handshake {
			return l.LeftHandshake
		}
		return l.LeftConnect
	}
	for _, tt := range []struct {
		listener, say string
		handshake     bool
	}{{"tcp", "", false}, {"tcp", "\x10\x0c\x00", false}, {"unix", "\x10", false}, {"tls", "", true}, {"tls", "\x16\x03\x01", true}, {"ws", "GET", false}, {"wss", "", true}} {
		before := left(tt.listener, tt.handshake)
		c := e.dial(tt.listener)
		_, _ = io.WriteString(c, tt.say)
		_ = c.Close()
		eventually(t, "one that left "+tt.listener, func() bool { return left(tt.listener, tt.handshake) == before+1 })
		if got := e.listener(tt.listener); sum(got.Refused)+sum(got.ConnectsRefused) != 0 {
			t.Errorf("%s, %q: got %v and %v, want nobody refused", tt.listener, tt.say, got.Refused, got.ConnectsRefused)
		}
	}
	c := e.dial("ws")
	_, _ = io.WriteString(c, upgrade+"\r\n\x88\x80\x00\x00\x00\x00") // a close frame
	_, _ = io.Copy(io.Discard, c)
	eventually(t, "one that said so", func() bool { return left("ws", false) == 2 })
	if n := e.scrape("penstock_listener_left_total", "listener=tls", "during=handshake"); n != 2 {
		t.Errorf("got %v that left tls, want 2", n)
	}
}
