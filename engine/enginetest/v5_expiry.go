package enginetest

import "time"

// Message expiry: sections 3.3.2 and 4.3.3.
var v5Expiry = []Case{
	v5("MQTT-3.3.2-5", "a message whose expiry ran out while it waited is deleted", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		c.disconnect()
		for _, qos := range []byte{1, 2} {
			p.publish(Message{Topic: t.topic("a"), QoS: qos, Payload: "short", Props: [][]byte{p32(propMessageExpiry, 1)}})
			p.publish(Message{Topic: t.topic("a"), QoS: qos, Payload: "long", Props: [][]byte{p32(propMessageExpiry, 60)}})
			p.publish(Message{Topic: t.topic("a"), QoS: qos, Payload: "endless"})
		}
		elapse(2200 * time.Millisecond)
		t.session("c").payloads(p, "long", "endless", "long", "endless")
	}),
	v5("MQTT-3.3.2-5", "a message whose expiry ran out while the window was full is deleted", func(t *T) {
		c, p := t.client("c", p16(propReceiveMaximum, 1)), t.client("p")
		c.subscribe(t.topic("a"), 1)
		for _, m := range []Message{
			{Payload: "first"}, {Payload: "short", Props: [][]byte{p32(propMessageExpiry, 1)}}, {Payload: "last"},
		} {
			m.Topic, m.QoS = t.topic("a"), 1
			p.publish(m)
		}
		first := c.take()
		elapse(2200 * time.Millisecond)
		c.finish(first)
		c.payloads(p, "last")
	}),
	v5("MQTT-3.3.2-6", "the expiry is forwarded less the time the message waited", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 1)
		c.disconnect()
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Props: [][]byte{p32(propMessageExpiry, 10)}})
		elapse(2100 * time.Millisecond)
		t.remaining(t.session("c").receive(), 10, 2)
	}),
	v5("MQTT-3.3.2-6", "a message that did not wait keeps its expiry", func(t *T) {
		c := t.client("c")
		c.subscribe(t.topic("a"), 0)
		c.publish(Message{Topic: t.topic("a"), Props: [][]byte{p32(propMessageExpiry, 4294967295)}})
		t.remaining(c.receive(), 4294967295, 0)
	}),
	v5("MQTT-4.3.3-7", "expiry is not applied once a QoS 2 PUBLISH was sent", func(t *T) { sentIsSent(t, 2) }),
	v5("expiry", "expiry is not applied once a QoS 1 PUBLISH was sent", func(t *T) { sentIsSent(t, 1) }),
	v5("MQTT-4.3.3-13", "the QoS 2 exchange of an expired message is finished", func(t *T) {
		c := t.client("c")
		c.send(Message{Topic: t.topic("a"), QoS: 2, ID: 9, Props: [][]byte{p32(propMessageExpiry, 1)}}.encode(5))
		c.acked(typPubrec, 9)
		elapse(2200 * time.Millisecond)
		c.send(ack(0x62, 9))
		t.equal("code of the PUBCOMP", c.acked(typPubcomp, 9), byte(0))
	}),
	v5("expiry", "an expired message is deleted for a subscriber of 3.1.1 too", func(t *T) {
		connect := Connect{ID: t.id("c"), Keep: true, Level: 4}
		c, p := t.connect(connect), t.client("p")
		c.subscribe(t.topic("a"), 1)
		c.disconnect()
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "short", Props: [][]byte{p32(propMessageExpiry, 1)}})
		elapse(2200 * time.Millisecond)
		t.connect(connect).nothing(p)
	}),
	v5("expiry", "a will's expiry counts from its publication", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		c := t.connect(Connect{
			Props: [][]byte{expires(60)},
			Will:  &Will{Topic: t.topic("will"), Props: [][]byte{p32(propMessageExpiry, 10), p32(propWillDelay, 2)}},
		})
		c.cut()
		m := w.receive()
		t.remaining(m, 10, 0)
		t.without(m.props, propWillDelay)
	}),
}

// sentIsSent takes a message, lets its expiry run out while away, and gets it again.
func sentIsSent(t *T, qos byte) {
	t.Helper()
	c, p := t.session("c"), t.client("p")
	c.subscribe(t.topic("a"), qos)
	p.publish(Message{Topic: t.topic("a"), QoS: qos, Payload: "x", Props: [][]byte{p32(propMessageExpiry, 1)}})
	first := c.take()
	c.disconnect()
	elapse(2200 * time.Millisecond)
	c = t.session("c")
	again := c.receive()
	t.equal("payload", again.Payload, "x")
	t.equal("packet identifier", again.ID, first.ID)
	t.equal("DUP", again.Dup, true)
}

// remaining fails the case unless the message's expiry is what is left of the published one after waited seconds. How long a
// case waited at most is not known on a busy machine, so the lower bound is wide.
func (t *T) remaining(m Message, published, waited uint32) {
	t.Helper()
	if left := t.num(m.props, propMessageExpiry); left > published-waited || left < published-waited-5 {
		t.Fatalf("message expiry: got %d, want %d to %d", left, published-waited-5, published-waited)
	}
}
