package enginetest

// Sections 3.6 and 4.3 to 4.5 of 3.1.1: the exchanges of QoS 0, 1 and 2 and their resumption.
var v311QoS = []Case{
	v311("MQTT-3.6.1-1", "wrong flags of a PUBREL close", func(t *T) {
		for _, first := range []byte{0x60, 0x61, 0x63, 0x64, 0x66, 0x6A} {
			c := t.connect(Connect{})
			c.send(Message{Topic: t.topic("a"), QoS: 2, ID: 1}.encode(4))
			c.expect(ack(0x50, 1)...)
			c.send(ack(first, 1))
			c.closed()
		}
	}),
	v311("MQTT-3.6.1-1", "the server's PUBREL has flags 0010", func(t *T) {
		c := t.connect(Connect{})
		c.subscribe(t.topic("a"), 2)
		c.publish(Message{Topic: t.topic("a"), QoS: 2})
		m := c.take()
		c.send(ack(0x50, m.ID))
		c.expect(ack(0x62, m.ID)...)
	}),
	v311("MQTT-4.3.1-1", "QoS 0 goes out with QoS 0 and DUP 0", func(t *T) {
		c := t.connect(Connect{})
		c.subscribe(t.topic("a"), 2)
		c.publish(Message{Topic: t.topic("a"), Payload: "zero"})
		c.expect(packetOf(0x30, str(t.topic("a")), []byte("zero"))...)
		c.publish(Message{Topic: t.topic("b"), Payload: "kept", Retain: true})
		c.subscribe(t.topic("b"), 2)
		c.expect(packetOf(0x31, str(t.topic("b")), []byte("kept"))...)
	}),
	v311("MQTT-4.3.2-1", "a QoS 1 message is unacknowledged until its PUBACK", untilPuback),
	v311("MQTT-4.3.2-1", "unacknowledged messages have identifiers of their own", openIDsDiffer),
	v311("MQTT-4.3.2-2", "after its PUBACK an identifier stands for a new message", func(t *T) {
		s, p := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("p")})
		s.subscribe(t.topic("a"), 1)
		p.publish(Message{Topic: t.topic("a"), Payload: "first", QoS: 1, ID: 5})
		p.publish(Message{Topic: t.topic("a"), Payload: "second", QoS: 1, ID: 5, Dup: true})
		s.payloads(p, "first", "second")
	}),
	v311("MQTT-4.3.3-1", "after PUBREC a PUBREL is sent, and never the PUBLISH again", untilPubcomp),
	v311("MQTT-4.3.3-1", "before PUBREC the PUBLISH is sent again", func(t *T) {
		s, p := t.connect(Connect{ID: t.id("s"), Keep: true}), t.connect(Connect{ID: t.id("p")})
		s.subscribe(t.topic("a"), 2)
		p.publish(Message{Topic: t.topic("a"), Payload: "two", QoS: 2})
		m := s.take()
		s.cut()
		s = t.connect(Connect{ID: t.id("s"), Keep: true})
		m.Dup = true
		t.equal("repeat", s.receive(), m)
	}),
	v311("MQTT-4.3.3-2", "a QoS 2 message repeated before PUBREL is passed on once", qos2Once),
	v311("MQTT-4.3.3-2", "a QoS 2 exchange begun on one connection ends on the next", func(t *T) {
		s := t.connect(Connect{ID: t.id("s")})
		s.subscribe(t.topic("a"), 2)
		who := Connect{ID: t.id("p"), Keep: true}
		m := Message{Topic: t.topic("a"), Payload: "once", QoS: 2, ID: 6}
		p := t.connect(who)
		p.send(m.encode(t.version))
		p.expect(ack(0x50, 6)...)
		p.cut()
		p = t.connect(who)
		m.Dup = true
		p.send(m.encode(t.version))
		p.expect(ack(0x50, 6)...)
		p.send(ack(0x62, 6))
		p.expect(ack(0x70, 6)...)
		s.payloads(p, "once")
	}),
	v311("MQTT-4.4.0-1", "open PUBLISH and PUBREL are sent again with their identifiers", resendOnResume),
	v311("MQTT-4.5.0-1", "online and offline subscribers get every message", func(t *T) {
		here, away := t.connect(Connect{ID: t.id("here")}), t.connect(Connect{ID: t.id("away"), Keep: true})
		here.subscribe(t.topic("a"), 1)
		away.subscribe(t.topic("#"), 1)
		away.disconnect()
		p := t.connect(Connect{ID: t.id("p")})
		p.publish(Message{Topic: t.topic("a"), Payload: "for both", QoS: 1})
		here.payloads(p, "for both")
		away = t.connect(Connect{ID: t.id("away"), Keep: true})
		t.equal("payload", away.receive().Payload, "for both")
		away.unsubscribe(t.topic("#")) // it has the other's barriers in it
	}),
}

func openIDsDiffer(t *T) {
	s, p := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("p")})
	s.subscribe(t.topic("a"), 2)
	open := map[uint16]bool{}
	for i := range 10 {
		p.publish(Message{Topic: t.topic("a"), QoS: byte(1 + i%2)})
		m := s.take()
		if m.ID == 0 || open[m.ID] {
			t.Fatalf("got identifier %d, want one other than 0 and those of open exchanges %v", m.ID, open)
		}
		open[m.ID] = true
	}
}

func qos2Once(t *T) {
	s, p := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("p")})
	s.subscribe(t.topic("a"), 2)
	for _, payload := range []string{"first", "second"} { // the same identifier is a new message after PUBCOMP
		m := Message{Topic: t.topic("a"), Payload: payload, QoS: 2, ID: 6}
		p.send(m.encode(t.version))
		p.expect(ack(0x50, 6)...)
		m.Dup = true
		p.send(m.encode(t.version))
		p.expect(ack(0x50, 6)...)
		p.send(ack(0x62, 6))
		p.expect(ack(0x70, 6)...)
	}
	s.payloads(p, "first", "second")
}

func resendOnResume(t *T) {
	who := Connect{ID: t.id("s"), Keep: true}
	s, p := t.connect(who), t.connect(Connect{ID: t.id("p")})
	s.subscribe(t.topic("a"), 2)
	p.publish(Message{Topic: t.topic("a"), Payload: "released", QoS: 2})
	two := s.take()
	s.send(ack(0x50, two.ID))
	s.expect(ack(0x62, two.ID)...)
	p.publish(Message{Topic: t.topic("a"), Payload: "open", QoS: 1})
	one := s.take()
	s.cut()
	s = t.connect(who)
	s.acked(typPubrel, two.ID) // before or behind the other
	one.Dup = true
	t.equal("repeat", s.take(), one)
	s.send(ack(0x70, two.ID), ack(0x40, one.ID))
	s.nothing(p)
}

func untilPuback(t *T) {
	s, p := t.connect(Connect{ID: t.id("s"), Keep: true}), t.connect(Connect{ID: t.id("p")})
	s.subscribe(t.topic("a"), 1)
	p.publish(Message{Topic: t.topic("a"), Payload: "one", QoS: 1})
	m := s.take()
	t.equal("DUP of the first delivery", m.Dup, false)
	for range 2 {
		s.cut()
		s = t.connect(Connect{ID: t.id("s"), Keep: true})
		again := s.take()
		t.equal("identifier and DUP of the repeat", Message{ID: again.ID, Dup: again.Dup}, Message{ID: m.ID, Dup: true})
	}
	s.send(ack(0x40, m.ID))
	s.ping()
	s.cut()
	s = t.connect(Connect{ID: t.id("s"), Keep: true})
	s.nothing(p)
}

func untilPubcomp(t *T) {
	s, p := t.connect(Connect{ID: t.id("s"), Keep: true}), t.connect(Connect{ID: t.id("p")})
	s.subscribe(t.topic("a"), 2)
	p.publish(Message{Topic: t.topic("a"), QoS: 2})
	m := s.take()
	t.equal("DUP of the first delivery", m.Dup, false)
	s.send(ack(0x50, m.ID))
	s.expect(ack(0x62, m.ID)...)
	for range 2 {
		s.cut()
		s = t.connect(Connect{ID: t.id("s"), Keep: true})
		s.expect(ack(0x62, m.ID)...)
	}
	s.send(ack(0x70, m.ID))
	s.ping()
	s.cut()
	t.connect(Connect{ID: t.id("s"), Keep: true}).nothing(p)
}
