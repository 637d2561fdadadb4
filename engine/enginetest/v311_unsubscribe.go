package enginetest

import "fmt"

// Sections 3.10 to 3.12 of 3.1.1: UNSUBSCRIBE, UNSUBACK, PINGREQ.
var v311Unsubscribe = []Case{
	v311("MQTT-3.10.1-1", "wrong flags of an UNSUBSCRIBE close", func(t *T) {
		for _, first := range []byte{0xA0, 0xA1, 0xA3, 0xA4, 0xA6, 0xAA} {
			t.closes(packetOf(first, u16(1), str(t.topic("a"))))
		}
	}),
	v311("MQTT-3.10.3-1", "an ill-formed filter closes", func(t *T) {
		for _, s := range illFormed {
			t.closes(unsubscribe(4, 1, s))
		}
	}),
	v311("MQTT-3.10.3-1", "a filter beyond the packet's end closes", func(t *T) {
		t.closes(packetOf(0xA2, u16(1), u16(9), []byte("a")))
		t.closes(packetOf(0xA2, u16(1), str(t.topic("a")), u8(0)))
	}),
	v311("MQTT-3.10.3-2", "an UNSUBSCRIBE without filter closes", func(t *T) {
		t.closes([]byte{0xA2, 0x02, 0x00, 0x0A})
	}),
	v311("MQTT-3.10.4-1", "only the very same filter is unsubscribed", unsubscribeIsExact),
	v311("MQTT-3.10.4-2", "nothing comes after the UNSUBACK", func(t *T) {
		s, p := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("p")})
		for qos := byte(0); qos <= 2; qos++ {
			s.subscribe(t.topic("a"), qos)
			s.unsubscribe(t.topic("a"))
			p.publish(Message{Topic: t.topic("a"), QoS: qos})
			s.nothing(p)
		}
	}),
	v311("MQTT-3.10.4-3", "a delivery begun is carried through", deliveryOutlivesUnsubscribe),
	v311("MQTT-3.10.4-4", "UNSUBACK has the identifier of its UNSUBSCRIBE", func(t *T) {
		c := t.connect(Connect{})
		c.subscribe(t.topic("a"), 0)
		c.send(unsubscribe(4, 7, t.topic("a")))
		c.expect(0xB0, 0x02, 0x00, 0x07)
		c.send(unsubscribe(4, 0xFFFF, t.topic("a")))
		c.expect(0xB0, 0x02, 0xFF, 0xFF)
	}),
	v311("MQTT-3.10.4-5", "UNSUBACK comes even if no subscription was there", func(t *T) {
		c := t.connect(Connect{})
		c.send(unsubscribe(4, 7, t.topic("a")))
		c.expect(0xB0, 0x02, 0x00, 0x07)
	}),
	v311("MQTT-3.10.4-6", "several filters count as one after the other", func(t *T) {
		c := t.connect(Connect{})
		c.subscribeAll(nil, filter(t.topic("a"), 0), filter(t.topic("b"), 1), filter(t.topic("c"), 2))
		c.unsubscribe(t.topic("a"), t.topic("b"), t.topic("c"))
		c.ping() // one UNSUBACK only
		for _, topic := range []string{"a", "b", "c"} {
			c.publish(Message{Topic: t.topic(topic), QoS: 1})
		}
		c.nothing(c)
	}),
	v311("MQTT-3.12.4-1", "PINGREQ is answered", func(t *T) {
		c := t.connect(Connect{})
		for range 3 {
			c.send(packetOf(0xC0))
			c.expect(0xD0, 0x00)
		}
		c.send(packetOf(0xC0), packetOf(0xC0))
		c.expect(0xD0, 0x00)
		c.expect(0xD0, 0x00)
	}),
}

func unsubscribeIsExact(t *T) {
	c := t.connect(Connect{})
	c.subscribe(t.topic("a/+"), 1)
	for i, f := range []string{"a/b", "a/#", "a/+/", "A/+", "+/+", "a/"} {
		c.unsubscribe(t.topic(f))
		c.publish(Message{Topic: t.topic("a/b"), Payload: fmt.Sprint(i), QoS: 1})
		t.equal("payload after unsubscribing "+f, c.receive().Payload, fmt.Sprint(i))
	}
	c.unsubscribe(t.topic("a/+"))
	c.publish(Message{Topic: t.topic("a/b"), QoS: 1})
	c.nothing(c)
}

func deliveryOutlivesUnsubscribe(t *T) {
	s, p := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("p")})
	s.subscribe(t.topic("a"), 2)
	p.publish(Message{Topic: t.topic("a"), QoS: 2})
	p.publish(Message{Topic: t.topic("a"), QoS: 1})
	two, one := s.take(), s.take()
	s.unsubscribe(t.topic("a"))
	s.finish(two)
	s.finish(one)
	s.ping()
	p.publish(Message{Topic: t.topic("a"), QoS: 2})
	s.nothing(p)
}
