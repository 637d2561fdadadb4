package loop

import (
	"errors"
	"io"
	"os"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

type state uint8

const (
	dialing state = iota
	open
	closing
	closed
)

// keepOut is the largest buffer that an idle connection keeps.
const keepOut = 64 << 10

// Conn is one connection. It belongs to its loop.
type Conn struct {
	// Out is what is to be written: append to it, then call Flush. What the socket had no room for stays at its front.
	Out []byte

	h       Handler
	loop    *Loop
	layers  *layers // nil mostly
	gc      gnet.Conn
	fd      int32
	state   state
	dirty   bool // in Loop.dirty
	blocked bool // the socket is full
	paused  bool
	armed   bool // its descriptor was put into the notifier's set
	began   bool // set once, before the dialer is told
}

// Loop returns the loop that owns the connection.
func (c *Conn) Loop() *Loop { return c.loop }

// Flush has Out written at the end of the round, or as soon as the socket has room again.
func (c *Conn) Flush() {
	if c.dirty || c.state != open {
		return
	}
	c.dirty = true
	l := c.loop
	l.dirty = append(l.dirty, c)
	if len(l.dirty) == 1 {
		l.Pass()
	}
}

// Blocked says that the socket is full.
func (c *Conn) Blocked() bool { return c.blocked }

// write writes once. The rest of a full socket's waits for the notifier.
func (c *Conn) write() {
	switch {
	case c.state != open:
	case c.layers != nil:
		c.layers.write()
	case len(c.Out) > 0:
		n := c.send(c.Out)
		if n == len(c.Out) {
			c.emptied()
			return
		}
		c.Out = c.Out[:copy(c.Out, c.Out[n:])]
	}
}

// send writes b once and says how much of it is done with. For the rest, the socket is full.
func (c *Conn) send(b []byte) int {
	n, err := unix.Write(int(c.fd), b)
	for err == unix.EINTR {
		n, err = unix.Write(int(c.fd), b)
	}
	switch {
	case err == unix.EAGAIN:
		n = 0
	case err != nil:
		// The read that follows says what has become of the connection, after the peer's last words.
		return len(b)
	}
	if n < len(b) {
		c.blocked = true
		if err := c.loop.g.notify.arm(c); err != nil {
			c.Abort()
			return len(b)
		}
	}
	return n
}

// emptied makes Out new.
func (c *Conn) emptied() {
	if c.Out = c.Out[:0]; cap(c.Out) > keepOut {
		c.Out = nil
	}
}

// Close writes what there is to write, if the socket takes it, and ends the connection: Handler.Closed follows, Data does
// not come any more.
func (c *Conn) Close() {
	if c.state != open {
		return
	}
	if c.layers == nil {
		c.write() // else it is written when the stages may be called
	}
	c.drop()
}

// drop has the connection closed at the end of the round or callback.
func (c *Conn) drop() {
	c.state = closing
	c.loop.closing = append(c.loop.closing, c)
	c.loop.Pass()
}

// Abort ends the connection with a reset, as a machine that fell over might.
func (c *Conn) Abort() {
	if c.state != open {
		return
	}
	_ = unix.SetsockoptLinger(int(c.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	c.Out = c.Out[:0]
	if c.layers != nil {
		c.layers.cut = true
	}
	c.drop()
}

// Pause stops reading: what arrives stays in the kernel, which slows the sender down. One read that is already under way
// may still come.
func (c *Conn) Pause() { c.listen(false) }

// Resume reads again.
func (c *Conn) Resume() { c.listen(true) }

// Paused says whether reading is stopped.
func (c *Conn) Paused() bool { return c.paused }

func (c *Conn) listen(on bool) {
	if c.state != open || c.paused == !on {
		return
	}
	c.paused = !on
	ev := unix.EpollEvent{Fd: c.fd}
	if on {
		ev.Events = unix.EPOLLIN | unix.EPOLLPRI
	}
	if err := unix.EpollCtl(c.loop.epfd, unix.EPOLL_CTL_MOD, int(c.fd), &ev); err != nil {
		c.Abort()
	}
}

// SetReadBuffer sets how much the kernel keeps for a connection that is not read.
func (c *Conn) SetReadBuffer(bytes int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_RCVBUF, bytes))
}

func (c *Conn) opened(gc gnet.Conn) {
	c.gc, c.fd, c.state, c.began = gc, int32(gc.Fd()), open, true
	c.loop.conns[c.fd] = c
	if c.loop.g.cfg.Layers != nil {
		c.layer()
	} else {
		c.h.Open(c)
	}
	c.loop.reap()
}

// ended is the one way out. gnet closes the descriptor when it returns.
func (c *Conn) ended(err error) {
	if c.state == dialing || c.state == closed {
		return
	}
	told := c // whoever was not told of the beginning is told that there was none
	if y := c.layers; y != nil {
		y.Gone()
		if !y.up {
			told = nil
		}
	}
	switch {
	case c.state == closing && c.layers != nil:
		err = c.layers.end
	case c.state == closing:
		err = nil
	case err == nil || errors.Is(err, io.EOF):
		err = io.EOF
	}
	delete(c.loop.conns, c.fd)
	c.gc, c.fd, c.state, c.Out, c.layers = nil, -1, closed, nil, nil
	c.h.Closed(told, err)
}
