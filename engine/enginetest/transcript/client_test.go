package transcript

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Where a client stands.
const (
	waiting = iota // for the CONNACK, or for nothing yet
	greeted        // it may send PINGREQ
	paused         // it does not read
	over           // its connection is closed
)

// client is one raw connection.
type client struct {
	s       *scenario
	name    string
	nc      *net.TCPConn
	local   netip.AddrPort
	loop    int
	placed  bool // loop is a choice
	version mqtt.Version
	state   int
	auto    bool                                    // answers what it is sent
	react   func(h mqtt.Header, body []byte) []byte // how, if not in the simplest way
	wait    bool                                    // for an answer to what is being sent

	r       mqtt.Reader
	buf     [65536]byte
	ids     int      // packet identifiers that it chose by itself
	lines   []string // received in the present block
	pongs   []bool   // PINGRESPs that are to come; true: for a barrier
	replied bool     // an answer of its own is on its way
}

func newClient(s *scenario, name, loop string, a args) *client {
	c := &client{s: s, name: name, version: mqtt.V5}
	switch {
	case loop != "":
		c.loop = a.atoi(loop)
	case s.variant.spread:
		c.loop = s.placed % s.rig.cfg.Loops
		s.placed++
	}
	c.placed = s.rig.cfg.Loops > 1 && a.number("listener", 0) == 0
	c.use(s.rig.socket(c.loop, a.number("listener", 0)))
	c.auto = a.flag("auto")
	c.speak(a)
	return c
}

// speak sets the protocol version that a command names.
func (c *client) speak(a args) {
	switch {
	case a.flag("v31"):
		c.version = mqtt.V31
	case a.flag("v311"):
		c.version = mqtt.V311
	}
}

// use gives the client its connection.
func (c *client) use(nc net.Conn) {
	c.nc = nc.(*net.TCPConn)
	c.local = c.nc.LocalAddr().(*net.TCPAddr).AddrPort()
}

// control runs a command that is not a packet.
func (c *client) control(a args) bool {
	switch a.verb {
	case "drop":
		c.drop()
	case "pause":
		c.state = paused
	case "read":
		c.state = greeted
	case "connack":
		for c.state == waiting {
			c.read()
		}
	case "await":
		for len(c.lines) == 0 && c.state != over {
			c.read()
		}
	case "open", "sync":
	default:
		return false
	}
	return true
}

func (c *client) send(b []byte) {
	c.nc.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.nc.Write(b); err != nil && !isClosed(err) {
		c.s.fatalf("%s: write: %v", c.name, err)
	}
}

// isClosed tells whether err says that the broker has closed the connection.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// collect reads what the client was sent; answered tells that it sent something in turn. A client that may send PINGREQ
// waits for the answer, before which everything comes that the broker owed it; else what has arrived is taken.
func (c *client) collect() (answered bool) {
	c.replied = false
	switch c.state {
	case waiting:
		c.poll()
	case greeted:
		c.pongs = append(c.pongs, true)
		c.send(mqtt.AppendPingreq(nil))
		for len(c.pongs) > 0 && c.state != over {
			c.read()
		}
	}
	return c.replied
}

// await waits for one packet.
func (c *client) await() {
	for n := len(c.lines); len(c.lines) == n && c.state != over; {
		c.read()
	}
}

// readOut reads until the broker closes the connection.
func (c *client) readOut() {
	for c.state != over {
		c.read()
	}
}

// read waits for bytes.
func (c *client) read() {
	c.nc.SetReadDeadline(time.Now().Add(patience))
	n, err := c.nc.Read(c.buf[:])
	c.take(n, err)
}

// poll takes what has arrived, without waiting.
func (c *client) poll() {
	raw, err := c.nc.SyscallConn()
	if err != nil {
		return
	}
	for more := true; more && c.state != over; {
		n := 0
		raw.Read(func(fd uintptr) bool {
			n, err = syscall.Read(int(fd), c.buf[:])
			return true
		})
		switch {
		case errors.Is(err, syscall.EAGAIN):
			more = false
		case n == 0 && err == nil:
			c.take(0, io.EOF)
		default:
			c.take(max(n, 0), err)
		}
	}
}

// take cuts what was read into packets.
func (c *client) take(n int, err error) {
	for in := c.buf[:n]; ; {
		h, body, rest, err := c.r.Next(in, 0)
		if err != nil {
			c.s.fatalf("%s: %v", c.name, err)
		}
		if h.Type == 0 {
			break
		}
		c.packet(h, body)
		in = rest
	}
	switch {
	case err == nil:
	case isClosed(err):
		c.lines = append(c.lines, "closed")
		c.close()
	default:
		c.s.fatalf("%s: read: %v", c.name, err)
	}
}

// packet takes one packet: it is written down and, by a client that answers by itself, answered.
func (c *client) packet(h mqtt.Header, body []byte) {
	if h.Type == mqtt.PINGRESP {
		if len(c.pongs) == 0 || !c.pongs[0] {
			c.lines = append(c.lines, "PINGRESP")
		}
		c.pongs = c.pongs[min(1, len(c.pongs)):]
		return
	}
	line, answer, err := c.describe(h, body)
	if err != nil {
		c.s.fatalf("%s: %v", c.name, err)
	}
	c.lines = append(c.lines, line)
	if h.Type == mqtt.CONNACK && c.state == waiting && body[1] == 0 {
		c.state = greeted
		if loop, online := c.s.rig.loopOf(c.local); online && c.placed && loop != c.loop {
			c.s.fatalf("%s is on loop %d, want %d: sockets are spread in another way than start believes", c.name, loop, c.loop)
		}
	}
	if c.react != nil {
		answer = c.react(h, body)
	}
	if (c.auto || c.react != nil) && len(answer) > 0 {
		c.replied = true
		c.send(answer)
	}
}

// drop ends the connection without DISCONNECT, as a lost network does, and waits until the broker knows.
func (c *client) drop() {
	c.close()
	c.s.rig.awaitGone(c.local)
}

func (c *client) close() {
	if c.state != over {
		c.state = over
		c.nc.Close()
	}
}
