package admin

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestTheSocketIsOnlyItsOwnersToUse(t *testing.T) {
	old := syscall.Umask(0) // the mode must not rest on it
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "s")
	s, err := listenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	info, err := os.Stat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("got %v, %v, want a socket of mode 0600", info.Mode(), err)
	}
}

// leave makes a socket file that nobody serves, as a process does that is killed.
func leave(t *testing.T, path string) {
	t.Helper()
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	ln.Close()
}

func TestAStaleSocketIsReplacedAndALiveOneIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	leave(t, path)
	s, err := listenSocket(path)
	if err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	if _, err := listenSocket(path); !errors.Is(err, errTaken) {
		t.Errorf("a live socket: got %v, want %v", err, errTaken)
	}
	s.close()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after close: got %v, want no file", err)
	}
	again, err := listenSocket(path)
	if err != nil {
		t.Fatalf("after close: %v", err)
	}
	again.close()
}

func TestWhatIsNotOursIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path) // of a program that knows nothing of our lock
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if _, err := listenSocket(path); !errors.Is(err, errTaken) {
		t.Errorf("another program's socket: got %v, want %v", err, errTaken)
	}
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listenSocket(file); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file: got %v, want that it is no socket", err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("the file now holds %q, %v", b, err)
	}
}

// Two brokers on one machine: the second has no default socket, and starts all the same.
func TestASecondBrokerGoesOnWithoutTheDefaultSocket(t *testing.T) {
	dir := t.TempDir()
	old := socketDirs
	socketDirs = func() []string { return []string{dir} }
	defer func() { socketDirs = old }()
	first := run(t, Config{Listen: []string{Off}})
	if want := filepath.Join(dir, socketName); first.admin.Socket() != want {
		t.Fatalf("the first broker's socket is %q, want %q", first.admin.Socket(), want)
	}
	second := prepare(t, Config{Listen: []string{Off}})
	without, err := second.admin.Start()
	defer second.admin.Stop(context.Background())
	if err != nil || len(without) != 1 || !errors.Is(without[0], errTaken) || second.admin.Socket() != "" {
		t.Errorf("got %v, without %v, socket %q, want to do without it", err, without, second.admin.Socket())
	}
	third := prepare(t, Config{Listen: []string{Off}, Socket: first.admin.Socket()})
	if _, err := third.admin.Start(); !errors.Is(err, errTaken) {
		t.Errorf("a socket that was asked for: got %v, want %v", err, errTaken)
	}
	if a := first.ask(request{path: "/readyz", socket: true}); a.status != 200 {
		t.Errorf("the first broker's socket: got %d, want 200", a.status)
	}
}

func TestAnAddressThatWasAskedForMustBeFree(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	r := prepare(t, Config{Listen: []string{"127.0.0.1:0", ln.Addr().String()}, Socket: Off})
	if _, err := r.admin.Start(); err == nil || !strings.HasPrefix(err.Error(), "admin.listen: ") {
		t.Errorf("got %v, want an error about admin.listen", err)
	}
	if c, err := net.Dial("tcp", strings.TrimPrefix(r.admin.URLs()[0], "http://")); err == nil {
		c.Close()
		t.Error("the first address is still open")
	}
}

func TestATakenDefaultAddressIsNoError(t *testing.T) {
	ln, err := net.Listen("tcp", DefaultAddress)
	if err == nil {
		defer ln.Close()
	} // else somebody else has it
	r := prepare(t, Config{Socket: Off})
	without, err := r.admin.Start()
	if err != nil || len(r.admin.URLs()) != 0 || len(without) != 1 || !strings.Contains(without[0].Error(), DefaultAddress) {
		t.Errorf("got %v, addresses %q, without %v, want to do without it", err, r.admin.URLs(), without)
	}
	_ = r.admin.Stop(context.Background())
}
