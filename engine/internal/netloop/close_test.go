package netloop

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestClosedNeverRunsInsideACallOfTheHandler(t *testing.T) {
	var q runQueue
	var inside bool
	conns := map[byte]*Conn{}
	var order []byte
	closedIn := func(c *Conn, _ error) {
		if inside {
			t.Error("Closed ran inside another call")
		}
		order = append(order, c.Value.(byte))
		if c.Value == byte('a') { // takes another one along
			inside = true
			conns['c'].Close()
			inside = false
		}
	}
	e := start(t, 1, &hooks{
		wake: q.wake,
		data: func(c *Conn, b []byte) {
			inside = true
			defer func() { inside = false }()
			c.Value = b[0]
			conns[b[0]] = c
			_, _ = c.Write(b[:1])
			if b[0] == '!' {
				conns['b'].Close()
				c.Close()
				conns['a'].Close()
			}
		},
		closed: closedIn,
	})
	dial, _ := serve(t, e, "tcp", nil)
	var clients []net.Conn
	for _, name := range []string{"a", "b", "c", "!"} {
		c := dial()
		_, _ = c.Write([]byte(name))
		wants(t, c, name)
		clients = append(clients, c)
	}
	for _, c := range clients {
		wantsEnd(t, c)
	}
	q.on(t, e.Loops()[0], func() {
		if got, want := string(order), "b!ac"; got != want {
			t.Errorf("order of Closed: got %q, want %q", got, want)
		}
	})
}

// A descriptor's number goes to the next client at once. What the former owner still writes must not reach that one.
func TestWriteAfterCloseDoesNotReachTheNextClient(t *testing.T) {
	var q runQueue
	opened, gone := make(chan opening, 1), make(chan *Conn, 1000)
	e := start(t, 1, &hooks{
		wake:   q.wake,
		open:   func(c *Conn) { opened <- opening{c, c.fd} },
		closed: func(c *Conn, _ error) { gone <- c },
	})
	l := e.Loops()[0]
	dial, _ := serve(t, e, "tcp", nil)
	refuses := func(c *Conn, when string) {
		t.Helper()
		for name, write := range map[string]func() (int, error){
			"Write":  func() (int, error) { return c.Write([]byte("secret of A")) },
			"Writev": func() (int, error) { return c.Writev([][]byte{[]byte("secret of A")}) },
		} {
			if n, err := write(); n != 0 || err != net.ErrClosed {
				t.Errorf("%s %s: got %d, %v; want 0, net.ErrClosed", name, when, n, err)
			}
		}
	}
	a := dial()
	oa := recv(t, "Open of A", opened)
	ca := oa.c
	q.on(t, l, func() { ca.Close(); refuses(ca, "after Close") })
	recv(t, "Closed of A", gone)
	wantsEnd(t, a)
	_ = a.Close()
	b, cb := reuse(t, dial, opened, oa.fd)
	q.on(t, l, func() {
		refuses(ca, "after Closed")
		ca.WaitWritable()
		ca.Pause()
		ca.Resume()
		ca.Finish(time.Second)
		ca.Close()
		_, _ = cb.Write([]byte("of B"))
		cb.Close()
	})
	if got := wantsEnd(t, b); got != "of B" {
		t.Errorf("client B read %q, want %q", got, "of B")
	}
}

// opening is what a test may know of a connection outside its loop.
type opening struct {
	c  *Conn
	fd int32
}

// reuse dials until a connection has descriptor fd. The kernel gives out the lowest free number, to the client first,
// then to the accepted socket: so fd and one below it are made the only free ones.
func reuse(t *testing.T, dial func() net.Conn, opened <-chan opening, fd int32) (net.Conn, *Conn) {
	t.Helper()
	for range 100 {
		var fill []int
		for {
			n, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			fill = append(fill, n)
			if n > int(fd) {
				break
			}
		}
		at, found := slices.BinarySearch(fill, int(fd))
		if found && at >= 1 {
			for range 2 {
				_ = unix.Close(fill[at-1])
				fill = slices.Delete(fill, at-1, at)
			}
		}
		client := dial()
		o := recv(t, "Open", opened)
		for _, n := range fill {
			_ = unix.Close(n)
		}
		if o.fd == fd {
			return client, o.c
		}
		_ = client.Close()
	}
	t.Fatalf("no later connection got descriptor %d", fd)
	panic("unreachable")
}

func TestFinishDeliversTheLastBytesToAPeerThatSentMore(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for name, size := range map[string]int{"a little": 100_000, "more than a tick discards": 3*maxDiscard + 4<<20} {
			t.Run(network+" "+name, func(t *testing.T) {
				gone := make(chan error, 1)
				var calls int
				e := start(t, 1, &hooks{
					data: func(c *Conn, _ []byte) {
						if calls++; calls > 1 {
							t.Error("Data was called after Finish")
						}
						_, _ = c.Write([]byte("goodbye"))
						c.Finish(patience)
						if _, err := c.Write([]byte("x")); err != net.ErrClosed {
							t.Errorf("Write after Finish: got %v, want net.ErrClosed", err)
						}
					},
					closed: func(_ *Conn, err error) { gone <- err },
				})
				dial, _ := serve(t, e, network, nil)
				c := dial()
				go func() { _, _ = c.Write(make([]byte, size)) }()
				if got := wantsEnd(t, c); got != "goodbye" {
					t.Errorf("read %q, want %q", got, "goodbye")
				}
				_ = c.Close()
				if err := recv(t, "Closed", gone); err != nil {
					t.Errorf("Closed: got %v, want nil", err)
				}
			})
		}
	}
}

func TestFinishEndsWhenItsTimeIsOver(t *testing.T) {
	gone := make(chan error, 1)
	e := start(t, 1, &hooks{
		open:   func(c *Conn) { c.Pause(); c.Finish(20 * time.Millisecond) },
		closed: func(_ *Conn, err error) { gone <- err },
	})
	dial, _ := serve(t, e, "tcp", nil)
	c := dial()
	wantsEnd(t, c) // and then does not close
	if err := recv(t, "Closed", gone); err != nil {
		t.Errorf("Closed: got %v, want nil", err)
	}
}

func TestFinishWithoutTimeCloses(t *testing.T) {
	gone := make(chan error, 1)
	e := start(t, 1, &hooks{
		open:   func(c *Conn) { c.Finish(0) },
		closed: func(_ *Conn, err error) { gone <- err },
	})
	dial, _ := serve(t, e, "tcp", nil)
	wantsEnd(t, dial())
	if err := recv(t, "Closed", gone); err != nil {
		t.Errorf("Closed: got %v, want nil", err)
	}
}

func TestClosedSaysWhy(t *testing.T) {
	gone := make(chan error, 1)
	e := start(t, 1, &hooks{
		data: func(c *Conn, b []byte) {
			if b[0] == 'c' {
				c.Close()
			}
		},
		closed: func(_ *Conn, err error) { gone <- err },
	})
	dial, _ := serve(t, e, "tcp", nil)

	c := dial()
	_ = c.Close()
	if err := recv(t, "Closed", gone); err != io.EOF {
		t.Errorf("peer closed: got %v, want io.EOF", err)
	}
	c = dial()
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
	if err := recv(t, "Closed", gone); err == nil || errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "reset") {
		t.Errorf("peer reset: got %v, want a reset", err)
	}
	c = dial()
	_, _ = c.Write([]byte("c"))
	if err := recv(t, "Closed", gone); err != nil {
		t.Errorf("closed here: got %v, want nil", err)
	}
	dial()
	eventually(t, "a connection", func() bool { return e.Loops()[0].Conns() == 1 })
	stop(t, e)
	if err := recv(t, "Closed", gone); err != ErrStopped {
		t.Errorf("engine stopped: got %v, want ErrStopped", err)
	}
}
