package enginetest

import "fmt"

// Section 3.3.1: the flags of PUBLISH. Retained messages are in v5_retain.go.
var v5Publish = []Case{
	v5("MQTT-3.3.1-1", "a PUBLISH sent again has DUP 1", func(t *T) {
		for _, qos := range []byte{1, 2} {
			c := t.session("c")
			c.subscribe(t.topic("a"), qos)
			t.client("p").publish(Message{Topic: t.topic("a"), QoS: qos, Payload: "x"})
			first := c.take()
			t.equal("DUP", first.Dup, false)
			c.disconnect()
			c = t.session("c")
			again := c.receive()
			t.equal("DUP", again.Dup, true)
			again.Dup = false
			t.equal("message", again, first)
		}
	}),
	v5("MQTT-3.3.1-2", "QoS 0 deliveries have DUP 0", func(t *T) {
		c := t.client("c")
		c.subscribe(t.topic("a"), 0)
		for qos := range byte(3) {
			c.publish(Message{Topic: t.topic("a"), QoS: qos, Dup: qos > 0})
			t.equal("first byte", c.await(typPublish).first, byte(0x30))
		}
	}),
	v5("MQTT-3.3.1-2", "DUP with QoS 0 is malformed", func(t *T) {
		t.closes(Message{Topic: "a", Dup: true}.encode(5), 0x81)
	}),
	v5("MQTT-3.3.1-3", "DUP is not passed on", func(t *T) {
		for _, qos := range []byte{1, 2} {
			c, p := t.client("c"), t.client("p")
			c.subscribe(t.topic("a"), 2)
			p.publish(Message{Topic: t.topic("a"), QoS: qos, Dup: true})
			t.equal("DUP", c.receive().Dup, false)
		}
	}),
	v5("MQTT-3.3.1-4", "QoS 3 is malformed", func(t *T) {
		for _, first := range []byte{0x36, 0x37, 0x3E} {
			t.closes(packetOf(first, str("a"), u16(1), u8(0)), 0x81)
		}
	}),
	v5("MQTT-3.3.2-1", "a topic name that runs past the packet is malformed", func(t *T) {
		t.closes(packetOf(0x30, u16(20), []byte("a"), u8(0)), 0x81)
		t.closes(packetOf(0x30, u8(0)), 0x81)
		t.closes(packetOf(0x30), 0x81)
	}),
	v5("MQTT-3.3.2-1", "a topic name that is not UTF-8 is malformed", func(t *T) {
		t.closes(publish5("a/\xFF", ""), 0x81)
	}),
	v5("MQTT-3.3.2-2", "a topic name with a wildcard ends the connection", func(t *T) {
		s := t.client("s")
		s.subscribe(t.topic("+"), 0)
		for _, topic := range []string{t.topic("+"), t.topic("#"), t.topic("a+"), t.topic("a#/b")} {
			t.closes(publish5(topic, "x"), 0x90, 0x81, 0x82)
		}
		s.nothing(t.client("p"))
	}),
	v5("MQTT-3.3.2-3", "topic names match the filter they are sent for", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a/+/c"), 0)
		for i, topic := range []string{"a/b/c", "a//c", "a/c", "a/b/c/d", "a/b/d", "b/b/c", "a/b/c/", "A/b/c", "a/+c/c"} {
			if i < 8 { // the last one is for a broken broker only
				p.publish(Message{Topic: t.topic(topic), Payload: topic})
			}
		}
		c.payloads(p, "a/b/c", "a//c")
	}),
	v5("MQTT-3.3.4-1", "a PUBLISH is answered as its QoS demands", func(t *T) {
		c := t.client("c")
		c.send(publish5(t.topic("a"), "x"))
		c.ping()
		c.send(Message{Topic: t.topic("a"), QoS: 1, ID: 7}.encode(5))
		t.equal("identifier of the PUBACK", c.reply(typPuback).id, uint16(7))
		c.send(Message{Topic: t.topic("a"), QoS: 2, ID: 8}.encode(5))
		t.equal("identifier of the PUBREC", c.reply(typPubrec).id, uint16(8))
		c.ping()
	}),
	v5("MQTT-3.3.4-2", "overlapping subscriptions deliver at the highest QoS among them", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribeAll(nil, filter(t.topic("a/#"), 0), filter(t.topic("a"), 2), filter(t.topic("+"), 1))
		p.publish(Message{Topic: t.topic("a"), QoS: 2})
		t.equal("highest QoS", highestQoS(c.messages(p)), byte(2))
		p.publish(Message{Topic: t.topic("a"), QoS: 1})
		t.equal("highest QoS", highestQoS(c.messages(p)), byte(1))
	}),
	v5("MQTT-3.3.4-3", "the message carries the identifiers of overlapping subscriptions", func(t *T) {
		c := overlapping(t)
		seen := map[uint32]bool{}
		for _, m := range c.messages(c) {
			for _, id := range m.subscriptionIDs() {
				seen[id] = true
			}
		}
		t.equal("identifiers", seen, map[uint32]bool{1: true, 2: true})
	}),
	v5("MQTT-3.3.4-4", "a single copy carries the identifiers of all its subscriptions", func(t *T) {
		c := overlapping(t)
		list := c.messages(c)
		if len(list) > 1 {
			t.na("sends a copy for each subscription")
		}
		t.equal("identifiers", list[0].subscriptionIDs(), []uint32{1, 2})
	}),
	v5("MQTT-3.3.4-5", "a copy for each subscription carries the identifier of its own", func(t *T) {
		c := overlapping(t)
		list := c.messages(c)
		if len(list) == 1 { // then there is no such copy, and the single one is not taken for two
			t.equal("identifiers", list[0].subscriptionIDs(), []uint32{1, 2})
			return
		}
		var ids []string
		for _, m := range list {
			ids = append(ids, fmt.Sprint(m.subscriptionIDs()))
		}
		t.equal("identifiers", map[string]bool{ids[0]: true, ids[1]: true, ids[2]: true}, map[string]bool{"[1]": true, "[2]": true, "[]": true})
	}),
	v5("MQTT-3.3.4-6", "a client's PUBLISH with a Subscription Identifier ends the connection", func(t *T) {
		t.closes(publish5("a", "x", pVar(propSubscriptionID, 1)), 0x82, 0x81)
	}),
	v5("MQTT-3.3.4-7", "more open messages than the server's Receive Maximum end the connection", func(t *T) { receiveMaximum(t) }),
	v5("MQTT-3.3.4-9", "no more messages are open than the client's Receive Maximum", func(t *T) {
		for _, qos := range []byte{1, 2} {
			c, p := t.client("c", p16(propReceiveMaximum, 2)), t.client("p")
			c.subscribe(t.topic("a"), qos)
			for i := range 5 {
				p.publish(Message{Topic: t.topic("a"), QoS: qos, Payload: fmt.Sprint(i)})
			}
			a, b := c.take(), c.take()
			c.noMore(p)
			for i, m := range []Message{a, b} {
				c.finish(m)
				t.equal("payload", c.take().Payload, fmt.Sprint(i+2))
				c.noMore(p)
			}
		}
	}),
	v5("MQTT-3.3.4-10", "other packets flow while the Receive Maximum is used up", func(t *T) { otherPackets(t) }),
}

func highestQoS(list []Message) (qos byte) {
	for _, m := range list {
		qos = max(qos, m.QoS)
	}
	return qos
}

// overlapping publishes a message for three subscriptions of the same client: one has identifier 1, one 2, one has none.
func overlapping(t *T) *conn {
	t.Helper()
	c := t.client("c")
	c.subscribe(t.topic("a"), 1, pVar(propSubscriptionID, 1))
	c.subscribe(t.topic("+"), 0, pVar(propSubscriptionID, 2))
	c.subscribe(t.topic("a/#"), 0)
	c.publish(Message{Topic: t.topic("a"), QoS: 1})
	return c
}
