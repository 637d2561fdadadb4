package codec

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzWebSocketServer feeds a server what a peer might send, whole and cut, and wants the same of both. With open the
// upgrade is done already.
func FuzzWebSocketServer(f *testing.F) {
	f.Add([]byte(testRequest), false)
	f.Add([]byte("GET /mqtt?token=secret HTTP/1.1\r\nHost: x\r\n\r\n"), false)
	f.Add([]byte("GET http://x/mqtt HTTP/1.1\r\nX: y\r\n folded\r\n\r\n"), false)
	f.Add(join([]byte(testRequest), masked(0x82, "first"), masked(0x89, "ping")), false)
	f.Add(join(masked(0x02, "one"), masked(0x8a, "pong"), masked(0x80, "two"), masked(0x88, closing(1000, "bye"))), true)
	f.Add(join(masked(0x82, strings.Repeat("x", 200)), rawFrame(0x82, 8, 1<<16, testMask, nil)), true)
	f.Add(bare(0x81, "text"), true)
	f.Fuzz(func(t *testing.T, in []byte, open bool) {
		fresh := openServer
		if !open {
			fresh = func() *WebSocket { return NewWebSocket(&testUpgrade) }
		}
		checkOutcome(t, in, runAll(t, fresh, in))
	})
}

// FuzzWebSocketClient does the same for a client.
func FuzzWebSocketClient(f *testing.F) {
	f.Add([]byte(testResponse), false)
	f.Add([]byte("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), false)
	f.Add(join([]byte(testResponse), bare(0x82, "first"), bare(0x89, "ping")), false)
	f.Add(join(bare(0x02, "one"), bare(0x8a, "pong"), bare(0x80, "two"), bare(0x88, closing(1000, "bye"))), true)
	f.Add(masked(0x82, "masked"), true)
	f.Fuzz(func(t *testing.T, in []byte, open bool) {
		fresh := openClient
		if !open {
			fresh = upgradingClient
		}
		checkOutcome(t, in, runAll(t, fresh, in))
	})
}

// checkOutcome looks at what holds for every input.
func checkOutcome(t *testing.T, in []byte, o outcome) {
	if c := o.cause(); strings.HasPrefix(c, "no fault") || c == "unknown" {
		t.Fatalf("ended with %v", o.err)
	}
	if len(o.got) > len(in) || len(o.answers) > len(in)+1024 {
		t.Fatalf("payload of %d bytes, answers of %d, for an input of %d", len(o.got), len(o.answers), len(in))
	}
	if o.err != nil && bytes.Contains(in, []byte("token=secret")) && strings.Contains(o.err.Error(), "?token=secret") {
		t.Fatalf("the error repeats the query: %v", o.err)
	}
}

// FuzzOrigin wants an origin that is read to be read again from its parts.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"https://example.org", "http://[::1]:8080", "http://127.0.0.1", "null", "capacitor://localhost", "http://a:1:2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := ParseOrigin(s)
		if err != nil {
			if (Origins{}).Allow(s, func(string) bool { return true }) {
				t.Fatalf("%q is no origin (%v) but allowed", s, err)
			}
			return
		}
		if !(Origins{list: []Origin{o}}).Allow(strings.ToUpper(s), nil) || strings.ContainsAny(o.Host, "/@*[] \\") || o.Host == "" {
			t.Fatalf("%q is read as %+v", s, o)
		}
	})
}
