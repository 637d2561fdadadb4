package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/plugin/admin"
)

// watchable runs a broker whose admin socket and listener are the test's.
func watchable(t *testing.T, args ...string) (p *program, address, socket, url string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	p = start(t, append([]string{"--listen", "tcp://127.0.0.1:0", "--admin", "127.0.0.1:0", "--set", "admin.socket=" + socket}, args...)...)
	address = p.awaitLine(listening)
	url = p.awaitLine(`^penstock: admin on (http://127\.0\.0\.1:[1-9][0-9]*)$`)
	return p, address, socket, url
}

// member connects a client whose session outlives it.
func member(t *testing.T, address, id string) *client.Client {
	t.Helper()
	o := client.Options{Addr: address, ClientID: id, Version: mqtt.V5, CleanStart: true}
	o.Props.SessionExpiry = 60
	o.Props.Set(mqtt.PropSessionExpiry)
	c, _, err := client.Dial(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestCtlShowsAndEndsClients(t *testing.T) {
	_, address, socket, url := watchable(t)
	ids := []string{"dev-1", "..", "a/b \x1b[31m"}
	for _, id := range ids {
		c := member(t, address, id)
		if _, err := c.Subscribe(context.Background(), []client.Filter{{Filter: "some/+", QoS: 1}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	ctl := func(code int, want string, args ...string) string {
		t.Helper()
		got, stdout, stderr := runArgs(append([]string{"ctl"}, args...)...)
		if got != code || !strings.Contains(stdout+stderr, want) {
			t.Errorf("ctl %q: exit %d, stdout %q, stderr %q, want exit %d and %q", args, got, stdout, stderr, code, want)
		}
		return stdout
	}
	s := "--socket=" + socket
	ctl(exitOK, "3 connected, 3 sessions, 3 subscriptions", s, "status")
	ctl(exitOK, "3 connected", "--url", url, "status")
	ctl(exitOK, "0 sessions\nqueued", s, "status")
	ctl(exitOK, "kept in memory, it ends with the process\n", s, "store")
	ctl(exitOK, `{"state":"memory"`, s, "--json", "store")
	if table := ctl(exitOK, "dev-1", s, "clients"); strings.Count(table, "\n") != 4 || strings.Contains(table, "\x1b") {
		t.Errorf("the table of 3 clients is %q, want 4 lines without control characters", table)
	}
	ctl(exitOK, "CLIENT", s, "clients", "--prefix", "nobody")
	if list := ctl(exitOK, "dev-1", s, "clients", "--limit", "2"); strings.Count(list, "\n") != 3 {
		t.Errorf("--limit 2 gives %q, want 3 lines", list)
	}
	for i, line := range strings.Split(strings.TrimSpace(ctl(exitOK, "{", s, "--json", "clients")), "\n") {
		var c admin.Client
		if err := json.Unmarshal([]byte(line), &c); err != nil || !c.Connected {
			t.Errorf("line %d: %v in %q", i, err, line)
		}
	}
	for _, id := range ids {
		ctl(exitOK, "some/+", s, "client", id)
	}
	ctl(exitOK, "dev-1: disconnected\n", s, "kick", "dev-1")
	ctl(exitOK, "dev-1: was not connected\n", s, "kick", "dev-1")
	ctl(exitOK, "away", s, "clients", "--prefix", "dev-1")
	ctl(exitOK, "..: disconnected, session ended\n", s, "kick", "--session", "..")
	ctl(exitFailed, "penstock: no such client\n", s, "client", "..")
	ctl(exitFailed, "penstock: no such client\n", s, "kick", "..")
	ctl(exitFailed, "use the unix socket", "--url", url, "kick", "dev-1")
}

func TestCtlReloads(t *testing.T) {
	dir := t.TempDir()
	path, socket := filepath.Join(dir, "penstock.yaml"), filepath.Join(dir, "s")
	write := func(extra string) {
		t.Helper()
		text := "listeners:\n  - tcp://127.0.0.1:0\nadmin:\n  listen: 127.0.0.1:0\n  socket: " + socket + "\n" + extra
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("  token: the token of before\n")
	p := start(t, "-c", path)
	url := p.awaitLine(`^penstock: admin on (http://.*)$`)
	reload := func(code int, want string, args ...string) {
		t.Helper()
		got, stdout, stderr := runArgs(append([]string{"ctl", "reload"}, args...)...)
		if got != code || !strings.Contains(stdout+stderr, want) {
			t.Errorf("reload %q: exit %d, stdout %q, stderr %q, want exit %d and %q", args, got, stdout, stderr, code, want)
		}
	}
	reload(exitOK, "configuration reloaded", "--url", url, "--token", "the token of before")
	reload(exitFailed, "Bearer", "--url", url, "--token", "the token of after")
	write("  token: the token of after\n")
	reload(exitOK, "configuration reloaded", "--socket", socket)
	reload(exitOK, "configuration reloaded", "--url", url, "--token", "the token of after")
	write("  token: short\n")
	reload(exitFailed, "penstock.yaml:6: admin.token: must be at least 16 characters long", "--socket", socket)
	write("limits:\n  maximum_qos: 7\n")
	reload(exitFailed, "limits.maximum_qos", "--socket", socket)
	// What was refused has changed nothing, the token neither.
	if code, _, stderr := runArgs("ctl", "reload", "--url", url, "--token", "the token of before"); code != exitFailed || !strings.Contains(stderr, "Bearer") {
		t.Errorf("the first token after all: exit %d, stderr %q, want a refusal", code, stderr)
	}
}

func TestCtlSaysWhereNobodyListens(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--socket", none, "status"}, exitFailed, fmt.Sprintf("penstock: no broker listens on %s; ", none)},
		{[]string{"--url", "http://127.0.0.1:1", "status"}, exitFailed, "penstock: no broker listens on http://127.0.0.1:1; "},
		{[]string{"--url", "127.0.0.1:1", "status"}, exitFailed, "penstock: --url 127.0.0.1:1: must be like "},
		{[]string{"--url", "http://h", "--socket", "s", "status"}, exitFailed, "penstock: --socket and --url exclude each other"},
		{[]string{"kick"}, exitUsage, "penstock: expected \"<client>\""},
	} {
		code, stdout, stderr := runArgs(append([]string{"ctl"}, tt.args...)...)
		if code != tt.code || stdout != "" || !strings.HasPrefix(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit %d, stdout %q, stderr %q, want exit %d and %q", tt.args, code, stdout, stderr, tt.code, tt.want)
		}
	}
}

func TestTheAdminListenerCanBeClosedAndMustBeHadWhenAskedFor(t *testing.T) {
	_, _, socket, url := watchable(t)
	p := start(t, "--listen", "tcp://127.0.0.1:0", "--admin", strings.TrimPrefix(url, "http://"), "--set", "admin.socket=off")
	if code := p.exitCode(); code != exitFailed || !strings.HasPrefix(p.stderr.String(), "penstock: admin.listen: ") || strings.Count(p.stderr.String(), "\n") != 1 {
		t.Errorf("a taken address: exit %d, stderr %q, want one line about admin.listen", code, p.stderr)
	}
	p = start(t, "--listen", "tcp://127.0.0.1:0", "--admin", "off", "--set", "admin.socket="+socket)
	if code := p.exitCode(); code != exitFailed || !strings.HasPrefix(p.stderr.String(), "penstock: admin.socket: ") {
		t.Errorf("a taken socket: exit %d, stderr %q, want one line about admin.socket", code, p.stderr)
	}
	p = start(t, "--listen", "tcp://127.0.0.1:0", "--admin", "off", "--set", "admin.socket=off")
	p.awaitLine(listening)
	p.signal(os.Interrupt)
	if code := p.exitCode(); code != exitOK || p.stderr.String() != "" && strings.Contains(p.stderr.String(), "admin") {
		t.Errorf("without any: exit %d, stderr %q", code, p.stderr)
	}
	p = start(t, "--admin", "0.0.0.0:0")
	if code := p.exitCode(); code != exitFailed || !strings.HasPrefix(p.stderr.String(), "penstock: --admin 0.0.0.0:0: admin.listen: must be a loopback address without admin.token") {
		t.Errorf("beyond loopback: exit %d, stderr %q, want a refusal", code, p.stderr)
	}
}
