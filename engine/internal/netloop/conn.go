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
	opened bool    // set once, before the enrolment's result is out
	since  [3]byte // on the engine's clock, in units, when it was taken in
}

// sinceUnit is how exactly a connection knows its age: there are three bytes for it.
const sinceUnit = 4 * time.Second

// Age is how long the connection has been there, to 4 s. The engine counts for two years; a connection that came later
// than that looks older than it is.
func (c *Conn) Age() time.Duration {
	since := time.Duration(c.since[0])<<16 | time.Duration(c.since[1])<<8 | time.Duration(c.since[2])
	return max(c.loop.e.now()-since*sinceUnit, 0)
}

// Loop returns the loop that owns the connection.
func (c *Conn) Loop() *Loop { return c.loop }

// begin fills in what is known once the connection is on its loop.
func (c *Conn) begin(gc gnet.Conn) {
	c.gc, c.fd, c.state, c.opened = gc, int32(gc.Fd()), open, true
	since := min(c.loop.e.now()/sinceUnit, 1<<24-1)
	c.since = [3]byte{byte(since >> 16), byte(since >> 8), byte(since)}
}
