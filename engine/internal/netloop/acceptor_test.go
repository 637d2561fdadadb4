package netloop

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// limitFiles lets the process open so many more descriptors until the test ends or the returned function is called.
func limitFiles(t *testing.T, more int) (undo func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	undo = func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) }
	t.Cleanup(undo)
	limit := 0 // is one of numbers, so free ones below it count
	for free := 0; free <= more; limit++ {
		if _, err := unix.FcntlInt(uintptr(limit), unix.F_GETFD, 0); err == unix.EBADF {
			free++
		}
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(limit - 1), Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	return undo
}

type admitted struct{ dropped *atomic.Int64 }

func (a admitted) Dropped(error) { a.dropped.Add(1) }

func TestAcceptorSurvivesTheLackOfDescriptors(t *testing.T) {
	const clients = 200
	var opens, dropped, asked atomic.Int64
	e := start(t, 2, &hooks{data: echo, open: func(*Conn) { opens.Add(1) }})
	ln, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	a := e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) { asked.Add(1); return nil, admitted{&dropped}, true }))
	t.Cleanup(a.Stop)
	eventually(t, "the spare descriptor", func() bool { return e.Loops()[0] != nil })
	to := &unix.SockaddrInet4{Port: ln.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	fds := make([]int, clients) // before the limit bites: the clients are in this process, too
	for i := range fds {
		if fds[i], err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			t.Fatal(err)
		}
	}
	undo := limitFiles(t, 20)
	for _, fd := range fds {
		if err := unix.Connect(fd, to); err != nil {
			t.Fatalf("connect: %v", err)
		}
	}
	eventually(t, "all clients served or shed", func() bool { return a.Accepted()+a.Shed() == clients })
	if a.Accepted() == 0 || a.Shed() == 0 {
		t.Errorf("accepted %d, shed %d; want some of both", a.Accepted(), a.Shed())
	}
	if got := asked.Load() - dropped.Load(); got != opens.Load() || uint64(got) != a.Accepted() {
		t.Errorf("admitted %d, dropped %d, opened %d, accepted %d", asked.Load(), dropped.Load(), opens.Load(), a.Accepted())
	}
	undo()
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
	eventually(t, "all connections gone", func() bool { return e.Loops()[0].Conns()+e.Loops()[1].Conns() == 0 })
	c, err := net.DialTimeout("tcp", ln.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = c.Write([]byte("x"))
	wants(t, c, "x")
	t.Logf("of %d clients with room for about 20 descriptors: accepted %d, shed %d", clients, a.Accepted(), a.Shed())
}

func TestConnectionsAreSpreadEvenly(t *testing.T) {
	e := start(t, 4, &hooks{})
	dial, _ := serve(t, e, "tcp", nil)
	for range 40 {
		dial()
	}
	eventually(t, "10 connections on each loop", func() bool {
		n := 0
		for _, l := range e.Loops() {
			if l.Conns() == 10 {
				n++
			}
		}
		return n == 4
	})
}

func TestConnectionGoesToTheLoopThatWasAsked(t *testing.T) {
	where := make(chan int, 16)
	e := start(t, 3, &hooks{open: func(c *Conn) { where <- c.Loop().Index() }})
	for _, network := range []string{"tcp", "unix"} {
		for _, l := range e.Loops() {
			dial, _ := serve(t, e, network, l)
			dial()
			if got := recv(t, "Open", where); got != l.Index() {
				t.Errorf("%s: opened on loop %d, want %d", network, got, l.Index())
			}
		}
	}
}

func TestAdmitDecides(t *testing.T) {
	values := make(chan any, 4)
	e := start(t, 1, &hooks{open: func(c *Conn) { values <- c.Value }})
	ln, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	a := e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) {
		switch n++; n {
		case 1:
			return nil, nil, false
		case 2:
			panic(errTest)
		}
		return nil, "the third", true
	}))
	for range 2 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		wantsEnd(t, c)
		_ = c.Close()
	}
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := recv(t, "Open", values); got != "the third" {
		t.Errorf("Value: got %v, want %q", got, "the third")
	}
	a.Stop()
	a.Stop()
	eventually(t, "one accepted", func() bool { return a.Accepted() == 1 })
	if a.Shed() != 0 {
		t.Errorf("shed %d, want 0", a.Shed())
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("a stopped acceptor still listens")
	}
	if got := e.Loops()[0].Conns(); got != 1 {
		t.Errorf("connections after the acceptor's stop: got %d, want 1", got)
	}
}
