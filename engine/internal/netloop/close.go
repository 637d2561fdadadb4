package netloop

import (
	"errors"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// maxDiscard is how much input of a finishing connection is read and dropped within one tick.
const maxDiscard = 1 << 20

// linger is what a finishing connection has left.
type linger struct {
	until time.Duration
	bytes int
	deaf  bool // not read until the next tick
}

// Close ends the connection. From now on Write says net.ErrClosed and Data is not called; Closed follows when the
// callback that is running has returned. Input the peer sent and nobody read makes the kernel reset the connection,
// which can destroy what was written last: Finish avoids that.
func (c *Conn) Close() {
	if c.state != open && c.state != finishing {
		return
	}
	c.state = closing
	c.loop.closing = append(c.loop.closing, c)
}

// Finish ends the sending direction behind what was written and waits for the peer to end its own, at most for wait;
// then the connection is closed. Input is discarded, Data is not called any more, Write says net.ErrClosed. A peer that
// keeps sending is read at 1 MB a tick. The precision of wait is a tick.
func (c *Conn) Finish(wait time.Duration) {
	if c.state != open {
		return
	}
	if wait <= 0 || unix.Shutdown(int(c.fd), unix.SHUT_WR) != nil {
		c.Close()
		return
	}
	l := c.loop
	delete(l.held, c)
	if c.flags&paused != 0 {
		c.Resume()
	}
	if c.state != open { // could not be read any more
		return
	}
	c.state = finishing
	l.lingering[c] = &linger{until: l.e.now() + wait, bytes: maxDiscard}
}

// discard drops input of a finishing connection, within its bound.
func (l *Loop) discard(c *Conn, n int) {
	if f := l.lingering[c]; f != nil {
		if f.bytes -= n; f.bytes <= 0 && !f.deaf {
			f.deaf = true
			c.listen(false)
		}
	}
}

// expire closes the finishing connections whose peers did not end in time and lets the others send on.
func (l *Loop) expire(now time.Duration) {
	for c, f := range l.lingering {
		if f.until <= now {
			c.Close()
			continue
		}
		f.bytes = maxDiscard
		if f.deaf {
			f.deaf = false
			c.listen(true)
		}
	}
}

// reap closes what was given to Close, and what Closed gives to it.
func (l *Loop) reap() {
	if l.reaping || l.helped || len(l.closing) == 0 {
		return
	}
	l.reaping = true
	for i := 0; i < len(l.closing); i++ {
		if c := l.closing[i]; c.gc != nil {
			_ = l.el.Close(c.gc) // comes back as ended
		}
	}
	clear(l.closing)
	l.closing = l.closing[:0]
	l.reaping = false
}

// ended is the one way out for an opened connection. gnet closes the descriptor when it returns.
func (l *Loop) ended(c *Conn, err error) {
	err = c.verdict(err)
	delete(l.waiting, c.fd)
	delete(l.lingering, c)
	delete(l.held, c)
	c.gc, c.fd, c.state = nil, -1, closed
	l.conns.Add(-1)
	l.closedConn(c, err)
	l.reap()
}

// verdict says why the connection ended: gnet's reason counts only when it was not us.
func (c *Conn) verdict(err error) error {
	switch {
	case c.flags&panicked != 0:
		return ErrPanicked
	case c.state != open:
		return nil
	case err == nil:
		return ErrStopped
	case errors.Is(err, io.EOF):
		return io.EOF
	}
	return err
}
