package enginetest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"time"
)

// conn is one network connection to the broker, seen from the client. Its methods fail the case when something else comes
// than they wait for.
type conn struct {
	t       *T
	level   byte
	nc      net.Conn
	r       *bufio.Reader
	held    []packet // came while await waited for something else
	packets uint16   // last packet identifier used
	marker  string   // topic of messages' barrier, once subscribed

	sent []byte // by the last send, for failure messages

	id      string // client identifier
	connack reply  // what the CONNECT was answered with; zero before
	greeted bool   // a CONNACK has come
}

// dial opens a network connection without sending anything.
func (t *T) dial() *conn {
	t.Helper()
	nc, err := t.at().dial()
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { nc.Close() })
	return t.over(nc)
}

// over speaks MQTT on a network connection.
func (t *T) over(nc net.Conn) *conn {
	return &conn{t: t, level: t.version, nc: nc, r: bufio.NewReader(nc)}
}

// connect opens a connection and a session on it; the CONNECT has to be accepted. The answer is in conn.connack.
func (t *T) connect(c Connect) *conn {
	t.Helper()
	cn := t.try(c)
	if cn.connack.code != 0 {
		t.Fatalf("CONNECT % X: refused with code %02X", c.encode(), cn.connack.code)
	}
	return cn
}

// try opens a connection, sends the CONNECT and takes the CONNACK, whatever its code.
func (t *T) try(c Connect) *conn {
	t.Helper()
	cn := t.dial()
	if c.Level == 0 {
		c.Level = t.version
	}
	if c.ID == "" && !c.NoID {
		c.ID = t.id("c")
	}
	if c.Keep {
		t.hall.remember(c.ID, c.Level)
	}
	cn.level, cn.id = c.Level, c.ID
	cn.send(c.encode())
	cn.takeConnack()
	return cn
}

// takeConnack reads the CONNACK.
func (c *conn) takeConnack() reply {
	c.t.Helper()
	c.connack = c.reply(typConnack)
	c.greeted = true
	return c.connack
}

// send writes the packets (or parts of packets) in one piece. That the broker has already closed is for the next read to tell.
func (c *conn) send(parts ...[]byte) {
	c.t.Helper()
	c.sent = cat(parts...)
	c.nc.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.nc.Write(c.sent); err != nil && !isClosed(err) {
		c.t.Fatalf("write: %v", err)
	}
}

// next returns the next packet.
func (c *conn) next() packet {
	c.t.Helper()
	p, err := c.read(patience)
	if err != nil {
		c.fatalf("read: %v, want a packet", err)
	}
	return p
}

func (c *conn) read(wait time.Duration) (packet, error) {
	if len(c.held) > 0 {
		p := c.held[0]
		c.held = c.held[1:]
		return p, nil
	}
	c.nc.SetReadDeadline(time.Now().Add(wait))
	return readPacket(c.r)
}

// expect takes the next packet, which has to be these bytes.
func (c *conn) expect(want ...byte) {
	c.t.Helper()
	if p := c.next(); !slices.Equal(p.raw, want) {
		c.fatalf("got %v, want % X", p, want)
	}
}

// reply takes the next packet, which has to be of this type, apart.
func (c *conn) reply(typ byte) reply {
	c.t.Helper()
	return c.parse(typ, c.next())
}

func (c *conn) parse(typ byte, p packet) reply {
	c.t.Helper()
	if p.typ() != typ {
		c.fatalf("got %v, want a packet of type %02X", p, typ)
	}
	r, err := parseReply(c.level, p)
	if err != nil {
		c.fatalf("%v", err)
	}
	return r
}

// await reads on to the next packet of this type and keeps the others, in order, for later reads. A PUBLISH may legally come
// before a SUBACK, for instance.
func (c *conn) await(typ byte) packet {
	c.t.Helper()
	var passed []packet
	for {
		p, err := c.read(patience)
		if err != nil {
			c.fatalf("read: %v, want a packet of type %02X; got until then: %v", err, typ, passed)
		}
		if p.typ() == typ {
			c.held = append(passed, c.held...)
			return p
		}
		passed = append(passed, p)
	}
}

// ping shows that the broker has nothing more to say on what it was sent: the very next packet is the PINGRESP.
func (c *conn) ping() {
	c.t.Helper()
	c.send(packetOf(0xC0))
	c.expect(0xD0, 0x00)
}

// alive shows that the connection serves: a PINGRESP comes, sooner or later. Other packets are kept.
func (c *conn) alive() {
	c.t.Helper()
	c.send(packetOf(0xC0))
	c.await(typPingresp)
}

// closed waits for the broker to close the connection, before which it may say nothing but: in 5.0, one CONNACK (if there
// was none yet) or one DISCONNECT (after it) with one of these codes.
func (c *conn) closed(codes ...byte) {
	c.t.Helper()
	c.closedWithin(patience, codes...)
}

func (c *conn) closedWithin(wait time.Duration, codes ...byte) {
	c.t.Helper()
	p, err := c.read(wait)
	if err == nil && c.level >= 5 && len(codes) > 0 {
		want := byte(typConnack)
		if c.greeted {
			want = typDisconnect
		}
		if r := c.parse(want, p); !slices.Contains(codes, r.code) {
			c.fatalf("got %v, want reason code % X", p, codes)
		}
		p, err = c.read(wait)
	}
	switch {
	case err == nil:
		c.fatalf("got %v, want the connection closed", p)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.fatalf("connection is still open after %v, want it closed", wait)
	case !isClosed(err):
		c.fatalf("got %v, want the connection closed", err)
	}
}

// silent shows that for this long nothing comes and the connection stays open.
func (c *conn) silent(d time.Duration) {
	c.t.Helper()
	if p, err := c.read(d); err == nil {
		c.fatalf("got %v within %v, want nothing", p, d)
	} else if !errors.Is(err, os.ErrDeadlineExceeded) {
		c.fatalf("%v within %v, want the connection open", err, d)
	}
}

// isClosed tells whether err says that the peer is gone. Whether by FIN or by RST depends on what lay unread at the broker.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// disconnect says goodbye and waits for the broker to close.
func (c *conn) disconnect() {
	c.t.Helper()
	c.send(packetOf(0xE0))
	for {
		if _, err := c.read(patience); isClosed(err) {
			return
		} else if err != nil {
			c.fatalf("after DISCONNECT: %v, want the connection closed", err)
		}
	}
}

// cut ends the network connection without DISCONNECT, as a lost network does.
func (c *conn) cut() { c.nc.Close() }

func (c *conn) newID() uint16 {
	c.packets++
	return c.packets
}

// fatalf ends the case with what was sent last and what went wrong.
func (c *conn) fatalf(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf("after sending %v: %s", packet{raw: c.sent}, fmt.Sprintf(format, args...))
}
