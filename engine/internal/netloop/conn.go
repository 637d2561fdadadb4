package netloop

import (
	"time"

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
	lazy // nothing was written to it since its acknowledgements were declared to wait
)

// Conn is one connection. All but Loop and the addresses belongs to its loop. Value is the handler's own.
//
// There may be very many: 64 bytes, no closure.
type Conn struct {
	Value any

	loop   *Loop
	gc     gnet.Conn
	addrs  *addrs  // nil for a unix socket
	fd     int32   // -1 once closed
	remote [4]byte // an IPv4 peer's address
	port   uint16  // and port
	state  state
	flags  uint8
	since  uint32 // seconds on the engine's clock, when it was opened
}

// Age is how long the connection has been there, to a second.
func (c *Conn) Age() time.Duration {
	return max(c.loop.e.now()-time.Duration(c.since)*time.Second, 0)
}

// Loop returns the loop that owns the connection.
func (c *Conn) Loop() *Loop { return c.loop }

// begin fills in what is known once the connection is on its loop.
func (c *Conn) begin(gc gnet.Conn) {
	c.gc, c.fd, c.state = gc, int32(gc.Fd()), open
	c.since = uint32(c.loop.e.now() / time.Second)
}
