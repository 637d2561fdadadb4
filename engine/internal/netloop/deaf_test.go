package netloop

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// The descriptors run out before the listener's own is made, or between that and the one that tells the loop of it: begun
// with too few, the acceptor begins when there are more, and nobody who came in between is refused.
func TestAnAcceptorThatCannotBeginTriesAgain(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for few := range 3 {
			e := start(t, 1, &hooks{data: echo})
			addr, family, path := "127.0.0.1:0", unix.AF_INET, ""
			if network == "unix" {
				path = t.TempDir() + "/s"
				addr, family = path, unix.AF_UNIX
			}
			ln, err := Listen(ListenOptions{Network: network, Address: addr})
			if err != nil {
				t.Fatal(err)
			}
			var to unix.Sockaddr = &unix.SockaddrUnix{Name: path}
			if at, ok := ln.Addr().(*net.TCPAddr); ok {
				to = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: at.Port}
			}
			early, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			undo := limitFiles(t, few)
			a := e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) { return nil, nil, true }))
			t.Cleanup(a.Stop)
			if few < 2 {
				eventually(t, "the acceptor at rest", func() bool { return a.resting() == starved })
				if err := unix.Connect(early, to); err != nil {
					t.Errorf("%s: connect while there are %d descriptors: %v", network, few, err)
				}
			}
			undo()
			if few < 2 {
				eventually(t, "who came early", func() bool { return a.Accepted() == 1 })
			}
			_ = unix.Close(early)
			was := a.Accepted()
			c, err := net.DialTimeout(network, ln.Addr().String(), patience)
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "a connection", func() bool { return a.Accepted() == was+1 })
			_ = c.Close()
			if a.Shed() != 0 {
				t.Errorf("%s: shed %d, want 0", network, a.Shed())
			}
			stop(t, e)
		}
	}
}

func TestAnAcceptorThatCannotBeginCanStop(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		e := start(t, 1, &hooks{})
		addr := "127.0.0.1:0"
		if network == "unix" {
			addr = t.TempDir() + "/s"
		}
		ln, err := Listen(ListenOptions{Network: network, Address: addr})
		if err != nil {
			t.Fatal(err)
		}
		undo := limitFiles(t, 0)
		a := e.Serve(ln, AdmitFunc(everybody))
		eventually(t, "the acceptor at rest", func() bool { return a.resting() == starved })
		if _, err := a.File(); err == nil {
			t.Error("File without descriptors: got nil, want an error")
		}
		stop(t, e)
		undo()
		if _, err := net.Dial(network, ln.Addr().String()); err == nil {
			t.Errorf("%s: the stopped acceptor still listens", network)
		}
	}
}
