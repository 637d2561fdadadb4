package client_test

import (
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func TestAddressesSayWhereToDial(t *testing.T) {
	for addr, want := range map[string]string{
		"host:1":                        "tcp host:1",
		"mqtt://host":                   "tcp host:1883",
		"tcp://host:1":                  "tcp host:1",
		"mqtts://host":                  "tcp host:8883",
		"tls://[::1]":                   "tcp [::1]:8883",
		"tls://[fe80::1%25eth0]:1":      "tcp [fe80::1%eth0]:1",
		"MQTTS://host":                  "tcp host:8883",
		"ws://host":                     "tcp host:80",
		"ws://host:8083/mqtt?a=b":       "tcp host:8083",
		"wss://user:pw@host/x":          "tcp host:443",
		"unix:///run/penstock%20x.sock": "unix /run/penstock x.sock",
	} {
		var d nowhere
		_, _, err := client.Dial(t.Context(), client.Options{Addr: addr, Dialer: &d})
		if got := d.network + " " + d.addr; got != want || !errors.Is(err, errNowhere) {
			t.Errorf("%s: dialed %q, %v; want %q", addr, got, err, want)
		}
	}
}

func TestAddressesThatMeanNothingAreRefused(t *testing.T) {
	for _, o := range []client.Options{
		{Addr: "http://host"}, {Addr: "mqtt://"}, {Addr: "mqtt://:1883"}, {Addr: "mqtt://host/topic"}, {Addr: "mqtts://host?a=b"},
		{Addr: "ws://host/mqtt#x"}, {Addr: "unix://host/path"}, {Addr: "unix:///"}, {Addr: "mqtt://user:secret@[::1"},
		{Addr: "mqtt://user:secret#more@host"}, {Addr: "mqtt://user:secret?more@host"}, {Addr: "mqtt://user:secret/more@host"},
		{Addr: "mqtt://user:sec%secret@host"}, {Addr: "mqtt://user:secret\"secret"}, {Addr: "mqtt://user:%secret@host"},
		{Addr: "mqtt://host", TLS: new(tls.Config)}, {Addr: "ws://host", TLS: new(tls.Config)}, {Addr: "host:1883", TLS: new(tls.Config)},
		{Addr: "mqtts://host", Header: http.Header{}},
	} {
		var d nowhere
		o.Dialer = &d
		_, _, err := client.Dial(t.Context(), o)
		if !errors.Is(err, client.ErrOptions) || d.addr != "" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, dialed %q; want %v without the password", o.Addr, err, d.addr, client.ErrOptions)
		}
	}
}

func TestTheURLsCredentialsAreForWhoHasNone(t *testing.T) {
	for _, tt := range []struct {
		o              client.Options
		user, password string
	}{
		{client.Options{Addr: "mqtt://me:p%40ss@host"}, "me", "p@ss"},
		{client.Options{Addr: "mqtt://me@host"}, "me", ""},
		{client.Options{Addr: "mqtt://me:pass@host", Username: "other"}, "other", ""},
	} {
		p, _ := newStage(t).dial(tt.o)
		c := p.connect()
		if string(c.Username) != tt.user || string(c.Password) != tt.password || c.Version != mqtt.V5 {
			t.Errorf("%s: user %q, password %q; want %q, %q", tt.o.Addr, c.Username, c.Password, tt.user, tt.password)
		}
		p.Close()
	}
}

func FuzzAddress(f *testing.F) {
	for _, addr := range []string{"host:1", "mqtt://host", "tls://[fe80::1%25eth0]:1", "ws://u:p@host/a?b#c", "unix:///path", "wss://[::1", "://"} {
		f.Add(addr)
	}
	f.Fuzz(func(t *testing.T, addr string) {
		var d nowhere
		_, _, err := client.Dial(t.Context(), client.Options{Addr: addr, Dialer: &d})
		switch {
		case errors.Is(err, errNowhere) && d.network != "":
		case errors.Is(err, client.ErrOptions) && d.network == "":
		default:
			t.Errorf("%q: dialed %q on %q, %v", addr, d.addr, d.network, err)
		}
	})
}
