package netloop

import (
	"net"
	"net/netip"

	"github.com/panjf2000/gnet/v2"
)

type state uint8

const (
	enrolling state = iota // not announced yet
	open
	finishing // Finish was called: input is discarded
	closing   // Close was called: in Loop.closing
	closed
)

// Flags of a connection.
const (
	paused    uint8 = 1 << iota
	armedOnce       // its descriptor was put into the notifier's set
	unixConn
	panicked
)

// Conn is one connection. All but Loop and the addresses belongs to its loop. Value is the handler's own.
//
// There may be very many: 88 bytes, no closure.
type Conn struct {
	Value any

	loop   *Loop
	gc     gnet.Conn
	remote netip.AddrPort
	local  *netip.AddrPort // shared by the connections of a loop: there are few
	fd     int32           // -1 once closed
	state  state
	flags  uint8
	opened bool // set once, before the enrolment's result is out
}

// Loop returns the loop that owns the connection.
func (c *Conn) Loop() *Loop { return c.loop }

// RemoteAddr returns the peer's address, taken when the connection was opened; the zero value for a unix socket.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.remote }

// LocalAddr returns our own address, taken when the connection was opened; the zero value for a unix socket.
func (c *Conn) LocalAddr() netip.AddrPort { return *c.local }

var noAddr netip.AddrPort

// begin fills in what is known once the connection is on its loop.
func (c *Conn) begin(gc gnet.Conn) {
	c.gc, c.fd, c.state, c.opened = gc, int32(gc.Fd()), open, true
	if _, ok := gc.RemoteAddr().(*net.UnixAddr); ok {
		c.flags |= unixConn
		return
	}
	c.remote = takeAddr(gc.RemoteAddr())
	c.local = c.loop.shareAddr(takeAddr(gc.LocalAddr()))
}

// takeAddr reads a TCP address and empties it. gnet holds on to it as long as the connection lives, which pins the
// socket address behind IP, and puts a zone's bytes, which belong to package net, into a pool of buffers at the end.
func takeAddr(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok || t == nil {
		return noAddr
	}
	ap := t.AddrPort()
	*t = net.TCPAddr{}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// shareAddr returns one pointer for equal local addresses, of the last few seen.
func (l *Loop) shareAddr(a netip.AddrPort) *netip.AddrPort {
	for _, p := range l.locals {
		if p != nil && *p == a {
			return p
		}
	}
	p := &a
	l.locals[l.nextLocal%len(l.locals)] = p
	l.nextLocal++
	return p
}
