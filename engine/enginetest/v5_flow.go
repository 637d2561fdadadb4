package enginetest

import "fmt"

// Section 4.9, flow control, and Receive Maximum of sections 3.1 and 3.2.
var v5Flow = []Case{
	v5("MQTT-4.9.0-1", "the send quota is the client's Receive Maximum at most", func(t *T) {
		c, p := t.client("c", p16(propReceiveMaximum, 3)), t.client("p")
		c.subscribe(t.topic("a"), 2)
		for i := range 6 {
			p.publish(Message{Topic: t.topic("a"), QoS: byte(1 + i%2)})
		}
		for n := range 4 {
			if m, ok := c.untilMarker(p); !ok {
				t.equal("at least one delivery", n > 0, true)
				return
			} else if n == 3 {
				t.Fatalf("got %+v as a fourth open delivery, want at most 3", m)
			}
		}
	}),
	v5("MQTT-4.9.0-1", "the send quota starts anew with each connection", func(t *T) {
		c, p := t.session("c", p16(propReceiveMaximum, 3)), t.client("p")
		c.subscribe(t.topic("a"), 1)
		for i := range 5 {
			p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: fmt.Sprint(i)})
		}
		c.take()
		c.disconnect()
		c = t.session("c", p16(propReceiveMaximum, 1))
		for i := range 5 {
			m := c.take()
			t.equal("payload", m.Payload, fmt.Sprint(i))
			c.noMore(p)
			c.finish(m)
		}
	}),
	v5("MQTT-4.9.0-2", "at quota 0 nothing above QoS 0 is sent", func(t *T) {
		c, p := t.client("c", p16(propReceiveMaximum, 2)), t.client("p")
		c.subscribe(t.topic("a"), 1)
		for range 5 {
			p.publish(Message{Topic: t.topic("a"), QoS: 1})
		}
		c.take()
		c.take()
		c.noMore(p) // its barrier is a QoS 0 message, which still flows
	}),
	v5("MQTT-4.9.0-2", "PUBREC with 80 and above and PUBCOMP give the quota back", func(t *T) {
		c, p := t.client("c", p16(propReceiveMaximum, 1)), t.client("p")
		c.subscribe(t.topic("a"), 2)
		for i := range 3 {
			p.publish(Message{Topic: t.topic("a"), QoS: 2, Payload: fmt.Sprint(i)})
		}
		m := c.take()
		c.send(ackWith(0x50, m.ID, 0x80))
		m = c.take()
		t.equal("payload", m.Payload, "1")
		c.send(ack(0x50, m.ID))
		t.equal("identifier of the PUBREL", c.reply(typPubrel).id, m.ID)
		c.noMore(p)
		c.send(ack(0x70, m.ID))
		t.equal("payload", c.take().Payload, "2")
	}),
	v5("MQTT-4.9.0-2", "a PUBACK with 80 and above gives the quota back", func(t *T) {
		c, p := t.client("c", p16(propReceiveMaximum, 1)), t.client("p")
		c.subscribe(t.topic("a"), 1)
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "0"})
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "1"})
		c.send(ackWith(0x40, c.take().ID, 0x97))
		t.equal("payload", c.take().Payload, "1")
	}),
	v5("MQTT-4.9.0-2", "acknowledgements of unknown identifiers do not raise the quota", func(t *T) {
		c, p := t.client("c", p16(propReceiveMaximum, 1)), t.client("p")
		c.subscribe(t.topic("a"), 1)
		for range 3 {
			p.publish(Message{Topic: t.topic("a"), QoS: 1})
		}
		m := c.take()
		c.send(ack(0x70, m.ID+1), ack(0x40, m.ID+1))
		c.noMore(p)
	}),
	v5("MQTT-4.9.0-3", "at quota 0 all other packets are answered", func(t *T) { otherPackets(t) }),
	v5("flow", "messages of a publisher within the server's Receive Maximum are taken", func(t *T) {
		t.wish(func(s *Settings) { s.ReceiveMaximum = 4 })
		c := t.client("c")
		n := c.serverReceiveMaximum()
		for range 2 { // the second time shows that PUBCOMP gives the quota back
			for id := range n {
				c.send(Message{Topic: t.topic("a"), QoS: 2, ID: id + 1}.encode(5))
				c.acked(typPubrec, id+1)
			}
			for id := range n {
				c.send(ack(0x62, id+1))
				c.acked(typPubcomp, id+1)
			}
		}
		c.ping()
	}),
	v5("flow", "a repeated QoS 2 PUBLISH does not count twice", func(t *T) {
		t.wish(func(s *Settings) { s.ReceiveMaximum = 4 })
		c := t.client("c")
		n := c.serverReceiveMaximum()
		for i := range n + 2 {
			c.send(Message{Topic: t.topic("a"), QoS: 2, ID: 1, Dup: i > 0, Payload: "x"}.encode(5))
			c.acked(typPubrec, 1)
		}
		c.ping()
	}),
}

// receiveMaximum opens as many QoS 2 exchanges as the server allows, and one more.
func receiveMaximum(t *T) {
	t.Helper()
	t.wish(func(s *Settings) { s.ReceiveMaximum = 4 })
	c := t.client("c")
	n := c.serverReceiveMaximum()
	for id := range n {
		c.send(Message{Topic: t.topic("a"), QoS: 2, ID: id + 1}.encode(5))
		c.acked(typPubrec, id+1)
	}
	c.ping()
	c.send(Message{Topic: t.topic("a"), QoS: 2, ID: n + 1}.encode(5))
	c.closed(0x93)
}

// serverReceiveMaximum is the Receive Maximum that the server announced, if small enough to be used up.
func (c *conn) serverReceiveMaximum() uint16 {
	c.t.Helper()
	p, ok := c.connack.props.get(propReceiveMaximum)
	if !ok || p.num > 1000 {
		c.t.na("announces no Receive Maximum that could be used up")
	}
	return uint16(p.num)
}

// otherPackets uses the send quota up and shows that everything but PUBLISH is answered.
func otherPackets(t *T) {
	t.Helper()
	c, p := t.client("c", p16(propReceiveMaximum, 1)), t.client("p")
	c.subscribe(t.topic("a"), 1)
	p.publish(Message{Topic: t.topic("a"), QoS: 1})
	p.publish(Message{Topic: t.topic("a"), QoS: 1})
	c.take()
	c.ping()
	c.send(subscribe5(t.topic("b"), 0))
	t.bytes("codes", c.reply(typSuback).codes, []byte{0})
	c.send(Message{Topic: t.topic("c"), QoS: 1, ID: 1}.encode(5))
	t.equal("identifier of the PUBACK", c.reply(typPuback).id, uint16(1))
	c.send(Message{Topic: t.topic("c"), QoS: 2, ID: 2}.encode(5))
	t.equal("identifier of the PUBREC", c.reply(typPubrec).id, uint16(2))
	c.send(ack(0x62, 2))
	t.equal("identifier of the PUBCOMP", c.reply(typPubcomp).id, uint16(2))
	c.send(unsubscribe(5, 3, t.topic("b")))
	t.bytes("codes", c.reply(typUnsuback).codes, []byte{0})
}

// noMore shows that c, which holds acknowledgements back, gets nothing before a QoS 0 message that from publishes now.
func (c *conn) noMore(from *conn) {
	c.t.Helper()
	if m, ok := c.untilMarker(from); ok {
		c.fatalf("got %+v, want no message", m)
	}
}

// untilMarker takes the next message and leaves it unacknowledged, unless that is a QoS 0 message which from publishes now.
func (c *conn) untilMarker(from *conn) (m Message, ok bool) {
	c.t.Helper()
	topic := c.t.topic("quota/" + c.id)
	c.subscribeAll(nil, filter(topic, 0))
	from.publish(Message{Topic: topic})
	if m = c.take(); m.Topic == topic {
		return m, false
	}
	for c.take().Topic != topic {
	}
	return m, true
}
