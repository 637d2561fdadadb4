package codec

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestClientAsksAsRFC6455Says(t *testing.T) {
	u := ClientUpgrade{
		Host: "broker:8083", Path: "/mqtt?token=abc", Subprotocols: []string{"mqtt", "mqttv3.1"},
		Header: http.Header{"Authorization": {"Bearer x\r\nInjected: yes"}, "Origin": {"https://example.org"}},
	}
	w := NewWebSocketClient(&u)
	b := w.Start([]byte("before"))
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("before")))))
	if err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	h := r.Header
	if r.Method != "GET" || r.RequestURI != u.Path || r.Host != u.Host || r.Proto != "HTTP/1.1" || h.Get("Upgrade") != "websocket" ||
		h.Get("Connection") != "Upgrade" || h.Get("Sec-WebSocket-Version") != "13" || h.Get("Sec-WebSocket-Protocol") != "mqtt, mqttv3.1" ||
		!validKey(h.Get("Sec-WebSocket-Key")) || h.Get("Origin") != "https://example.org" || h.Get("Injected") != "" {
		t.Fatalf("the request %q", b)
	}
	if again := w.Start(nil); len(again) > 0 || w.Open() || len(w.Seal(nil, []byte("x"))) > 0 {
		t.Fatalf("before the answer: a second request %q, open %t", again, w.Open())
	}
	other := NewWebSocketClient(&u)
	if bytes.Equal(other.Start(nil), b[len("before"):]) {
		t.Fatal("two clients with the same key")
	}
	bare := NewWebSocketClient(&ClientUpgrade{Host: "x"})
	if b := bare.Start(nil); !bytes.HasPrefix(b, []byte("GET / HTTP/1.1\r\n")) || bytes.Contains(b, []byte("Sec-WebSocket-Protocol")) {
		t.Fatalf("without path and subprotocols: %q", b)
	}
}

func TestAnswersToAClient(t *testing.T) {
	replace := func(old, new string) string { return strings.Replace(testResponse, old, new, 1) }
	for _, c := range []struct{ name, in, cause, say string }{
		{"the usual", testResponse, "", ""},
		{"with more lines", replace("Upgrade:", "Date: now\r\nServer: x\r\nUpgrade:"), "", ""},
		{"in lower case", replace("Upgrade: websocket\r\nConnection: Upgrade", "upgrade: WebSocket\r\nconnection: upgrade"), "", ""},
		{"without a reason", replace("101 Switching Protocols", "101"), "", ""},
		{"another subprotocol of ours", replace("Protocol: mqtt", "Protocol: mqttv3.1"), "", ""},
		{"HTTP/1.0", replace("HTTP/1.1", "HTTP/1.0"), "ws_bad_request", "HTTP/1.0"},
		{"refused", "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n", "ws_not_upgrade", "HTTP 403 Forbidden"},
		{"another path", "HTTP/1.1 404 Nope?token=secret\r\n\r\n", "ws_not_upgrade", "HTTP 404 Not Found"},
		{"moved", "HTTP/1.1 301 \r\nLocation: /x\r\n\r\n", "ws_not_upgrade", "HTTP 301 Moved Permanently"},
		{"a page", "HTTP/1.1 200 OK\r\n\r\n<html>", "ws_not_upgrade", "HTTP 200 OK"},
		{"an odd status", "HTTP/1.1 1x1 Odd\r\n\r\n", "ws_bad_request", "no HTTP status"},
		{"no status", "HTTP/1.1\r\n\r\n", "ws_bad_request", "no HTTP status"},
		{"no line", "HTTP/1.1 101 Switching Protocols\r\nnonsense\r\n\r\n", "ws_bad_request", "header line"},
		{"MQTT", "\x20\x02\x00\x00", "ws_not_http", "not HTTP"},
		{"TLS", "\x15\x03\x01\x00\x02\x02\x46", "ws_not_http", "not HTTP"},
		{"HTTP/2", "HTTP/2 101\r\n\r\n", "ws_not_http", "not HTTP"},
		{"no end", "HTTP/1.1 101 x\r\nX: " + strings.Repeat("x", 9000), "ws_header_too_large", "larger"},
		{"no upgrade", replace("Upgrade: websocket\r\n", ""), "ws_bad_request", "another protocol"},
		{"another upgrade", replace("Upgrade: websocket", "Upgrade: h2c"), "ws_bad_request", "another protocol"},
		{"no connection", replace("Connection: Upgrade\r\n", ""), "ws_bad_request", "another protocol"},
		{"no accept", replace("Sec-WebSocket-Accept: "+testAccept+"\r\n", ""), "ws_bad_request", "Accept"},
		{"another accept", replace(testAccept, strings.ToLower(testAccept)), "ws_bad_request", "Accept"},
		{"no subprotocol", replace("Sec-WebSocket-Protocol: mqtt\r\n", ""), "ws_subprotocol", "mqtt, mqttv3.1"},
		{"a subprotocol not offered", replace("Protocol: mqtt", "Protocol: chat"), "ws_subprotocol", "mqtt, mqttv3.1"},
		{"two subprotocols", replace("Protocol: mqtt", "Protocol: mqtt, mqttv3.1"), "ws_subprotocol", "mqtt, mqttv3.1"},
		{"an extension", replace("Upgrade:", "Sec-WebSocket-Extensions: permessage-deflate\r\nUpgrade:"), "ws_bad_request", "extension"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := runAll(t, upgradingClient, []byte(c.in))
			if o.cause() != c.cause || len(o.answers) > 0 || o.err != nil && !strings.Contains(o.err.Error(), c.say) {
				t.Errorf("ended with %q (%v), answers %q; want %q with %q\ninput %q", o.cause(), o.err, o.answers, c.cause, c.say, c.in)
			}
			if o.err != nil && strings.Contains(o.err.Error(), "secret") {
				t.Errorf("the error repeats what the server said: %v", o.err)
			}
		})
	}
	any := NewWebSocketClient(&ClientUpgrade{Host: "x"})
	any.opening.accept = testAccept
	if o := run(t, any, []byte(replace("Sec-WebSocket-Protocol: mqtt\r\n", "")), whole); o.err != nil || any.Request().Subprotocol != "" {
		t.Errorf("no subprotocol offered and none chosen: %v", o.err)
	}
}

func TestFramesBehindTheAnswerAreNotLost(t *testing.T) {
	o := runAll(t, upgradingClient, join([]byte(testResponse), bare(0x82, "first"), bare(0x88, "")))
	if string(o.got) != "first" || o.err != io.EOF {
		t.Fatalf("payload %q, error %v", o.got, o.err)
	}
}

func TestEveryFrameOfAClientHasAMaskOfItsOwn(t *testing.T) {
	seen := map[[4]byte]bool{}
	w := openClient()
	for range 100 {
		b := w.Seal(nil, make([]byte, 20)) // zeros show the mask
		seen[[4]byte(b[2:6])] = true
		if b[1] != 0x80|20 || !bytes.Equal(b[6:], bytes.Repeat(b[2:6], 5)) {
			t.Fatalf("the frame %x", b)
		}
	}
	if len(seen) < 99 {
		t.Fatalf("%d masks in 100 frames", len(seen))
	}
}
