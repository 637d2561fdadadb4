package netloop

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// socket makes a file of a new socket, which prepare may bind.
func socket(t *testing.T, family, kind int, prepare func(fd int) error) *os.File {
	t.Helper()
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "passed")
	t.Cleanup(func() { _ = f.Close() })
	if prepare != nil {
		if err := prepare(fd); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// listening is a socket as another process may leave it: blocking, inherited by children, with options of its own.
func listening(t *testing.T, sa unix.Sockaddr) *os.File {
	t.Helper()
	family := unix.AF_INET
	switch sa.(type) {
	case *unix.SockaddrInet6:
		family = unix.AF_INET6
	case *unix.SockaddrUnix:
		family = unix.AF_UNIX
	}
	return socket(t, family, unix.SOCK_STREAM, func(fd int) error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
		return errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1),
			unix.Bind(fd, sa), unix.Listen(fd, 100))
	})
}

func TestAdoptServesWhatAnotherOpened(t *testing.T) {
	path := t.TempDir() + "/s"
	sockets := map[string]unix.Sockaddr{
		"tcp":      &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}},
		"unix":     &unix.SockaddrUnix{Name: path},
		"abstract": &unix.SockaddrUnix{Name: "@penstock-test" + strings.ReplaceAll(path, "/", "-")},
	}
	if hasIPv6() {
		sockets["tcp6"] = &unix.SockaddrInet6{}
	}
	for name, sa := range sockets {
		t.Run(name, func(t *testing.T) {
			opts := ListenOptions{UserTimeout: 1500 * time.Millisecond, Mode: 0o777}
			seen := make(chan options, 2)
			h := echoer()
			h.open = func(c *Conn) {
				if c.flags&unixConn == 0 {
					seen <- optionsOf(t, int(c.fd))
				}
			}
			e := start(t, 2, h)
			f := listening(t, sa)
			network, address, err := Address(f)
			if err != nil {
				t.Fatal(err)
			}
			waiting, err := net.Dial(network, address)
			if err != nil {
				t.Fatal(err)
			}
			ln, err := Adopt(f, opts)
			if err != nil {
				t.Fatal(err)
			}
			if n, at := ln.Addr().Network(), ln.Addr().String(); n != network || at != address {
				t.Errorf("Address: got %s %s, want the listener's %s %s", network, address, n, at)
			}
			if flags, _ := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 {
				t.Error("a child would inherit the file")
			}
			if flags, _ := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0); flags&unix.O_NONBLOCK == 0 {
				t.Error("the socket blocks")
			}
			_ = f.Close()
			a := e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) { return nil, nil, true }))
			later, err := net.Dial(network, address)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []net.Conn{waiting, later} {
				_ = c.SetDeadline(time.Now().Add(patience))
				_, _ = c.Write([]byte("hello"))
				wants(t, c, "hello")
				_ = c.Close()
			}
			if network == "tcp" {
				// What was established before has the options of then: it was made with its handshake.
				first, second := recv(t, "Open", seen), recv(t, "Open", seen)
				if want := (options{noDelay: 1, timeout: 1500}); first != want && second != want {
					t.Errorf("options: got %+v and %+v, want one with %+v", first, second, want)
				}
			}
			a.Stop()
			if _, err := os.Lstat(path); err != nil && name == "unix" {
				t.Errorf("the other's file after Stop: %v, want it there", err)
			}
			if _, err := net.Dial(network, address); err == nil {
				t.Error("the socket still listens after Stop")
			}
		})
	}
}

func TestAdoptedUnixSocketIsRemovedWhereAskedFor(t *testing.T) {
	path := t.TempDir() + "/s"
	ln, err := Adopt(listening(t, &unix.SockaddrUnix{Name: path}), ListenOptions{Network: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(true)
	_ = ln.Close()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close: got %v, want no file", err)
	}
}

func TestAdoptRefusesWhatIsNoListener(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/f")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	closed, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	bind := func(fd int) error { return unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}) }
	for _, tt := range []struct {
		name string
		file *os.File
		opts ListenOptions
		want string
	}{
		{"a file", file, ListenOptions{}, "not a socket"},
		{"a closed file", closed, ListenOptions{}, "closed file"},
		{"a bound socket", socket(t, unix.AF_INET, unix.SOCK_STREAM, bind), ListenOptions{}, "does not listen"},
		{"a unix socket", socket(t, unix.AF_UNIX, unix.SOCK_STREAM, nil), ListenOptions{}, "does not listen"},
		{"a datagram socket", socket(t, unix.AF_INET, unix.SOCK_DGRAM, bind), ListenOptions{}, "not a stream"},
		{"a packet socket", socket(t, unix.AF_UNIX, unix.SOCK_SEQPACKET, nil), ListenOptions{}, "not a stream"},
		{"another network", listening(t, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), ListenOptions{Network: "unix"}, "is a tcp socket, not unix"},
		{"options", listening(t, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), ListenOptions{KeepAlive: -1}, "keep alive"},
	} {
		ln, err := Adopt(tt.file, tt.opts)
		if err == nil {
			_ = ln.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.file.Name()) {
			t.Errorf("%s: got %v, want an error of %s with %q", tt.name, err, tt.file.Name(), tt.want)
		}
	}
}

func TestAdoptWithoutDescriptorsLeavesTheSocket(t *testing.T) {
	f := listening(t, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	undo := limitFiles(t, 0)
	if _, err := Adopt(f, ListenOptions{}); !errors.Is(err, unix.EMFILE) {
		t.Errorf("got %v, want %v", err, unix.EMFILE)
	}
	undo()
	ln, err := Adopt(f, ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
}
