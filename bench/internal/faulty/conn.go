package faulty

import (
	"net"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// conn is one connection. What it is owed waits in out, under the broker's lock, until its writer takes it.
type conn struct {
	broker  *Broker
	socket  net.Conn
	version mqtt.Version // 0 before CONNECT
	session *session
	will    *message
	out     []byte
	closing bool // once out is written
	wake    chan struct{}
	gone    chan struct{} // closed by the reader
}

func (c *conn) peer() mqtt.Peer { return mqtt.Peer{Version: c.version} }

// send appends a packet to what is owed. Nothing follows an end.
func (c *conn) send(appendTo func(dst []byte) []byte) {
	if c.closing {
		return
	}
	c.out = appendTo(c.out)
	c.nudge()
}

// end closes the connection behind what is owed.
func (c *conn) end() {
	c.closing = true
	c.nudge()
}

func (c *conn) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *conn) write() {
	for {
		select {
		case <-c.wake:
		case <-c.gone:
			return
		}
		c.broker.mu.Lock()
		out, closing := c.out, c.closing
		c.out = nil
		c.broker.mu.Unlock()
		if len(out) > 0 {
			if _, err := c.socket.Write(out); err != nil {
				closing = true
			}
		}
		if closing {
			c.socket.Close()
			return
		}
	}
}

// read takes packets until the connection ends, by whomever.
func (c *conn) read() {
	defer c.leave()
	var reader mqtt.Reader
	in := make([]byte, 32<<10)
	for {
		n, err := c.socket.Read(in)
		if err != nil {
			return
		}
		for rest := in[:n]; ; {
			var h mqtt.Header
			var body []byte
			h, body, rest, err = reader.Next(rest, 0)
			if err != nil || h.Type != 0 && !c.take(h, body) {
				return
			}
			if h.Type == 0 {
				break
			}
		}
	}
}

// take carries out one packet. false ends the connection.
func (c *conn) take(h mqtt.Header, body []byte) bool {
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	if c.version == 0 {
		return h.Type == mqtt.CONNECT && c.connect(h.Flags, body)
	}
	if c.session == nil || c.closing || h.Check(c.peer()) != nil {
		return false
	}
	switch h.Type {
	case mqtt.PUBLISH:
		return c.publish(h.Flags, body)
	case mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP:
		return c.acknowledge(h, body)
	case mqtt.SUBSCRIBE:
		return c.subscribe(h.Flags, body)
	case mqtt.UNSUBSCRIBE:
		return c.unsubscribe(h.Flags, body)
	case mqtt.PINGREQ:
		c.send(mqtt.AppendPingresp)
		return true
	case mqtt.DISCONNECT:
		var d mqtt.Disconnect
		if d.Decode(c.peer(), h.Flags, body) == nil && d.Reason != mqtt.DisconnectWithWillMessage {
			c.will = nil
		}
		if d.Props.Has(mqtt.PropSessionExpiry) {
			c.session.kept = d.Props.SessionExpiry > 0
		}
	}
	return false
}

// leave is the end of a connection: its session stays or goes, its will is published.
func (c *conn) leave() {
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	c.socket.Close()
	close(c.gone)
	delete(c.broker.conns, c)
	if s := c.session; s != nil && s.conn == c {
		s.conn = nil
		if !s.kept {
			c.broker.forget(s)
		}
	}
	if c.will != nil {
		c.broker.route(c.session, c.will)
	}
}
