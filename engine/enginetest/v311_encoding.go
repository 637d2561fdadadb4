package enginetest

// Sections 1.5 and 2 of 3.1.1: strings, fixed header, packet identifiers.
var v311Encoding = []Case{
	v311("MQTT-1.5.3-1", "ill-formed UTF-8 in a topic closes", func(t *T) {
		for _, s := range illFormed {
			t.closes(Message{Topic: s, QoS: 1, ID: 1}.encode(4))
		}
	}),
	v311("MQTT-1.5.3-1", "an ill-formed topic from a 3.1 client does not reach a 3.1.1 client", func(t *T) {
		s, p := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("p"), Level: 3})
		s.subscribe(t.topic("#"), 0)
		p.send(Message{Topic: t.topic("\xFF")}.encode(3))
		s.nothing(t.connect(Connect{}))
	}),
	v311("MQTT-1.5.3-2", "U+0000 in a string closes", func(t *T) {
		t.refuses(connectRaw(4, 0x02, 0, nil, str("a\x00b")))
		t.closes(Message{Topic: "a\x00b", QoS: 1, ID: 1}.encode(4))
		t.closes(subscribe(4, 1, nil, filter("a\x00b", 0)))
		t.closes(unsubscribe(4, 1, "a\x00b"))
	}),
	v311("MQTT-1.5.3-3", "U+FEFF is a character as any other", feffIsKept),
	v311("MQTT-2.2.2-1", "reserved flags of the server's packets are right", func(t *T) {
		s := t.connect(Connect{ID: t.id("s")})
		s.send(subscribe(4, 1, nil, filter(t.topic("a"), 2)))
		s.expect(0x90, 0x03, 0x00, 0x01, 0x02)
		p := t.dial()
		p.send(Connect{ID: t.id("p"), Level: 4}.encode())
		p.expect(0x20, 0x02, 0x00, 0x00)
		p.send(Message{Topic: t.topic("a"), QoS: 1, ID: 2}.encode(4))
		p.expect(0x40, 0x02, 0x00, 0x02)
		p.send(Message{Topic: t.topic("a"), QoS: 2, ID: 3}.encode(4))
		p.expect(0x50, 0x02, 0x00, 0x03)
		p.send(ack(0x62, 3))
		p.expect(0x70, 0x02, 0x00, 0x03)
		s.send(ack(0x40, s.take().ID))
		m := s.take()
		s.send(ack(0x50, m.ID))
		s.expect(cat(u8(0x62, 0x02), u16(m.ID))...)
		s.send(ack(0x70, m.ID), unsubscribe(4, 4, t.topic("a")), packetOf(0xC0))
		s.expect(0xB0, 0x02, 0x00, 0x04)
		s.expect(0xD0, 0x00)
	}),
	v311("MQTT-2.2.2-2", "wrong reserved flags close", func(t *T) {
		t.closes(packetOf(0x80, u16(1), filter(t.topic("a"), 0)))
		t.closes(packetOf(0x81, u16(1), filter(t.topic("a"), 0)))
		t.closes(packetOf(0xA0, u16(1), str(t.topic("a"))))
		t.closes(ack(0x60, 1))
		t.refuses(cat(u8(0x11), Connect{ID: t.id("c"), Level: 4}.encode()[1:]))
	}),
	v311("MQTT-2.2.2-2", "wrong reserved flags of PINGREQ and of acknowledgements close", func(t *T) { // mosquitto 2.0.11 ignores them
		t.closes(packetOf(0xC1))
		t.closes(ack(0x41, 1))
		t.closes(ack(0x52, 1))
		t.closes(ack(0x78, 1))
	}),
	v311("MQTT-2.3.1-1", "packet identifier 0 closes", func(t *T) {
		t.closes(subscribe(4, 0, nil, filter(t.topic("a"), 0)))
		t.closes(unsubscribe(4, 0, t.topic("a")))
		t.closes(Message{Topic: t.topic("a"), QoS: 1}.encode(4))
		t.closes(Message{Topic: t.topic("a"), QoS: 2}.encode(4))
	}),
	v311("MQTT-2.3.1-1", "deliveries above QoS 0 have an identifier", func(t *T) {
		c := t.connect(Connect{})
		c.subscribe(t.topic("a"), 2)
		for qos := byte(1); qos <= 2; qos++ {
			c.publish(Message{Topic: t.topic("a"), QoS: qos})
			if m := c.receive(); m.QoS != qos || m.ID == 0 {
				t.Fatalf("got %+v, want QoS %d and an identifier", m, qos)
			}
		}
	}),
	v311("MQTT-2.3.1-3", "a PUBLISH sent again is acknowledged under its old identifier", func(t *T) {
		who := Connect{ID: t.id("c"), Keep: true}
		c := t.connect(who)
		c.send(Message{Topic: t.topic("a"), QoS: 1, ID: 77}.encode(4))
		c.expect(0x40, 0x02, 0x00, 77)
		c.cut()
		c = t.connect(who)
		c.send(Message{Topic: t.topic("a"), QoS: 1, ID: 77, Dup: true}.encode(4))
		c.expect(0x40, 0x02, 0x00, 77)
	}),
	v311("MQTT-2.3.1-4", "an unacknowledged delivery keeps its identifier and shares it with none", func(t *T) {
		who := Connect{ID: t.id("s"), Keep: true}
		s, p := t.connect(who), t.connect(Connect{ID: t.id("p")})
		s.subscribe(t.topic("a"), 1)
		p.publish(Message{Topic: t.topic("a"), Payload: "held", QoS: 1})
		held := s.take()
		for range 5 {
			p.publish(Message{Topic: t.topic("a"), QoS: 1})
			if m := s.receive(); m.ID == held.ID {
				t.Fatalf("got %+v under the identifier of %+v, which is not acknowledged", m, held)
			}
		}
		s.cut()
		again := t.connect(who).take()
		t.equal("payload of the first delivery", again.Payload, "held")
		t.equal("its identifier", again.ID, held.ID)
	}),
	v311("MQTT-2.3.1-5", "a QoS 0 delivery has no identifier", func(t *T) {
		c := t.connect(Connect{})
		c.subscribe(t.topic("a"), 2)
		c.publish(Message{Topic: t.topic("a"), Payload: "xyz"})
		c.expect(packetOf(0x30, str(t.topic("a")), []byte("xyz"))...)
	}),
	v311("MQTT-2.3.1-6", "acknowledgements repeat the identifier of the PUBLISH", func(t *T) {
		c := t.connect(Connect{})
		c.send(Message{Topic: t.topic("a"), QoS: 1, ID: 1234}.encode(4))
		c.expect(ack(0x40, 1234)...)
		c.send(Message{Topic: t.topic("a"), QoS: 2, ID: 1235}.encode(4))
		c.expect(ack(0x50, 1235)...)
		c.send(ack(0x62, 1235))
		c.expect(ack(0x70, 1235)...)
	}),
	v311("MQTT-2.3.1-7", "SUBACK and UNSUBACK repeat the identifier", func(t *T) {
		c := t.connect(Connect{})
		c.send(subscribe(4, 10, nil, filter(t.topic("a"), 1)))
		c.expect(0x90, 0x03, 0x00, 10, 0x01)
		c.send(unsubscribe(4, 11, t.topic("a")))
		c.expect(0xB0, 0x02, 0x00, 11)
	}),
}

// illFormed are byte strings that are no UTF-8: a surrogate, an over-long form, a byte that never occurs, a cut sequence,
// a code point beyond the last.
var illFormed = []string{"\xED\xA0\x80", "\xC0\xAF", "\xFF", "a\xC3", "\xF4\x90\x80\x80"}

func feffIsKept(t *T) {
	with, without := "\uFEFF"+t.root(), t.root()
	a, b := t.connect(Connect{ID: t.id("a")}), t.connect(Connect{ID: t.id("b")})
	a.subscribe(with, 1)
	b.subscribe(without, 1)
	b.publish(Message{Topic: with, QoS: 1})
	t.equal("topic", a.receive().Topic, with)
	b.nothing(b)
}
