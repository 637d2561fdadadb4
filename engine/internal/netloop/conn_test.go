package netloop

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"unsafe"
)

func TestConnIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(Conn{}); got > 64 {
		t.Errorf("size of a Conn: got %d, want at most 64", got)
	}
}

func TestEchoHoweverWritesAreCut(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			e := start(t, 2, echoer())
			dial, _ := serve(t, e, network, nil)

			for range 8 {
				c := dial()
				sent := make([]byte, 200_000)
				for i := range sent {
					sent[i] = byte(rand.Uint32())
				}
				go func() {
					for rest := sent; len(rest) > 0; {
						n := min(len(rest), 1+rand.IntN(9000))
						if _, err := c.Write(rest[:n]); err != nil {
							return
						}
						rest = rest[n:]
					}
				}()
				got := make([]byte, len(sent))
				if _, err := io.ReadFull(c, got); err != nil {
					t.Fatalf("read: %v", err)
				}
				if !bytes.Equal(got, sent) {
					t.Fatal("the echo differs from what was sent")
				}
			}
		})
	}
}

func TestAddressesOutliveTheConnection(t *testing.T) {
	type addrs struct{ remote, local netip.AddrPort }
	closed := make(chan addrs, 1)
	e := start(t, 1, &hooks{
		data:   func(c *Conn, _ []byte) { c.Close() },
		closed: func(c *Conn, _ error) { closed <- addrs{c.RemoteAddr(), c.LocalAddr()} },
	})
	dial, _ := serve(t, e, "tcp", nil)
	c := dial()
	want := addrs{netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(c.RemoteAddr().String())}
	_, _ = c.Write([]byte("x"))
	if got := recv(t, "Closed", closed); got != want {
		t.Errorf("addresses in Closed: got %v, want %v", got, want)
	}
}

func TestClosedComesOnceForEachOpen(t *testing.T) {
	var opens, closes, twice atomic.Int64
	e := start(t, 2, &hooks{
		open: func(c *Conn) { opens.Add(1); c.Value = new(int) },
		data: func(c *Conn, b []byte) {
			switch b[0] {
			case 'c':
				c.Close()
				c.Close()
				c.Finish(patience)
			case 'f':
				c.Finish(patience)
				c.Close()
			}
		},
		closed: func(c *Conn, _ error) {
			closes.Add(1)
			n := c.Value.(*int)
			if *n++; *n > 1 {
				twice.Add(1)
			}
			c.Close()
		},
	})
	dial, _ := serve(t, e, "tcp", nil)
	for i := range 60 {
		c := dial()
		switch i % 4 {
		case 0:
			_, _ = c.Write([]byte("c"))
			_, _ = c.Read(make([]byte, 1))
		case 1:
			_, _ = c.Write([]byte("f"))
			_, _ = c.Read(make([]byte, 1))
		case 2:
			_ = c.(*net.TCPConn).SetLinger(0)
		}
		_ = c.Close()
	}
	eventually(t, "60 opened and closed", func() bool { return opens.Load() == 60 && closes.Load() == 60 })
	stop(t, e)
	if o, c, w := opens.Load(), closes.Load(), twice.Load(); o != c || w != 0 {
		t.Errorf("opened %d, closed %d, closed again %d; want as many closed as opened, none again", o, c, w)
	}
	for _, l := range e.Loops() {
		if l.Conns() != 0 {
			t.Errorf("loop %d counts %d connections at the end, want 0", l.Index(), l.Conns())
		}
	}
}
