package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// manager is a service manager of a test: it hears what the program tells it.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	path string
	p    fmt.Stringer // what the program that tells it has logged
}

func manage(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "penstock") // that of the test may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := &manager{t: t, p: newWatched(), path: filepath.Join(dir, "notify")}
	if m.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.conn.Close() })
	return m
}

// hears awaits a message with a line and returns the message.
func (m *manager) hears(line string) string {
	m.t.Helper()
	var heard []string
	_ = m.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for buf := make([]byte, 4096); ; {
		n, err := m.conn.Read(buf)
		if err != nil {
			m.t.Fatalf("%q was never heard, only %q: %v; the program:\n%s", line, heard, err, m.p)
		}
		heard = append(heard, string(buf[:n]))
		if slices.Contains(strings.Split(string(buf[:n]), "\n"), line) {
			return string(buf[:n])
		}
	}
}

func TestTheServiceManagerIsToldWhatGoesOn(t *testing.T) {
	m := manage(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "--listen", "tcp://127.0.0.1:0", "--admin", "off")
	cmd.Env = []string{"NOTIFY_SOCKET=" + m.path}
	p := startCommand(t, cmd)
	m.p = p.stderr
	if got := m.hears("READY=1"); strings.Contains(got, "MAINPID") {
		t.Errorf("the first process says %q, want nothing about who it is", got)
	}
	p.awaitLine(listening)
	p.signal(syscall.SIGHUP)
	if got := m.hears("RELOADING=1"); !regexp.MustCompile(`(?m)^MONOTONIC_USEC=[1-9][0-9]*$`).MatchString(got) {
		t.Errorf("got %q, want the time beside it", got)
	}
	m.hears("READY=1")
	p.signal(syscall.SIGTERM)
	m.hears("STOPPING=1")
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit %d, want 0; stderr:\n%s", code, p.stderr)
	}
}

// activated runs the program on sockets that were opened for it, as a service manager starts it.
func activated(t *testing.T, m *manager, names string, sockets []net.Listener, args ...string) *program {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Only the process itself knows its number.
	cmd := exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, exe}, args...)...)
	cmd.Env = []string{"NOTIFY_SOCKET=" + m.path, fmt.Sprintf("LISTEN_FDS=%d", len(sockets)), "LISTEN_FDNAMES=" + names}
	for _, ln := range sockets {
		f, err := ln.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	p := startCommand(t, cmd)
	m.p = p.stderr
	return p
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // service managers do not, unless told to
	ln, err := lc.Listen(context.Background(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func TestSocketsOfTheServiceManagerAreServed(t *testing.T) {
	m := manage(t)
	named, known, door := listen(t, "tcp", "127.0.0.1:0"), listen(t, "tcp", "127.0.0.1:0"), listen(t, "tcp", "127.0.0.1:0")
	file := filepath.Join(t.TempDir(), "penstock.yaml")
	text := fmt.Sprintf("listeners:\n  - {name: field, address: \"127.0.0.1:0\"}\n  - tcp://%s\nadmin: {listen: [\"%s\"], socket: off}\n", known.Addr(), door.Addr())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := activated(t, m, "field:penstock.socket:admin", []net.Listener{named, known, door}, "-c", file)
	m.hears("READY=1")
	for _, ln := range []net.Listener{named, known, door} {
		ln.Close() // from here on the program has it alone
	}
	for _, ln := range []net.Listener{named, known} {
		if got := p.awaitLine(listening); got != ln.Addr().String() {
			t.Errorf("listening on %s, want %s", got, ln.Addr())
		}
		if code := connack(t, ln.Addr().String()); code != 0 {
			t.Errorf("%s: return code %d, want 0", ln.Addr(), code)
		}
	}
	if got, want := p.awaitLine("^penstock: admin on (.*)$"), "http://"+door.Addr().String(); got != want {
		t.Errorf("admin on %s, want %s", got, want)
	}
	p.signal(syscall.SIGTERM)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit %d, want 0; stderr:\n%s", code, p.stderr)
	}
}
