package main

import (
	"encoding/json"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
)

// tells waits until ctl says all of it.
func tells(t *testing.T, args []string, want ...string) (stdout string) {
	t.Helper()
	var missing string
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-poll.C {
		code, stdout, stderr := runArgs(append([]string{"ctl"}, args...)...)
		if code != exitOK {
			t.Fatalf("ctl %q: exit %d, stderr %q", args, code, stderr)
		}
		missing = ""
		flat := strings.Join(strings.Fields(stdout), " ")
		for _, w := range want {
			if !strings.Contains(flat, w) {
				missing = w
			}
		}
		if missing == "" {
			return stdout
		}
	}
	t.Fatalf("ctl %q does not say %q", args, missing)
	return ""
}

// throw sends bytes to an address and waits for the end of the connection.
func throw(t *testing.T, address, text string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(c, text)
	_, _ = io.Copy(io.Discard, c)
}

func TestCtlShowsListenersAndWhatTheyRefused(t *testing.T) {
	p := newPKI(t)
	file := func(name string) string { return filepath.Join(p.dir, name) }
	_, plain, socket, _ := watchable(t, "--listen", "tls://127.0.0.1:0?name=field&cert="+file("server.crt")+"&key="+file("server.key")+
		"&client-auth=optional&ca="+file("ca.crt"))
	s := "--socket=" + socket
	before := tells(t, []string{s, "listeners"}, "LISTENER URL", "field tls://127.0.0.1:", "CN=server "+file("server.crt"), "(within a day) CN=ca")
	if strings.Contains(before, "REFUSED BY") {
		t.Errorf("nobody was refused, and ctl says %q", before)
	}
	var all admin.Listeners
	_, stdout, _ := runArgs("ctl", s, "--json", "listeners")
	if err := json.Unmarshal([]byte(stdout), &all); err != nil || len(all.Listeners) != 2 || all.Listeners[1].Name != "field" {
		t.Fatalf("--json: %v in %q", err, stdout)
	}
	field := strings.TrimPrefix(all.Listeners[1].URL, "tls://")

	for range 2 {
		throw(t, plain, "GET / HTTP/1.1\r\n\r\n")
	}
	throw(t, plain, "\x11\x00")
	throw(t, field, "GET / HTTP/1.1\r\n\r\n")
	name := all.Listeners[0].Name
	tells(t, []string{s, "listeners"}, "REFUSED BY COUNT REASON", name+" 2 not_mqtt_http "+name+" 1 CONNECT: Malformed Packet field 1 tls_not_tls",
		name+" "+name+" 0 0 0 B - 3 0 3 0")

	host, port, _ := net.SplitHostPort(field)
	subscriber(t, p.fill("-h "+host+" -p "+port+" -i me -t t --cafile @ca.crt --cert @client.crt --key @client.key"))
	tells(t, []string{s, "listeners"}, "0 on their way, 0 wait, 1 full, 0 resumed, 0 failed", "field 0 left in the handshake, 0 reloads, 0 failed")
	tells(t, []string{s, "clients"}, "CLIENT VERSION TRANSPORT ADDRESS", "tls 127.0.0.1:")
	tells(t, []string{s, "client", "me"}, "to field since", "transport tls", "TLS TLS 1.3, TLS_", "certificate client, of CN=ca", "(within a day) SHA-256 ")
}

func TestAnEndIsToldWithItsDistance(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		in   time.Duration
		want string
	}{
		{-time.Second, "(ended)"}, {time.Hour, "(within a day)"}, {25 * time.Hour, "(in a day)"}, {30*24*time.Hour + time.Hour, "(in 30 days)"},
	} {
		if got := end(now.Add(tt.in), now); !strings.HasSuffix(got, " "+tt.want) {
			t.Errorf("%v: got %q, want %q at its end", tt.in, got, tt.want)
		}
	}
}

func TestAnOriginNamesTheProxy(t *testing.T) {
	for _, tt := range []struct {
		remote, proxy, want string
	}{
		{"192.0.2.1:5", "", "192.0.2.1:5"},
		{"192.0.2.1:5", "10.0.0.1:7", "192.0.2.1:5 via proxy 10.0.0.1:7"},
		{"", "unix", "an address that is not known via proxy unix"},
		{"", "", "this machine"},
	} {
		if got := origin(&admin.Client{Remote: tt.remote, Proxy: tt.proxy}); got != tt.want {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
}
