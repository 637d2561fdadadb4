package netloop

import "golang.org/x/sys/unix"

// readEvents is what gnet registers a connection for.
const readEvents = unix.EPOLLIN | unix.EPOLLPRI

// Pause stops reading: Data is not called until Resume, what arrives waits in the kernel, which slows the peer down. A
// TCP peer's reset is still noticed and ends the connection; its orderly end is seen after Resume, behind its data.
func (c *Conn) Pause() {
	if c.state != open || c.flags&paused != 0 {
		return
	}
	c.flags |= paused
	c.listen(false)
}

// Resume reads again. What came in the meantime is handed to Data in a later round.
func (c *Conn) Resume() {
	if c.state != open || c.flags&paused == 0 {
		return
	}
	c.flags &^= paused
	if _, ok := c.loop.held[c]; ok {
		c.loop.want(wantHeld) // older than what the kernel has: listen only after it
		return
	}
	c.listen(true)
}

// Paused says whether reading is stopped.
func (c *Conn) Paused() bool { return c.flags&paused != 0 }

// listen changes what gnet's epoll set watches the connection for. Without any event a hang-up is still reported. A
// unix socket hangs up as soon as the peer closes and gnet would drop the unread data, so those leave the set.
func (c *Conn) listen(on bool) {
	ev := unix.EpollEvent{Fd: c.fd}
	op := unix.EPOLL_CTL_MOD
	if on {
		ev.Events = readEvents
	}
	if c.flags&unixConn != 0 {
		op = unix.EPOLL_CTL_DEL
		if on {
			op = unix.EPOLL_CTL_ADD
		}
	}
	if err := unix.EpollCtl(c.loop.epfd, op, int(c.fd), &ev); err != nil {
		c.loop.e.log.Error("change of epoll registration failed", "err", err)
		c.Close()
	}
}

// hold keeps what was read in the round in which the connection was paused by somebody else's callback: its event was
// already under way. This is one read at most.
func (l *Loop) hold(c *Conn, b []byte) { l.held[c] = append(l.held[c], b...) }

// unhold hands over what was held for connections that are read again.
func (l *Loop) unhold() {
	for c, b := range l.held {
		if c.flags&paused != 0 || c.state != open {
			continue
		}
		delete(l.held, c)
		l.data(c, b)
		l.reap()
		if c.state == open && c.flags&paused == 0 {
			c.listen(true)
		}
	}
}
