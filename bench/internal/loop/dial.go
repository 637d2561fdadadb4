package loop

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrStopped is what Closed is given when the group stopped before there was a connection.
var ErrStopped = errors.New("event loops have stopped")

// dialTimeout bounds one attempt.
const dialTimeout = 30 * time.Second

// dialer connects, on a bounded number of goroutines, so that no loop waits for a handshake.
type dialer struct {
	sync.Mutex
	more    sync.Cond
	waiting []*Conn // a queue: [next:] are to be dialled
	next    int
	stopped bool
	count   int // connections so far, for the source address
	ctx     context.Context
	cancel  context.CancelFunc
}

func (d *dialer) start(g *Group) {
	d.more.L = &d.Mutex
	d.ctx, d.cancel = context.WithCancel(context.Background())
	for range g.cfg.Dialers {
		g.run(func() { d.work(g) })
	}
}

func (d *dialer) stop() {
	if d.cancel == nil {
		return // never started
	}
	d.cancel()
	d.Lock()
	d.stopped = true
	d.Unlock()
	d.more.Broadcast()
}

// Dial connects h by a loop, nil for the first. It does not wait: Handler.Open or Handler.Closed follows. Any goroutine.
func (g *Group) Dial(l *Loop, h Handler) {
	if l == nil {
		l = g.loops[0]
	}
	d := &g.dialer
	d.Lock()
	d.waiting = append(d.waiting, &Conn{h: h, loop: l, fd: -1})
	d.Unlock()
	d.more.Signal()
}

func (d *dialer) work(g *Group) {
	for {
		d.Lock()
		for d.next == len(d.waiting) && !d.stopped {
			d.more.Wait()
		}
		if d.next == len(d.waiting) {
			d.Unlock()
			return
		}
		c := d.waiting[d.next]
		d.waiting[d.next] = nil
		if d.next++; d.next == len(d.waiting) {
			d.waiting, d.next = d.waiting[:0], 0
		}
		d.count++
		n, stopped := d.count, d.stopped
		d.Unlock()

		err := ErrStopped
		if !stopped {
			err = d.connect(g, c, n)
		}
		if err != nil {
			c.loop.Post(func() { c.h.Closed(nil, err) })
		}
	}
}

// connect makes the n-th connection and enrols it: gnet duplicates the descriptor, closes ours, and calls Open on the loop.
func (d *dialer) connect(g *Group, c *Conn, n int) error {
	dial := net.Dialer{Timeout: dialTimeout, KeepAlive: -1}
	if g.cfg.Unix != "" {
		return d.enrol(c, func() (net.Conn, error) { return d.unix(&dial, g.cfg.Unix) })
	}
	if source, ok := g.source(n); ok {
		dial.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
		dial.Control = lateBind
	}
	return d.enrol(c, func() (net.Conn, error) { return dial.DialContext(d.ctx, "tcp", g.cfg.Addr.String()) })
}

// crowded is how long a dialer waits before it tries a unix socket again that has too many waiting: where TCP tries again
// by itself, the system says so.
const crowded = 5 * time.Millisecond

func (d *dialer) unix(dial *net.Dialer, path string) (net.Conn, error) {
	for began := time.Now(); ; {
		nc, err := dial.DialContext(d.ctx, "unix", path)
		if !errors.Is(err, unix.EAGAIN) || time.Since(began) > dialTimeout {
			return nc, err
		}
		select {
		case <-time.After(crowded):
		case <-d.ctx.Done():
		}
	}
}

// enrol gives a connection that it makes to its loop.
func (d *dialer) enrol(c *Conn, connect func() (net.Conn, error)) error {
	nc, err := connect()
	if err != nil {
		if d.ctx.Err() != nil {
			return ErrStopped
		}
		return err
	}
	if nc.RemoteAddr() == nil {
		_ = nc.Close()
		return net.ErrClosed // reset already; gnet would trip over it
	}
	if _, err := c.loop.client.EnrollContext(nc, c); err != nil {
		return err
	}
	if !c.began { // gnet does not say that it could not watch the descriptor
		return errors.New("not registered")
	}
	return nil
}

// source is the address of the n-th connection. One address has some 28,000 ports toward one listener.
func (g *Group) source(n int) (netip.Addr, bool) {
	if g.cfg.Sources < 2 || !g.cfg.Addr.Addr().Is4() || !g.cfg.Addr.Addr().IsLoopback() {
		return netip.Addr{}, false
	}
	k := n % g.cfg.Sources
	return netip.AddrFrom4([4]byte{127, 1, byte(k / 250), byte(k%250 + 1)}), true
}

// lateBind has the port chosen at connect, when the other end is known: otherwise a port serves but one connection of an
// address, and all of them together are scanned for a free one.
func lateBind(_, _ string, rc syscall.RawConn) (err error) {
	e := rc.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
	return errors.Join(e, err)
}
