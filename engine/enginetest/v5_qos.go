package enginetest

import (
	"fmt"
	"time"
)

// Sections 4.3 and 4.4: the exchanges of QoS 0, 1 and 2, and what is sent again.
var v5QoS = []Case{
	v5("MQTT-4.3.1-1", "a QoS 0 message is sent with QoS 0 and DUP 0", func(t *T) {
		c := t.client("c")
		c.subscribe(t.topic("a"), 0|retainAsPublished)
		for _, first := range []byte{0x30, 0x31} {
			c.publish(Message{Topic: t.topic("a"), Retain: first == 0x31})
			t.equal("first byte", c.next().first, first)
		}
	}),
	v5("MQTT-4.3.2-1", "each QoS 1 message has an identifier of its own", func(t *T) { openIDs(t, 1) }),
	v5("MQTT-4.3.2-2", "a QoS 1 message is first sent with DUP 0", func(t *T) { firstByte(t, 1, 0x32) }),
	v5("MQTT-4.3.2-3", "a QoS 1 PUBLISH is open until its PUBACK", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 1)
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "x"})
		m := c.take()
		for range 2 {
			c.disconnect()
			c = t.session("c")
			m.Dup = true
			t.equal("message", c.take(), m)
		}
		c.send(ack(0x40, m.ID))
		c.disconnect()
		t.session("c").nothing(p)
	}),
	v5("MQTT-4.3.2-4", "a QoS 1 PUBLISH is answered by a PUBACK with its identifier", func(t *T) {
		c := t.client("c")
		c.send(Message{Topic: t.topic("a"), QoS: 1, ID: 5}.encode(5))
		t.equal("identifier", c.reply(typPuback).id, uint16(5))
	}),
	v5("MQTT-4.3.2-5", "after its PUBACK an identifier stands for a new message", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 1)
		p.publish(Message{Topic: t.topic("a"), QoS: 1, ID: 5, Payload: "1"})
		p.publish(Message{Topic: t.topic("a"), QoS: 1, ID: 5, Payload: "2", Dup: true})
		p.publish(Message{Topic: t.topic("a"), QoS: 1, ID: 5, Payload: "2", Dup: true})
		c.payloads(p, "1", "2", "2")
	}),
	v5("MQTT-4.3.3-1", "each QoS 2 message has an identifier of its own", func(t *T) { openIDs(t, 2) }),
	v5("MQTT-4.3.3-2", "a QoS 2 message is first sent with DUP 0", func(t *T) { firstByte(t, 2, 0x34) }),
	v5("MQTT-4.3.3-3", "a QoS 2 PUBLISH is open until its PUBREC", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		p.publish(Message{Topic: t.topic("a"), QoS: 2, Payload: "x"})
		m := c.take()
		for range 2 {
			c.disconnect()
			c = t.session("c")
			m.Dup = true
			t.equal("message", c.take(), m)
		}
		c.finish(m)
		c.disconnect()
		t.session("c").nothing(p)
	}),
	v5("MQTT-4.3.3-4", "PUBREC is answered by a PUBREL with its identifier", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		for _, code := range []byte{0x00, 0x10} {
			p.publish(Message{Topic: t.topic("a"), QoS: 2})
			m := c.take()
			c.send(ackWith(0x50, m.ID, code))
			t.equal("identifier", c.reply(typPubrel).id, m.ID)
		}
	}),
	v5("MQTT-4.3.3-4", "PUBREC with 80 and above is not answered", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		p.publish(Message{Topic: t.topic("a"), QoS: 2})
		c.send(ackWith(0x50, c.take().ID, 0x80))
		c.ping()
	}),
	v5("MQTT-4.3.3-4", "a repeated PUBREC is answered again", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		p.publish(Message{Topic: t.topic("a"), QoS: 2})
		m := c.take()
		for range 2 {
			c.send(ack(0x50, m.ID))
			r := c.reply(typPubrel)
			t.equal("identifier", r.id, m.ID)
			t.equal("code", r.code, byte(0))
		}
	}),
	v5("MQTT-4.3.3-5", "a PUBREL is open until its PUBCOMP", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		p.publish(Message{Topic: t.topic("a"), QoS: 2})
		m := c.take()
		c.send(ack(0x50, m.ID))
		c.acked(typPubrel, m.ID)
		for range 2 {
			c.disconnect()
			c = t.session("c")
			t.equal("identifier", c.reply(typPubrel).id, m.ID)
		}
		c.send(ack(0x70, m.ID))
		c.disconnect()
		t.session("c").nothing(p)
	}),
	v5("MQTT-4.3.3-6", "a PUBLISH is not sent again after its PUBREL", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		p.publish(Message{Topic: t.topic("a"), QoS: 2})
		m := c.take()
		c.send(ack(0x50, m.ID))
		c.acked(typPubrel, m.ID)
		c.disconnect()
		c = t.session("c")
		t.equal("identifier", c.reply(typPubrel).id, m.ID)
		c.send(ack(0x70, m.ID))
		c.nothing(p)
	}),
	v5("MQTT-4.3.3-8", "a QoS 2 PUBLISH is answered by a PUBREC with its identifier", func(t *T) {
		c := t.client("c")
		c.send(Message{Topic: t.topic("a"), QoS: 2, ID: 6}.encode(5))
		t.equal("identifier", c.reply(typPubrec).id, uint16(6))
	}),
	v5("MQTT-4.3.3-9", "after a PUBREC of 80 and above an identifier stands for a new message", func(t *T) {
		t.withConfig(func(s *Settings) { s.Forbid = true })
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		p.send(Message{Topic: forbidden + t.root(), QoS: 2, ID: 6}.encode(5))
		t.equal("code", p.acked(typPubrec, 6), byte(0x87))
		t.equal("code", p.publish(Message{Topic: t.topic("a"), QoS: 2, ID: 6, Payload: "x"}), byte(0))
		c.payloads(p, "x")
	}),
	v5("MQTT-4.3.3-10", "a PUBLISH repeated before PUBREL is delivered once", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		for _, dup := range []bool{false, true, true} {
			p.send(Message{Topic: t.topic("a"), QoS: 2, ID: 6, Payload: "x", Dup: dup}.encode(5))
			if code := p.acked(typPubrec, 6); code >= 0x80 {
				t.Fatalf("got PUBREC code %02X, want success", code)
			}
		}
		p.send(ack(0x62, 6))
		p.acked(typPubcomp, 6)
		c.payloads(p, "x")
	}),
	v5("MQTT-4.3.3-10", "a PUBLISH repeated on the next connection is delivered once", func(t *T) {
		c, p := t.client("c"), t.session("p")
		c.subscribe(t.topic("a"), 2)
		for _, dup := range []bool{false, true} {
			p.send(Message{Topic: t.topic("a"), QoS: 2, ID: 6, Payload: "x", Dup: dup}.encode(5))
			p.acked(typPubrec, 6)
			p.disconnect()
			p = t.session("p")
		}
		p.send(ack(0x62, 6))
		t.equal("code", p.acked(typPubcomp, 6), byte(0))
		c.payloads(p, "x")
	}),
	v5("MQTT-4.3.3-11", "PUBREL is answered by a PUBCOMP with its identifier", func(t *T) {
		c := t.client("c")
		c.send(Message{Topic: t.topic("a"), QoS: 2, ID: 6}.encode(5))
		c.acked(typPubrec, 6)
		c.send(ack(0x62, 6))
		t.equal("identifier", c.reply(typPubcomp).id, uint16(6))
	}),
	v5("MQTT-4.3.3-12", "after its PUBCOMP an identifier stands for a new message", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		p.publish(Message{Topic: t.topic("a"), QoS: 2, ID: 6, Payload: "1"})
		p.publish(Message{Topic: t.topic("a"), QoS: 2, ID: 6, Payload: "2", Dup: true})
		c.payloads(p, "1", "2")
	}),
	v5("MQTT-4.4.0-1", "what is open is sent again with its identifier, and only on resumption", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		for i := range 4 {
			p.publish(Message{Topic: t.topic("a"), QoS: byte(1 + i%2), Payload: fmt.Sprint(i)})
		}
		open := []Message{c.take(), c.take(), c.take(), c.take()}
		released := open[3].ID
		c.send(ack(0x50, released))
		c.acked(typPubrel, released)
		elapse(3 * time.Second)
		c.ping() // nothing came meanwhile
		c.disconnect()
		c = t.session("c")
		c.acked(typPubrel, released) // before, behind or among the others
		for _, m := range open[:3] {
			m.Dup = true
			t.equal("message", c.take(), m)
		}
		c.ping()
	}),
	v5("MQTT-4.4.0-1", "nothing is sent again to a clean start", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 1)
		p.publish(Message{Topic: t.topic("a"), QoS: 1})
		c.take()
		c.disconnect()
		t.client("c").nothing(p)
	}),
	v5("MQTT-4.4.0-2", "a PUBACK or PUBREC of 80 and above is an acknowledgement", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		p.publish(Message{Topic: t.topic("a"), QoS: 1})
		c.send(ackWith(0x40, c.take().ID, 0x80))
		p.publish(Message{Topic: t.topic("a"), QoS: 2})
		c.send(ackWith(0x50, c.take().ID, 0x80))
		c.ping()
		c.disconnect()
		t.session("c").nothing(p)
	}),
}

// firstByte publishes at this QoS, with DUP where it may be, and looks at the first byte of the delivery.
func firstByte(t *T, qos, want byte) {
	t.Helper()
	c, p := t.client("c"), t.client("p")
	c.subscribe(t.topic("a"), qos)
	for _, dup := range []bool{false, true} {
		p.publish(Message{Topic: t.topic("a"), QoS: qos, Dup: dup})
		t.equal("first byte", c.next().first, want)
	}
}
