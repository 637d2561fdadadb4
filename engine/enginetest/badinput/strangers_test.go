package badinput

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// hello is the first flight of a TLS client.
func hello(t *testing.T) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	go func() { // it waits for an answer that does not come
		_ = tls.Client(client, &tls.Config{ServerName: "localhost", CurvePreferences: []tls.CurveID{tls.X25519}}).Handshake()
	}()
	b := make([]byte, 4096)
	n, err := server.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// upgrade is an HTTP request that becomes a WebSocket, with some of it replaced.
func upgrade(replace ...string) string {
	return strings.NewReplacer(replace...).Replace("GET /mqtt HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
}

func connectPacket() string {
	return string((&mqtt.Connect{Version: mqtt.V5, CleanStart: true, ClientID: []byte("stranger")}).AppendTo(nil))
}

// proxyV2 is a header of version 2, for a client on IPv4, with so many bytes of TLVs.
func proxyV2(tlv []byte) string {
	n := 12 + len(tlv)
	return "\r\n\r\n\x00\r\nQUIT\n\x21\x11" + string([]byte{byte(n >> 8), byte(n)}) + "\xc0\x00\x02\x08\xc6\x33\x64\x01\xc3\x50\x07\x5b" + string(tlv)
}

const proxyV1 = "PROXY TCP4 192.0.2.7 198.51.100.1 50000 1883\r\n"

// Whoever speaks another protocol than the listener's is sent away, and counted by what it was.
func TestStrangersAreCountedByWhatTheySpeak(t *testing.T) {
	s := build(t, nil)
	first := string(hello(t))
	for _, c := range []struct{ listener, what, say, reason string }{
		{"tcp", "HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not_mqtt_http"},
		{"tcp", "HTTP POST", "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", "not_mqtt_http"},
		{"tcp", "HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "not_mqtt_http"},
		{"tcp", "TLS", first, "not_mqtt_tls"},
		{"tcp", "PROXY 1", proxyV1 + connectPacket(), "not_mqtt_proxy"},
		{"tcp", "PROXY 2", proxyV2(nil) + connectPacket(), "not_mqtt_proxy"},
		{"tcp", "a PUBLISH", "\x30\x05\x00\x01axy", "not_mqtt"},
		{"tcp", "zeros", strings.Repeat("\x00", 1000), "not_mqtt"},
		{"tcp", "SSH", "SSH-2.0-x\r\n", "not_mqtt"},
		{"tls", "MQTT", connectPacket(), "tls_not_tls"},
		{"tls", "HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "tls_not_tls"},
		{"tls", "an alert", "\x15\x03\x01\x00\x02\x02\x28", "tls_not_tls"},
		{"tls", "SSL 2", "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", "tls_not_tls"},
		{"tls", "a record of 65535 bytes", "\x16\x03\x01\xff\xff\x01\x00", "tls_not_tls"},
		{"tls", "an empty record", "\x16\x03\x01\x00\x00", "tls_protocol"},
		{"tls", "a handshake without sense", "\x16\x03\x01\x00\x08\x01\x00\x00\x04\xff\xff\xff\xff", "tls_protocol"},
		{"ws", "MQTT", connectPacket(), "ws_not_http"},
		{"ws", "TLS", first, "ws_not_http"},
		{"ws", "PROXY", proxyV1 + upgrade(), "ws_bad_request"},
		{"ws", "a page", "GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n", "ws_not_upgrade"},
		{"ws", "another path", upgrade("/mqtt ", "/ "), "ws_path"},
		{"ws", "a POST", upgrade("GET", "POST"), "ws_method"},
		{"ws", "another version", upgrade("Version: 13", "Version: 8"), "ws_version"},
		{"ws", "another subprotocol", upgrade("Protocol: mqtt", "Protocol: chat"), "ws_subprotocol"},
		{"ws", "a page of another origin", upgrade("Host:", "Origin: https://example.org\r\nHost:"), "ws_origin"},
		{"ws", "no key", upgrade("Key: AAAAAAAAAAAAAAAAAAAAAA==", "Key: x"), "ws_bad_request"},
		{"ws", "a large header", upgrade("Host:", "Cookie: "+strings.Repeat("x", 9000)+"\r\nHost:"), "ws_header_too_large"},
		{"ws", "a header without end", "GET /mqtt HTTP/1.1\r\nX: " + strings.Repeat("x", 100000), "ws_header_too_large"},
		{"wss", "MQTT", connectPacket(), "tls_not_tls"},
		{"proxy", "MQTT", connectPacket(), "proxy_missing"},
		{"proxy", "TLS", first, "proxy_missing"},
		{"proxy", "a line without end", "PROXY TCP4 " + strings.Repeat("1", 200), "proxy_malformed"},
		{"proxy", "no address", "PROXY TCP4 x y 1 2\r\n", "proxy_malformed"},
		{"proxy", "another version", "\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x0c", "proxy_malformed"},
		{"proxy", "too few bytes for its addresses", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x04abcd", "proxy_malformed"},
		{"proxy", "the largest length", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff", "proxy_malformed"},
		{"proxy", "a TLV beyond its end", proxyV2([]byte{3, 0xff, 0xff, 0}), "proxy_malformed"},
		{"proxy", "a second header, version 1", proxyV1 + proxyV1 + connectPacket(), "not_mqtt_proxy"},
		{"proxy", "a second header, version 2", proxyV2(nil) + proxyV2(nil) + connectPacket(), "not_mqtt_proxy"},
		{"proxy", "HTTP behind it", proxyV1 + "GET / HTTP/1.1\r\n\r\n", "not_mqtt_http"},
	} {
		before := s.stats(c.listener).Refused
		const each = 10
		for range each {
			conn := s.dial(c.listener)
			if _, err := conn.Write([]byte(c.say)); err != nil && !rig.Ended(err) {
				t.Fatal(err)
			}
			s.ended(c.what, conn)
		}
		before[c.reason] += each
		s.refused(c.what, c.listener, before)
	}
	s.leave()
}

// What a client says against the handshake is an alert.
func TestClientsThatDoNotTrustTheBroker(t *testing.T) {
	s := build(t, nil)
	const each = 10
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for range each {
			c := s.dial("tls")
			if _, err := c.Secure(&tls.Config{ServerName: "127.0.0.1", MinVersion: version, MaxVersion: version}); err == nil {
				t.Fatal("a certificate of an authority that nobody knows is trusted")
			}
			s.ended("an alert", c)
		}
	}
	s.refused("no trust", "tls", map[string]uint64{"tls_alert": 2 * each})
	s.leave()
}

// What is wrong inside of TLS is told inside of it.
func TestStrangersInsideOfTLS(t *testing.T) {
	s := build(t, nil)
	for _, c := range []struct{ listener, what, say, reason string }{
		{"tls", "HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not_mqtt_http"},
		{"tls", "TLS", string(hello(t)), "not_mqtt_tls"},
		{"wss", "MQTT", connectPacket(), "ws_not_http"},
		{"wss", "a page", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "ws_path"},
	} {
		before := s.stats(c.listener).Refused
		conn := s.dial(c.listener)
		if _, err := conn.Secure(s.trusting()); err != nil {
			t.Fatal(err)
		}
		write(t, conn, []byte(c.say))
		said, err := io.ReadAll(conn)
		if err != nil && !rig.Ended(err) {
			t.Errorf("%s: %v, want the connection closed", c.what, err)
		}
		if c.reason == "ws_path" && !strings.HasPrefix(string(said), "HTTP/1.1 404 ") {
			t.Errorf("%s: the broker said %q, want a status of 404", c.what, said)
		}
		before[c.reason]++
		s.refused(c.what, c.listener, before)
	}
	s.leave()
}
