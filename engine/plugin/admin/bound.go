package admin

import (
	"net"
	"sync"
	"sync/atomic"
)

// maxConns is how many connections one address has at a time. Those beyond are closed at once rather than left waiting.
const maxConns = 128

// bound limits the connections that a listener hands out.
func bound(ln net.Listener) net.Listener { return &bounded{Listener: ln} }

type bounded struct {
	net.Listener
	open atomic.Int32
}

// Accept implements net.Listener.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if b.open.Add(1) <= maxConns {
			return &boundConn{Conn: c, gone: sync.OnceFunc(func() { b.open.Add(-1) })}, nil
		}
		b.open.Add(-1)
		_ = c.Close()
	}
}

type boundConn struct {
	net.Conn
	gone func()
}

// Close implements net.Conn.
func (c *boundConn) Close() error {
	c.gone()
	return c.Conn.Close()
}
