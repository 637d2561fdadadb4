package enginetest

import "slices"

// Sections 3.10 and 3.11: UNSUBSCRIBE and UNSUBACK.
var v5Unsubscribe = []Case{
	v5("MQTT-3.10.1-1", "an UNSUBSCRIBE with other flags is malformed", func(t *T) {
		for _, first := range []byte{0xA0, 0xA1, 0xA3, 0xAA} {
			t.closes(append([]byte{first}, unsubscribe(5, 1, "a")[1:]...), 0x81)
		}
	}),
	v5("MQTT-3.10.3-1", "a filter that is not UTF-8 is malformed", func(t *T) {
		t.closes(unsubscribe(5, 1, "\xFF"), 0x81)
		t.closes(unsubscribe(5, 1, "a", "\x00"), 0x81)
	}),
	v5("MQTT-3.10.3-2", "an UNSUBSCRIBE without filters ends the connection", func(t *T) {
		t.closes(unsubscribe(5, 10), 0x82, 0x81)
	}),
	v5("MQTT-3.10.4-1", "only an equal filter deletes a subscription", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a/+"), 1)
		t.bytes("codes", c.unsubscribe(t.topic("a/b"), t.topic("a/#"), t.topic("A/+"), t.topic("a/+/")), []byte{0x11, 0x11, 0x11, 0x11})
		p.publish(Message{Topic: t.topic("a/b"), QoS: 1, Payload: "1"})
		c.payloads(p, "1")
		t.bytes("codes", c.unsubscribe(t.topic("a/+")), []byte{0x00})
		p.publish(Message{Topic: t.topic("a/b"), QoS: 1, Payload: "2"})
		c.nothing(p)
	}),
	v5("MQTT-3.10.4-2", "nothing is queued for a deleted subscription", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 1)
		t.bytes("codes", c.unsubscribe(t.topic("a")), []byte{0x00})
		p.publish(Message{Topic: t.topic("a"), QoS: 1})
		c.nothing(p)
		c.disconnect()
		p.publish(Message{Topic: t.topic("a"), QoS: 1})
		t.session("c").nothing(p)
	}),
	v5("MQTT-3.10.4-3", "deliveries that were started are finished", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		p.publish(Message{Topic: t.topic("a"), QoS: 2, Payload: "2"})
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "1"})
		m2, m1 := c.take(), c.take()
		t.bytes("codes", c.unsubscribe(t.topic("a")), []byte{0x00})
		c.send(ack(0x50, m2.ID))
		t.equal("code of the PUBREL", c.acked(typPubrel, m2.ID), byte(0))
		c.disconnect()
		c = t.session("c")
		t.equal("code of the PUBREL", c.acked(typPubrel, m2.ID), byte(0))
		t.equal("identifier of the QoS 1 message", c.take().ID, m1.ID)
	}),
	v5("MQTT-3.10.4-4", "UNSUBSCRIBE is answered by UNSUBACK", func(t *T) {
		c := t.client("c")
		c.send(unsubscribe(5, 1, t.topic("a")))
		t.equal("first byte", c.next().first, byte(0xB0))
	}),
	v5("MQTT-3.10.4-5", "UNSUBACK has the identifier of its UNSUBSCRIBE", func(t *T) {
		c := t.client("c")
		c.send(unsubscribe(5, 7, t.topic("none")))
		r := c.reply(typUnsuback)
		t.equal("identifier", r.id, uint16(7))
		t.bytes("codes", r.codes, []byte{0x11})
	}),
	v5("MQTT-3.10.4-6", "several filters are handled as several packets, with one answer", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribeAll(nil, filter(t.topic("a"), 0), filter(t.topic("b"), 0), filter(t.topic("c"), 0))
		t.bytes("codes", c.unsubscribe(t.topic("a"), t.topic("c"), t.topic("a")), []byte{0x00, 0x00, 0x11})
		for _, topic := range []string{"a", "b", "c"} {
			p.publish(Message{Topic: t.topic(topic), Payload: topic})
		}
		c.payloads(p, "b")
	}),
	v5("MQTT-3.11.2-1", "a reason string does not push an UNSUBACK over the client's limit", func(t *T) {
		bounded(t, typUnsuback, unsubscribe(5, 1, t.topic("none")))
	}),
	v5("MQTT-3.11.2-2", "user properties do not push an UNSUBACK over the client's limit", func(t *T) {
		bounded(t, typUnsuback, unsubscribe(5, 1, t.topic("none")))
	}),
	v5("MQTT-3.11.3-1", "UNSUBACK codes stand in the order of the filters", func(t *T) {
		c := t.client("c")
		c.subscribeAll(nil, filter(t.topic("a"), 0), filter(t.topic("b"), 0))
		t.bytes("codes", c.unsubscribe(t.topic("a"), t.topic("none"), t.topic("b")), []byte{0x00, 0x11, 0x00})
	}),
	v5("MQTT-3.11.3-2", "UNSUBACK has the codes of UNSUBSCRIBE", func(t *T) {
		for _, f := range []string{"a#", "+a", "$share/g", "$share//a", t.topic("a"), "$share/g/" + t.topic("a"), "$SYS/#"} {
			c := t.client("c")
			c.send(unsubscribe(5, 1, f))
			p, err := c.read(patience)
			if err == nil && p.typ() == typUnsuback && !slices.Contains(unsubackCodes, c.parse(typUnsuback, p).codes[0]) {
				t.Fatalf("%q: got %v, want one of the codes % X", f, p, unsubackCodes)
			}
		}
	}),
}
