package netloop

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ring is loops that pass something on to the next a few times. What hangs on the loops and connections is plain, so the
// race detector sees a pass that does not exclude another.
type ring struct {
	loops                           []*Loop
	inbox                           [4]atomic.Int32
	helped, opened, closed, panicks atomic.Int64
}

// place is what a loop of the ring has.
type place struct {
	hops  int32 // still to be made
	conns map[*Conn]struct{}
}

func (r *ring) place(l *Loop) *place {
	if l.Value == nil {
		l.Value = &place{conns: map[*Conn]struct{}{}}
	}
	return l.Value.(*place)
}

func (r *ring) hooks() *hooks {
	return &hooks{
		open:   func(c *Conn) { r.place(c.Loop()).conns[c] = struct{}{}; r.opened.Add(1) },
		closed: func(c *Conn, _ error) { delete(r.place(c.Loop()).conns, c); r.closed.Add(1) },
		data: func(c *Conn, b []byte) {
			if b[0] == 'p' {
				panic(errTest)
			}
			r.place(c.Loop()).hops = 5
			c.Loop().Defer()
			echo(c, b)
		},
		writable: func(c *Conn) { r.place(c.Loop()).conns[c] = struct{}{} },
		wake:     r.wake,
		flush:    r.flush,
		panicked: func(*Conn, any, []byte) { r.panicks.Add(1) },
	}
}

// wake takes what the loop before passed on, and now and then meddles with a connection.
func (r *ring) wake(l *Loop) {
	p := r.place(l)
	if p.hops = max(p.hops, r.inbox[l.Index()].Swap(0)); p.hops > 0 {
		l.Defer()
	}
	for c := range p.conns { // one of them
		switch {
		case c.Paused():
			c.Resume()
		case c.state != open:
		default:
			switch rand.IntN(60) {
			case 0:
				c.Close()
			case 1:
				c.Finish(10 * time.Millisecond)
			case 2, 3, 4:
				c.Pause()
				r.inbox[l.Index()].Store(1)
				l.Wake() // which resumes it, or another
			case 5, 6, 7:
				c.WaitWritable()
			case 8:
				panic(errTest)
			}
		}
		return
	}
}

func (r *ring) flush(l *Loop) {
	p := r.place(l)
	for c := range p.conns {
		if c.Paused() && !l.Helped() {
			c.Resume()
		}
	}
	if p.hops == 0 {
		return
	}
	next := r.loops[(l.Index()+1)%len(r.loops)]
	r.inbox[next.Index()].Store(p.hops - 1)
	p.hops = 0
	if next.Help() {
		r.helped.Add(1)
	}
}

// client sends a little, waits for it, and comes again when it was turned out, until nobody listens any more.
func (r *ring) client(addr string, seen func()) {
	for {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		b := []byte{'x'}
		for err == nil {
			_ = c.SetDeadline(time.Now().Add(50 * time.Millisecond)) // it may have been paused for good
			if b[0] = 'x'; rand.IntN(100) == 0 {
				b[0] = 'p'
			}
			if _, err = c.Write(b); err == nil {
				_, err = c.Read(b)
			}
			seen()
		}
		_ = c.Close()
	}
}

func TestHelpAmongConnectionsThatComeAndGo(t *testing.T) {
	r := &ring{}
	e := start(t, len(r.inbox), r.hooks())
	r.loops = e.Loops()
	ln, err := Listen(ListenOptions{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) { return nil, nil, true }))
	var rounds atomic.Int64
	var clients sync.WaitGroup
	for range 6 {
		clients.Go(func() { r.client(addr, func() { rounds.Add(1) }) })
	}
	eventually(t, "enough of everything", func() bool {
		return rounds.Load() > 3000 && r.helped.Load() > 100 && r.panicks.Load() > 3 && r.closed.Load() > 20
	})
	stop(t, e) // in the middle
	clients.Wait()
	if o, c := r.opened.Load(), r.closed.Load(); o != c {
		t.Errorf("opened %d connections, closed %d", o, c)
	}
	t.Logf("%d rounds, %d passes helped, %d connections, %d panics", rounds.Load(), r.helped.Load(), r.opened.Load(), r.panicks.Load())
}
