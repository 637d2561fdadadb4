package netloop

import (
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// chaos does something at random in every call it gets and checks that it gets none it must not get.
type chaos struct {
	t             *testing.T
	opens, closes atomic.Int64
	conns         [2]map[*Conn]bool // by loop
}

type chaosState struct{ closed, ending, waits bool }

func (h *chaos) act(l *Loop) {
	for c := range h.conns[l.Index()] { // any of them: the order is random
		s := c.Value.(*chaosState)
		switch rand.IntN(24) {
		case 0:
			c.Close()
			s.ending = true
		case 1:
			c.Finish(time.Duration(rand.IntN(30)) * time.Millisecond)
			s.ending = true
		case 2, 3, 4:
			c.Pause()
		case 5, 6, 7, 8:
			c.Resume()
		case 9, 10:
			c.WaitWritable()
			s.waits = true
		case 11:
			l.Wake()
		case 12, 13:
			l.Defer()
		case 14:
			panic(errTest)
		case 15, 16, 17:
			b := pattern[:rand.IntN(len(pattern))]
			n, err := c.Writev([][]byte{b, nil, b})
			if (err == net.ErrClosed) != s.ending {
				h.t.Errorf("Writev: got %d, %v; ending %v", n, err, s.ending)
			}
		}
		return
	}
}

func (h *chaos) alive(c *Conn, call string) *chaosState {
	s := c.Value.(*chaosState)
	if s.closed || s.ending {
		h.t.Errorf("%s: closed %v, ending %v", call, s.closed, s.ending)
	}
	return s
}

func (h *chaos) Open(c *Conn) {
	h.opens.Add(1)
	c.Value = new(chaosState)
	h.conns[c.Loop().Index()][c] = true
	h.act(c.Loop())
}

func (h *chaos) Data(c *Conn, b []byte) {
	h.alive(c, "Data")
	if c.Paused() || len(b) == 0 {
		h.t.Errorf("Data: paused %v, %d bytes", c.Paused(), len(b))
	}
	_, _ = c.Write(b)
	h.act(c.Loop())
}

func (h *chaos) Writable(c *Conn) {
	if s := h.alive(c, "Writable"); !s.waits {
		h.t.Error("Writable was not asked for")
	} else {
		s.waits = false
	}
	h.act(c.Loop())
}

func (h *chaos) Closed(c *Conn, _ error) {
	s := c.Value.(*chaosState)
	if s.closed {
		h.t.Error("Closed twice")
	}
	s.closed, s.ending = true, true
	delete(h.conns[c.Loop().Index()], c)
	h.closes.Add(1)
	h.act(c.Loop())
}

func (h *chaos) Wake(l *Loop)                  { h.act(l) }
func (h *chaos) Flush(l *Loop)                 { h.act(l) }
func (h *chaos) Tick(l *Loop, _ time.Duration) { h.act(l) }

func (h *chaos) Panicked(c *Conn, v any, _ []byte) {
	if v != errTest {
		panic(v)
	}
	if c != nil {
		c.Value.(*chaosState).ending = true
	}
}

// client writes, reads and leaves as it likes.
func (h *chaos) client(dial func() (net.Conn, error)) {
	for range 40 {
		c, err := dial()
		if err != nil {
			continue
		}
		_ = c.SetDeadline(time.Now().Add(time.Duration(1+rand.IntN(30)) * time.Millisecond))
		var wg sync.WaitGroup
		if rand.IntN(3) > 0 {
			wg.Go(func() { _, _ = io.Copy(io.Discard, c) })
		}
		for range rand.IntN(4) {
			_, _ = c.Write(pattern[:rand.IntN(len(pattern))])
		}
		if t, ok := c.(*net.TCPConn); ok && rand.IntN(2) == 0 {
			_ = t.SetLinger(0)
		} else if ok && rand.IntN(2) == 0 {
			_ = t.CloseWrite()
		}
		wg.Wait()
		_ = c.Close()
	}
}

func TestChaosKeepsTheContract(t *testing.T) {
	h := &chaos{t: t, conns: [2]map[*Conn]bool{{}, {}}}
	e := start(t, 2, h)
	var wg sync.WaitGroup
	for _, network := range []string{"tcp", "unix"} {
		addr := "127.0.0.1:0"
		if network == "unix" {
			addr = t.TempDir() + "/s"
		}
		ln, err := Listen(ListenOptions{Network: network, Address: addr})
		if err != nil {
			t.Fatal(err)
		}
		e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) { return nil, nil, true }))
		for range 6 {
			wg.Go(func() {
				h.client(func() (net.Conn, error) { return net.Dial(network, ln.Addr().String()) })
			})
		}
	}
	wg.Wait()
	stop(t, e)
	if o, c := h.opens.Load(), h.closes.Load(); o != c || o == 0 {
		t.Errorf("opened %d, closed %d; want as many, and some", o, c)
	}
	for _, l := range e.Loops() {
		if n := len(l.waiting) + len(l.lingering) + len(l.held) + len(l.closing) + l.Conns(); n != 0 {
			t.Errorf("loop %d keeps %d waiting, %d lingering, %d held, %d closing and counts %d connections",
				l.Index(), len(l.waiting), len(l.lingering), len(l.held), len(l.closing), l.Conns())
		}
	}
}
