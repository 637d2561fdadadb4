package netloop

import (
	"net"
	"net/netip"
	"sync"
)

// addrs is what a connection knows of addresses beside its IPv4 peer: the local one, which many have in common, and
// that of an IPv6 peer, which makes it one connection's own.
type addrs struct{ local, remote netip.AddrPort }

// localAddrs are the last few local addresses seen, shared by the connections of IPv4 peers.
type localAddrs struct {
	mu   sync.Mutex
	seen [8]*addrs
	next int
}

// RemoteAddr returns the peer's address, taken when the connection was enrolled; the zero value for a unix socket.
func (c *Conn) RemoteAddr() netip.AddrPort {
	switch {
	case c.addrs == nil:
		return netip.AddrPort{}
	case c.addrs.remote.IsValid():
		return c.addrs.remote
	}
	return netip.AddrPortFrom(netip.AddrFrom4(c.remote), c.port)
}

// LocalAddr returns our own address, taken when the connection was enrolled; the zero value for a unix socket.
func (c *Conn) LocalAddr() netip.AddrPort {
	if c.addrs == nil {
		return netip.AddrPort{}
	}
	return c.addrs.local
}

// takeAddrs reads the addresses of a connection that nobody else has any more, and empties those of TCP.
func (c *Conn) takeAddrs(nc net.Conn) {
	if _, ok := nc.(*net.UnixConn); ok {
		c.flags |= unixConn
		return
	}
	local, remote := takeAddr(nc.LocalAddr()), takeAddr(nc.RemoteAddr())
	if remote.Addr().Is4() {
		c.remote, c.port = remote.Addr().As4(), remote.Port()
		c.addrs = c.loop.e.locals.share(local)
		return
	}
	c.addrs = &addrs{local: local, remote: remote}
}

// takeAddr reads a TCP address and leaves an empty one. gnet holds on to it as long as the connection lives, which
// would pin the socket address behind IP, and puts a zone's bytes, which belong to package net, into a pool of buffers
// at the end. It also turns the peer's into text and back into one of its own: the shorter the cheaper.
func takeAddr(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok || t == nil {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	*t = net.TCPAddr{IP: anyIP}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

var anyIP = net.IPv4zero.To4() // shared, never changed

// share returns one pointer for equal addresses, of the last few seen.
func (s *localAddrs) share(local netip.AddrPort) *addrs {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.seen {
		if p != nil && p.local == local {
			return p
		}
	}
	p := &addrs{local: local}
	s.seen[s.next%len(s.seen)] = p
	s.next++
	return p
}
