package enginetest

import (
	"fmt"
	"time"
)

// Sections 4.1, 4.2, 4.5 and 4.6: session state and message order; and the session's life as the reference's section 6 has it.
var v5Session = []Case{
	v5("MQTT-4.1.0-1", "a session does not expire while it is connected", func(t *T) {
		c := t.session("c", expires(1))
		c.subscribe(t.topic("a"), 1)
		elapse(3 * time.Second)
		c.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "x"})
		c.payloads(c, "x")
	}),
	v5("MQTT-4.1.0-2", "a session ends when its expiry interval has passed", func(t *T) {
		c := t.session("c", expires(1))
		c.subscribe(t.topic("a"), 1)
		c.cut()
		elapse(2500 * time.Millisecond)
		c = t.session("c", expires(1))
		t.equal("Session Present", c.connack.flags, byte(0))
		c.publish(Message{Topic: t.topic("a"), QoS: 1})
		c.nothing(c)
	}),
	v5("MQTT-4.2.0-1", "TCP is served", func(t *T) {
		c := t.client("c")
		c.ping()
	}),
	v5("MQTT-4.5.0-1", "online and offline subscribers get a message", func(t *T) {
		here, away, p := t.client("here"), t.session("away"), t.client("p")
		here.subscribe(t.topic("a"), 1)
		away.subscribe(t.topic("+"), 1)
		away.disconnect()
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "x"})
		here.payloads(p, "x")
		t.session("away").payloads(p, "x")
	}),
	v5("MQTT-4.6.0-1", "messages are sent again in the order of their first transmission", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		for i := range 9 {
			p.publish(Message{Topic: t.topic("a"), QoS: byte(1 + i%2), Payload: fmt.Sprint(i)})
			c.take()
		}
		c.disconnect()
		c = t.session("c")
		for i := range 9 {
			t.equal("payload", c.take().Payload, fmt.Sprint(i))
		}
	}),
	v5("MQTT-4.6.0-2", "PUBACKs leave in the order of the PUBLISHes", func(t *T) {
		c := t.client("c")
		var batch []byte
		for id := range uint16(10) {
			batch = append(batch, Message{Topic: t.topic("a"), QoS: 1, ID: 100 - id}.encode(5)...)
		}
		c.send(batch)
		for id := range uint16(10) {
			t.equal("identifier", c.reply(typPuback).id, 100-id)
		}
	}),
	v5("MQTT-4.6.0-3", "PUBRECs leave in the order of the PUBLISHes", func(t *T) {
		c := t.client("c")
		var batch, releases []byte
		for id := range uint16(10) {
			batch = append(batch, Message{Topic: t.topic("a"), QoS: 2, ID: 100 - id}.encode(5)...)
			releases = append(releases, ack(0x62, 100-id)...)
		}
		c.send(batch)
		for id := range uint16(10) {
			t.equal("identifier of the PUBREC", c.reply(typPubrec).id, 100-id)
		}
		c.send(releases)
		for id := range uint16(10) {
			t.equal("identifier of the PUBCOMP", c.reply(typPubcomp).id, 100-id)
		}
	}),
	v5("MQTT-4.6.0-4", "PUBRELs leave in the order of the PUBRECs", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		var ids []uint16
		for range 5 {
			p.publish(Message{Topic: t.topic("a"), QoS: 2})
			ids = append(ids, c.take().ID)
		}
		order := []int{3, 0, 4, 1, 2}
		for _, i := range order {
			c.send(ack(0x50, ids[i]))
		}
		for _, i := range order {
			t.equal("identifier of the PUBREL", c.reply(typPubrel).id, ids[i])
		}
	}),
	v5("MQTT-4.6.0-5", "messages of a publisher, topic and QoS keep their order", func(t *T) {
		for qos := range byte(3) {
			inOrder(t, qos, 300)
		}
	}),
	v5("MQTT-4.6.0-6", "topics are ordered by default, across a break too", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 1)
		c.disconnect()
		var want []string
		for i := range 50 {
			p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: fmt.Sprint(i)})
			want = append(want, fmt.Sprint(i))
		}
		t.session("c").payloads(p, want...)
	}),
	v5("session", "DISCONNECT shortens the expiry interval", func(t *T) {
		c := t.session("c")
		c.send(disconnectWith(0, expires(0)))
		c.closed()
		t.equal("Session Present", t.session("c").connack.flags, byte(0))
	}),
	v5("session", "DISCONNECT lengthens the expiry interval", func(t *T) {
		c := t.session("c", expires(1))
		c.send(disconnectWith(0, expires(60)))
		c.closed()
		elapse(2500 * time.Millisecond)
		t.equal("Session Present", t.session("c").connack.flags, byte(1))
	}),
	v5("session", "DISCONNECT without expiry interval leaves it as it was", func(t *T) {
		c := t.session("c")
		c.send(disconnectWith(0))
		c.closed()
		t.equal("Session Present", t.session("c").connack.flags, byte(1))
	}),
	v5("session", "a DISCONNECT that raises the expiry interval from 0 is an error, and the will is due", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		c := t.withWill("c", 0, 0)
		c.send(disconnectWith(0, expires(60)))
		c.told(0x82)
		t.equal("payload", w.receive().Payload, "gone")
		t.equal("Session Present", t.session("c", expires(0)).connack.flags, byte(0))
	}),
	v5("session", "each CONNECT sets the expiry interval anew", func(t *T) {
		t.session("c", expires(1)).disconnect()
		t.session("c", expires(60)).disconnect()
		elapse(2500 * time.Millisecond)
		c := t.session("c", expires(0))
		t.equal("Session Present", c.connack.flags, byte(1))
		c.disconnect()
		t.equal("Session Present", t.session("c", expires(0)).connack.flags, byte(0))
	}),
	v5("session", "subscriptions keep their options and identifiers", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 1|noLocal|retainAsPublished, pVar(propSubscriptionID, 7))
		c.disconnect()
		c = t.session("c")
		c.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "own"})
		p.retain(Message{Topic: t.topic("a"), QoS: 2, Payload: "x"})
		m := c.receive()
		t.equal("payload", m.Payload, "x")
		t.equal("QoS", m.QoS, byte(1))
		t.equal("RETAIN", m.Retain, true)
		t.equal("identifiers", m.subscriptionIDs(), []uint32{7})
	}),
	v5("session", "queued messages carry the identifiers of their subscriptions", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 1, pVar(propSubscriptionID, 3))
		c.disconnect()
		p.publish(Message{Topic: t.topic("a"), QoS: 1})
		c = t.session("c")
		m := c.take()
		t.equal("identifiers", m.subscriptionIDs(), []uint32{3})
		c.disconnect()
		t.equal("identifiers of the repeat", t.session("c").take().subscriptionIDs(), []uint32{3})
	}),
	v5("session", "a session is shared by 3.1.1 and 5.0", func(t *T) {
		old := Connect{ID: t.id("c"), Keep: true, Level: 4}
		c, p := t.connect(old), t.client("p")
		c.subscribe(t.topic("a"), 1)
		c.disconnect()
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "x"})
		five := t.session("c")
		t.equal("Session Present", five.connack.flags, byte(1))
		five.payloads(p, "x")
	}),
}

// inOrder publishes n messages, ten at a time, and looks at the order in which they arrive.
func inOrder(t *T, qos byte, n int) {
	t.Helper()
	c, p := t.client("c"), t.client("p")
	c.subscribe(t.topic("a"), qos)
	for i := 0; i < n; i += 10 {
		var batch []byte
		for j := range 10 {
			batch = append(batch, Message{Topic: t.topic("a"), QoS: qos, ID: uint16(j + 1), Payload: fmt.Sprint(i + j)}.encode(5)...)
		}
		p.send(batch)
		for j := range 10 {
			switch id := uint16(j + 1); qos {
			case 1:
				p.acked(typPuback, id)
			case 2:
				p.acked(typPubrec, id)
				p.send(ack(0x62, id))
			}
		}
		for j := range 10 {
			if qos == 2 {
				p.acked(typPubcomp, uint16(j+1))
			}
			t.equal("payload", c.receive().Payload, fmt.Sprint(i+j))
		}
	}
}
