package bench

import (
	"strings"
	"testing"
)

func TestAddressesAreTakenApart(t *testing.T) {
	for text, want := range map[string]address{
		"localhost:1884":             {host: "localhost", port: "1884"},
		"[::1]:1883":                 {host: "::1", port: "1883"},
		"mqtt://broker":              {host: "broker", port: "1883"},
		"tcp://127.0.0.1:1/":         {host: "127.0.0.1", port: "1"},
		"tls://broker":               {host: "broker", port: "8883", tls: true},
		"mqtts://[::1]:1":            {host: "::1", port: "1", tls: true},
		"ws://broker":                {host: "broker", port: "80", ws: true, target: "/mqtt"},
		"ws://broker:8083?token=x":   {host: "broker", port: "8083", ws: true, target: "/mqtt?token=x"},
		"wss://broker/":              {host: "broker", port: "443", ws: true, tls: true, target: "/"},
		"wss://broker/some/path?a=b": {host: "broker", port: "443", ws: true, tls: true, target: "/some/path?a=b"},
		"unix:///run/penstock.sock":  {unix: "/run/penstock.sock"},
	} {
		if got, err := parseAddress(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                       "host:port is missing",
		"localhost":              "missing port",
		"http://broker":          `the scheme "http" is none of`,
		"tls://user:secret@host": "user and password are options",
		"tls://:8883":            "the host is missing",
		"tls://host/path":        "only ws and wss have a path",
		"unix://run/sock":        "a unix socket is unix:///",
		"tls://user:sec ret@h":   "",
	} {
		if _, err := parseAddress(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sec") && text != "" {
			t.Errorf("%q: got %v, want what says %q and no password", text, err, want)
		}
	}
}

func TestOptionsOfALayerNeedTheLayer(t *testing.T) {
	for _, tt := range []struct{ addr, name, value, want string }{
		{"h:1", "cafile", "f", "cafile: is for TLS"},
		{"ws://h", "cert", "f", "cert: is for TLS"},
		{"unix:///s", "key", "f", "key: is for TLS"},
		{"h:1", "insecure", "true", "insecure: is for TLS"},
		{"h:1", "tls-resume", "true", "tls-resume: is for TLS"},
		{"tcp://h:1", "tls-version", "1.3", "tls-version: is for TLS"},
		{"h:1", "servername", "h", "servername: is for TLS"},
		{"tls://h", "ws-frames", "packet", "ws-frames: is for WebSocket"},
		{"tls://h", "cert", "f", "cert: certificate and key go together"},
		{"wss://h", "key", "f", "cert: certificate and key go together"},
	} {
		c := Config{Scenario: "p2p", Addr: tt.addr}
		if err := c.Set(tt.name, tt.value); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Resolve(); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s with %s: got %v, want %s", tt.addr, tt.name, err, tt.want)
		}
	}
}

func TestFewerClientsAreTheDefaultOverTLS(t *testing.T) {
	for addr, want := range map[string]int{"h:1": 10_000, "ws://h": 10_000, "tls://h": 5000, "wss://h": 5000} {
		if c, err := (Config{Scenario: "idle", Addr: addr}).Resolve(); err != nil || c.Clients != want {
			t.Errorf("%s: got %d clients, %v, want %d", addr, c.Clients, err, want)
		}
	}
	if c, err := (Config{Scenario: "idle", Addr: "tls://h", Clients: 15_000}).Resolve(); err != nil || c.Clients != 15_000 {
		t.Errorf("got %d clients, %v, want the 15,000 that were asked for", c.Clients, err)
	}
}

func TestAPacketIsMeasured(t *testing.T) {
	long := append([]byte{0x30, 0x80 | 72, 1}, make([]byte, 200)...)
	for _, tt := range []struct {
		b    []byte
		want int
	}{{[]byte{0xc0, 0}, 2}, {[]byte{0xc0, 0, 0xc0, 0}, 2}, {append(long, 0xc0, 0), len(long)}, {[]byte{0x30}, 1}, {[]byte{0x30, 9, 1}, 3}} {
		if got := packetLength(tt.b); got != tt.want {
			t.Errorf("%x: got %d, want %d", tt.b, got, tt.want)
		}
	}
}
