package admin

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/engine"
)

// next makes a server of the same broker and configuration on sockets that were passed.
func (r *rig) next(cfg Config, sockets []engine.Socket) *Server {
	r.t.Helper()
	s, err := New(cfg, Options{Broker: r.broker, Logger: slog.New(slog.NewTextHandler(r.log, nil)), Sockets: sockets})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// sockets asks the running server for what is passed on.
func (r *rig) sockets() []engine.Socket {
	r.t.Helper()
	sockets, err := r.admin.Sockets()
	if err != nil {
		r.t.Fatal(err)
	}
	return sockets
}

func TestTheNextServerIsReachedWhereTheFirstOneWas(t *testing.T) {
	cfg := local(t)
	cfg.Listen = append(cfg.Listen, "127.0.0.1:0")
	r := run(t, cfg)
	was := r.admin.URLs()
	second := r.next(cfg, r.sockets())
	if _, err := second.Bind(); err != nil {
		t.Fatal(err)
	}
	if err := r.admin.Leave(context.Background()); err != nil {
		t.Fatal(err)
	}
	waiting, err := net.Dial("unix", cfg.Socket) // nobody accepts, and yet it is not refused
	if err != nil {
		t.Fatalf("between the two: %v", err)
	}
	waiting.Close()
	if _, err := second.Start(); err != nil {
		t.Fatal(err)
	}
	r.admin = second
	if got := second.URLs(); strings.Join(got, " ") != strings.Join(was, " ") {
		t.Errorf("got addresses %q, want %q", got, was)
	}
	for _, socket := range []bool{true, false} {
		if a := r.ask(request{path: "/readyz", socket: socket}); a.status != 200 {
			t.Errorf("over the socket %v: got %d, want 200", socket, a.status)
		}
	}
	if err := second.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(cfg.Socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the end of the second: got %v, want no socket file", err)
	}
}

func TestANextServerThatNeverServedLeavesTheFirstItsSocket(t *testing.T) {
	cfg := local(t)
	r := run(t, cfg)
	second := r.next(cfg, r.sockets())
	if _, err := second.Bind(); err != nil {
		t.Fatal(err)
	}
	if err := second.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if a := r.ask(request{path: "/readyz", socket: true}); a.status != 200 {
		t.Errorf("the first server's socket: got %d, want 200", a.status)
	}
}

func TestTheSocketStaysTakenWhileItIsPassedOn(t *testing.T) {
	cfg := local(t)
	r := run(t, cfg)
	sockets := r.sockets()
	if err := r.admin.Leave(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s, err := listenSocket(cfg.Socket); !errors.Is(err, errTaken) {
		t.Errorf("between the two: got %v, %v, want %v", s, err, errTaken)
	}
	closeAll(sockets)
	s, err := listenSocket(cfg.Socket)
	if err != nil {
		t.Fatalf("once nobody has it: %v", err)
	}
	s.close()
}

// A service manager knows the server's sockets by no name of ours.
func TestASocketThatWasPassedServesTheAddressAtWhichItListens(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	path := filepath.Join(t.TempDir(), "s")
	unix, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	stranger, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Listen: []string{tcp.Addr().String()}, Socket: path}
	offer := func() []engine.Socket {
		var out []engine.Socket
		for _, ln := range []net.Listener{stranger, unix, tcp} {
			f, err := ln.(interface{ File() (*os.File, error) }).File()
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, engine.Socket{Name: "admin", File: f})
		}
		return out
	}
	r := prepare(t, Config{Listen: []string{Off}, Socket: Off})
	if err := r.broker.Start(); err != nil {
		t.Fatal(err)
	}
	defer r.stop()
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := r.next(cfg, offer()).Start(); err == nil || !strings.Contains(err.Error(), "must be 0600") {
		t.Errorf("a socket for everybody: got %v, want that its mode must be 0600", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r.admin = r.next(cfg, offer())
	if _, err := r.admin.Start(); err != nil {
		t.Fatal(err)
	}
	for _, socket := range []bool{true, false} {
		if a := r.ask(request{path: "/readyz", socket: socket}); a.status != 200 {
			t.Errorf("over the socket %v: got %d, want 200", socket, a.status)
		}
	}
	if err := r.admin.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the service manager's socket file: %v, want that it stays", err)
	}
	if !strings.Contains(r.log.String(), "is not admin's") {
		t.Errorf("the socket that fits nowhere is not in the log:\n%s", r.log)
	}
	stranger.Close()
	if c, err := net.Dial("tcp", stranger.Addr().String()); err == nil {
		c.Close()
		t.Error("the socket that fits nowhere is still open")
	}
}
