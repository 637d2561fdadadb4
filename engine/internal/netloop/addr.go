package netloop

import (
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

// setAddrs takes the addresses of a new socket: the peer's and, unless all of a listener have the same, ours.
func (c *Conn) setAddrs(fd int, peer addrs, local *addrs) {
	switch {
	case !peer.remote.IsValid():
		c.flags |= unixConn
	case !peer.remote.Addr().Is4():
		c.addrs = &addrs{local: sockname(fd), remote: peer.remote}
	default:
		c.remote, c.port = peer.remote.Addr().As4(), peer.remote.Port()
		if c.addrs = local; local == nil {
			c.addrs = c.loop.e.locals.share(sockname(fd))
		}
	}
}

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
