package enginetest

import (
	"fmt"
	"slices"
)

// What a client does, in one call each: the request, its answer, and a failed case if the answer is wrong.

// subscribe subscribes to one filter, which has to be granted, and returns the granted QoS. Options are the QoS in 3.x.
func (c *conn) subscribe(f string, options byte, p ...[]byte) byte {
	c.t.Helper()
	code := c.subscribeAll(p, filter(f, options))[0]
	if code >= 0x80 {
		c.fatalf("subscribe %q: refused with code %02X", f, code)
	}
	return code
}

// subscribeAll sends one SUBSCRIBE for these filters and returns the codes of its SUBACK.
func (c *conn) subscribeAll(p [][]byte, filters ...[]byte) []byte {
	c.t.Helper()
	id := c.newID()
	c.send(subscribe(c.level, id, p, filters...))
	r := c.parse(typSuback, c.await(typSuback))
	c.t.equal("packet identifier of the SUBACK", r.id, id)
	if len(r.codes) != len(filters) {
		c.fatalf("SUBACK has codes % X, want %d codes", r.codes, len(filters))
	}
	return r.codes
}

// unsubscribe sends one UNSUBSCRIBE for these filters and returns the codes of its UNSUBACK (none in 3.x).
func (c *conn) unsubscribe(filters ...string) []byte {
	c.t.Helper()
	id := c.newID()
	c.send(unsubscribe(c.level, id, filters...))
	r := c.parse(typUnsuback, c.await(typUnsuback))
	c.t.equal("packet identifier of the UNSUBACK", r.id, id)
	return r.codes
}

// publish publishes one message and carries its exchange through. A zero m.ID is replaced by an unused one. It returns the
// code of the PUBACK or PUBREC; one of 0x80 and above ends the exchange.
func (c *conn) publish(m Message) (code byte) {
	c.t.Helper()
	if m.ID == 0 && m.QoS > 0 {
		m.ID = c.newID()
	}
	c.send(m.encode(c.level))
	switch m.QoS {
	case 1:
		return c.acked(typPuback, m.ID)
	case 2:
		if code = c.acked(typPubrec, m.ID); code < 0x80 {
			c.send(ack(0x62, m.ID))
			c.acked(typPubcomp, m.ID)
		}
	}
	return code
}

// acked waits for the acknowledgement of this type, which has to carry this identifier, and returns its code.
func (c *conn) acked(typ byte, id uint16) byte {
	c.t.Helper()
	p := c.await(typ)
	r := c.parse(typ, p)
	if r.id != id {
		c.fatalf("got %v, want packet identifier %04X", p, id)
	}
	return r.code
}

// take takes the next packet, which has to be a PUBLISH, and leaves it unacknowledged.
func (c *conn) take() Message {
	c.t.Helper()
	m, err := parsePublish(c.level, c.next())
	if err != nil {
		c.fatalf("%v", err)
	}
	return m
}

// receive takes the next packet, which has to be a PUBLISH, and carries its exchange through.
func (c *conn) receive() Message {
	c.t.Helper()
	m := c.take()
	c.finish(m)
	return m
}

// finish acknowledges a message that was taken; for QoS 2 it waits for the PUBREL, keeping other packets.
func (c *conn) finish(m Message) {
	c.t.Helper()
	switch m.QoS {
	case 1:
		c.send(ack(0x40, m.ID))
	case 2:
		c.send(ack(0x50, m.ID))
		c.acked(typPubrel, m.ID)
		c.send(ack(0x70, m.ID))
	}
}

// messages returns what reaches c before a message that from publishes now: everything that was due when it was called.
// All is acknowledged. An empty list is how a case shows that nothing was delivered. The barrier is a QoS 1 message, which
// cannot overtake others of its publisher that were acknowledged before, nor any that wait in c's session.
func (c *conn) messages(from *conn) []Message {
	c.t.Helper()
	return c.messagesBefore(from, 1)
}

// messagesBefore is messages with a barrier of this QoS: 0 where c holds acknowledgements back.
func (c *conn) messagesBefore(from *conn, qos byte) []Message {
	c.t.Helper()
	if c.marker == "" {
		c.marker = c.t.topic(fmt.Sprintf("marker/%p", c))
		c.subscribe(c.marker, qos)
	}
	from.publish(Message{Topic: c.marker, QoS: qos})
	var list []Message
	for {
		m := c.receive()
		if m.Topic == c.marker {
			return list
		}
		list = append(list, m)
	}
}

// nothing shows that no message reaches c before one that from publishes now.
func (c *conn) nothing(from *conn) {
	c.t.Helper()
	if list := c.messages(from); len(list) > 0 {
		c.fatalf("got %.600s, want no message", fmt.Sprintf("%+v", list))
	}
}

// payloads fails the case unless the messages that reach c before one that from publishes now have these payloads, in order.
func (c *conn) payloads(from *conn, want ...string) {
	c.t.Helper()
	var got []string
	for _, m := range c.messages(from) {
		got = append(got, m.Payload)
	}
	if !slices.Equal(got, want) {
		c.fatalf("payloads received: got %.600s, want %.600q", fmt.Sprintf("%q", got), want)
	}
}

// closes shows that the broker closes a served connection on these bytes, without an answer: in 5.0 with at most a DISCONNECT
// that has one of these codes.
func (t *T) closes(bad []byte, codes ...byte) {
	t.Helper()
	c := t.connect(Connect{ID: t.id("bad")})
	c.send(bad)
	c.closed(codes...)
}

// refuses shows that the broker closes a new connection on these bytes, without an answer: in 5.0 with at most a CONNACK that has
// one of these codes.
func (t *T) refuses(first []byte, codes ...byte) {
	t.Helper()
	c := t.dial()
	c.send(first)
	c.closed(codes...)
}

// refusesWith shows that the broker does not accept this CONNECT of 3.x: it closes the connection, at most after a CONNACK with one of
// these codes.
func (t *T) refusesWith(connect []byte, codes ...byte) {
	t.Helper()
	c := t.dial()
	c.send(connect)
	p, err := c.read(patience)
	if err == nil {
		if r := c.parse(typConnack, p); !slices.Contains(codes, r.code) {
			c.fatalf("got %v, want code % X or the connection closed", p, codes)
		}
		p, err = c.read(patience)
	}
	if err == nil || !isClosed(err) {
		c.fatalf("got %v %v, want the connection closed", p, err)
	}
}

// leave takes every trace of the client c off the broker: it has returned from a later connection of the same client when it
// returns, so that whatever c's end brought about (a will, the end of its session) is under way. The connection is returned.
func (c *conn) leave() *conn {
	c.t.Helper()
	c.cut()
	return c.t.connect(Connect{ID: c.id, Level: c.level})
}
