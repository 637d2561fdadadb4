package netloop

import (
	"bytes"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
)

// A unix socket reports the peer's end together with what the peer sent before it, all of which is to be read first.
func TestAllOfAUnixPeerIsReadBeforeItsEnd(t *testing.T) {
	for _, wait := range []bool{false, true} {
		var got bytes.Buffer
		ended := make(chan error, 1)
		opened := make(chan *Conn, 1)
		var q runQueue
		e := start(t, 2, &hooks{
			wake: q.wake,
			open: func(c *Conn) {
				if wait {
					c.Pause()
				}
				opened <- c
			},
			data:   func(_ *Conn, b []byte) { got.Write(b) },
			closed: func(_ *Conn, err error) { ended <- err },
		})
		l := e.Loops()[1]
		dial, _ := serve(t, e, "unix", l)
		client := dial()
		if err := client.(*net.UnixConn).SetWriteBuffer(1 << 20); err != nil {
			t.Fatal(err)
		}
		sent := pattern[:150<<10] // more than one read, less than the socket holds
		if n, err := client.Write(sent); err != nil {
			t.Fatalf("wrote %d: %v", n, err)
		}
		_ = client.Close()
		if c := recv(t, "Open", opened); wait {
			q.on(t, l, c.Resume)
		}
		recv(t, "Closed", ended)
		if !bytes.Equal(got.Bytes(), sent) {
			t.Errorf("paused first %v: read %d bytes before the end, want %d", wait, got.Len(), len(sent))
		}
		stop(t, e)
	}
}

func TestPausedUnixConnectionCanEnd(t *testing.T) {
	for name, end := range map[string]func(c *Conn){
		"Close":  (*Conn).Close,
		"Finish": func(c *Conn) { c.Finish(patience) },
	} {
		t.Run(name, func(t *testing.T) {
			var closes atomic.Int64
			opened := make(chan *Conn, 1)
			var q runQueue
			e := start(t, 2, &hooks{
				wake: q.wake, open: func(c *Conn) { opened <- c }, closed: func(*Conn, error) { closes.Add(1) },
			})
			dial, _ := serve(t, e, "unix", nil)
			for range 2 { // the second gets the first one's descriptor
				client := dial()
				c := recv(t, "Open", opened)
				q.on(t, c.Loop(), func() { c.Pause(); _, _ = c.Write([]byte("bye")); end(c) })
				if got := wantsEnd(t, client); got != "bye" {
					t.Errorf("read %q before the end, want bye", got)
				}
				_ = client.Close()
			}
			eventually(t, "both closed", func() bool { return closes.Load() == 2 })
			stop(t, e)
			if got := closes.Load(); got != 2 {
				t.Errorf("Closed was called %d times, want 2", got)
			}
		})
	}
}

func TestUnixConnectionsHaveNoAddresses(t *testing.T) {
	asked := make(chan netip.AddrPort, 1)
	opened := make(chan *Conn, 1)
	e := start(t, 1, &hooks{open: func(c *Conn) { opened <- c }})
	ln, err := Listen(ListenOptions{Network: "unix", Address: t.TempDir() + "/s"})
	if err != nil {
		t.Fatal(err)
	}
	e.Serve(ln, AdmitFunc(func(remote netip.AddrPort) (*Loop, any, bool) { asked <- remote; return nil, nil, true }))
	// A peer may be bound to a name of its own; that is no address either.
	c, err := net.DialUnix("unix", &net.UnixAddr{Name: t.TempDir() + "/peer", Net: "unix"}, ln.Addr().(*net.UnixAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := recv(t, "Admit", asked); got.IsValid() {
		t.Errorf("Admit was told %v, want nothing", got)
	}
	if c := recv(t, "Open", opened); c.RemoteAddr().IsValid() || c.LocalAddr().IsValid() {
		t.Errorf("addresses %v and %v, want none", c.RemoteAddr(), c.LocalAddr())
	}
}
