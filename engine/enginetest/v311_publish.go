package enginetest

// Section 3.3 of 3.1.1: PUBLISH.
var v311Publish = []Case{
	v311("MQTT-3.3.1-1", "a delivery made again has DUP 1", func(t *T) {
		for qos := byte(1); qos <= 2; qos++ {
			s := t.connect(Connect{Keep: true})
			s.subscribe(t.topic("a"), qos)
			s.publish(Message{Topic: t.topic("a"), Payload: "held", QoS: qos})
			first := s.take()
			t.equal("DUP of the first delivery", first.Dup, false)
			s.cut()
			s = t.connect(Connect{Keep: true})
			first.Dup = true
			t.equal("second delivery", s.receive(), first)
			s.unsubscribe(t.topic("a"))
		}
	}),
	v311("MQTT-3.3.1-2", "QoS 0 deliveries have DUP 0", func(t *T) {
		c := t.connect(Connect{})
		c.publish(Message{Topic: t.topic("a"), Payload: "kept", Retain: true})
		c.subscribe(t.topic("a"), 0)
		t.equal("first byte of the retained message", c.next().first, byte(0x31))
		for qos := byte(0); qos <= 2; qos++ {
			c.publish(Message{Topic: t.topic("a"), QoS: qos})
			t.equal("first byte of the live message", c.next().first, byte(0x30))
		}
	}),
	v311("MQTT-3.3.1-3", "DUP is not passed on", dupIsNotPassedOn),
	v311("MQTT-3.3.1-4", "QoS 3 closes", func(t *T) {
		t.closes(packetOf(0x36, str(t.topic("a")), u16(1)))
		t.closes(packetOf(0x3E, str(t.topic("a")), u16(1)))
	}),
	v311("MQTT-3.3.1-5", "a retained message keeps its QoS", func(t *T) {
		for qos := byte(0); qos <= 2; qos++ {
			c := t.connect(Connect{})
			c.publish(Message{Topic: t.topic("a"), Payload: "kept", QoS: qos, Retain: true})
			c.subscribe(t.topic("a"), 2)
			m := c.receive()
			t.equal("QoS", m.QoS, qos)
			t.equal("payload", m.Payload, "kept")
		}
	}),
	v311("MQTT-3.3.1-6", "a new subscription gets the last retained message of each topic", lastRetained),
	v311("MQTT-3.3.1-7", "a retained QoS 0 message ousts the older one", func(t *T) {
		c := t.connect(Connect{})
		c.publish(Message{Topic: t.topic("a"), Payload: "old", QoS: 1, Retain: true})
		c.publish(Message{Topic: t.topic("a"), Payload: "new", Retain: true})
		c.subscribe(t.topic("a"), 1)
		for _, m := range c.messages(c) { // there may be none
			t.equal("payload", m.Payload, "new")
		}
	}),
	v311("MQTT-3.3.1-8", "a message sent because of a new subscription has RETAIN 1", func(t *T) {
		c := t.connect(Connect{})
		c.publish(Message{Topic: t.topic("a"), Payload: "kept", QoS: 1, Retain: true})
		for qos, first := range []byte{0x31, 0x33, 0x33} {
			c.subscribe(t.topic("a"), byte(qos))
			p := c.next()
			t.equal("first byte", p.first, first)
			c.unsubscribe(t.topic("a"))
		}
	}),
	v311("MQTT-3.3.1-9", "a message to an established subscription has RETAIN 0", retainIsNotPassedOn),
	v311("MQTT-3.3.1-10", "an empty retained message is delivered and clears the topic", emptyClears),
	v311("MQTT-3.3.1-11", "an empty message is not retained", func(t *T) {
		c := t.connect(Connect{})
		c.publish(Message{Topic: t.topic("a"), QoS: 1, Retain: true})
		c.subscribe(t.topic("a"), 1)
		c.nothing(c)
	}),
	v311("MQTT-3.3.1-12", "a message without RETAIN leaves the retained one alone", func(t *T) {
		c := t.connect(Connect{})
		c.publish(Message{Topic: t.topic("a"), Payload: "kept", QoS: 1, Retain: true})
		c.publish(Message{Topic: t.topic("a"), Payload: "passing", QoS: 1})
		c.publish(Message{Topic: t.topic("a"), QoS: 1})
		c.publish(Message{Topic: t.topic("b"), Payload: "passing", QoS: 1})
		c.subscribe(t.topic("#"), 1)
		c.payloads(c, "kept")
	}),
	v311("MQTT-3.3.2-1", "a topic beyond the packet's end closes", func(t *T) {
		t.closes(packetOf(0x30, u16(10), []byte("short")))
		t.closes(packetOf(0x30, u8(0)))
		t.closes(packetOf(0x30))
	}),
	v311("MQTT-3.3.2-1", "a missing packet identifier closes", func(t *T) {
		t.closes(packetOf(0x32, str(t.topic("a"))))
		t.closes(packetOf(0x34, str(t.topic("a")), u8(1)))
	}),
	v311("MQTT-3.3.2-2", "a wildcard in a topic name closes", wildcardInName),
	v311("MQTT-3.3.2-3", "what is delivered matches the filter", func(t *T) {
		c := t.connect(Connect{})
		c.subscribe(t.topic("a/+/c"), 1)
		for _, topic := range []string{"a/b/c", "a/c", "a//c", "a/b/b/c", "a/b/c/d", "b/b/c", "a/b/C"} {
			c.publish(Message{Topic: t.topic(topic), Payload: topic, QoS: 1})
		}
		c.payloads(c, "a/b/c", "a//c")
	}),
	v311("MQTT-3.3.4-1", "a PUBLISH is answered as its QoS demands", func(t *T) {
		c := t.connect(Connect{})
		c.send(Message{Topic: t.topic("a")}.encode(4))
		c.ping()
		c.send(Message{Topic: t.topic("a"), QoS: 1, ID: 1}.encode(4))
		c.expect(0x40, 0x02, 0x00, 0x01)
		c.send(Message{Topic: t.topic("a"), QoS: 2, ID: 2}.encode(4))
		c.expect(0x50, 0x02, 0x00, 0x02)
	}),
	v311("MQTT-3.3.5-1", "overlapping subscriptions deliver at the highest QoS", overlapAtHighestQoS),
	v311("MQTT-3.3.5-2", "a PUBLISH that is not allowed is acknowledged or closes, and goes nowhere", forbiddenPublish),
}

func dupIsNotPassedOn(t *T) {
	s, p := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("p")})
	s.subscribe(t.topic("a"), 2)
	for qos := byte(1); qos <= 2; qos++ {
		p.publish(Message{Topic: t.topic("a"), QoS: qos, Dup: true})
		m := s.receive()
		t.equal("QoS", m.QoS, qos)
		t.equal("DUP", m.Dup, false)
	}
}

func retainIsNotPassedOn(t *T) {
	c := t.connect(Connect{})
	c.subscribe(t.topic("a"), 2)
	for qos := byte(0); qos <= 2; qos++ {
		c.publish(Message{Topic: t.topic("a"), Payload: "live", QoS: qos, Retain: true})
		m := c.receive()
		t.equal("QoS", m.QoS, qos)
		t.equal("RETAIN", m.Retain, false)
	}
}

func emptyClears(t *T) {
	s, late := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("late")})
	s.subscribe(t.topic("a"), 1)
	for qos := byte(0); qos <= 2; qos++ {
		s.publish(Message{Topic: t.topic("a"), Payload: "kept", QoS: 1, Retain: true})
		s.publish(Message{Topic: t.topic("a"), QoS: qos, Retain: true})
		s.payloads(s, "kept", "")
		late.subscribe(t.topic("a"), 1)
		late.nothing(late)
		late.unsubscribe(t.topic("a"))
	}
}

func wildcardInName(t *T) {
	s := t.connect(Connect{ID: t.id("s")})
	s.subscribe(t.topic("#"), 0)
	for _, name := range []string{t.topic("+"), t.topic("#"), t.topic("a+b/c"), t.topic("a#"), "#", "+"} {
		t.closes(Message{Topic: name}.encode(t.version), 0x90, 0x81, 0x82)
		t.closes(Message{Topic: name, QoS: 1, ID: 1}.encode(t.version), 0x90, 0x81, 0x82)
	}
	s.nothing(t.connect(Connect{}))
}

func overlapAtHighestQoS(t *T) {
	s, p := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("p")})
	s.subscribe(t.topic("a/#"), 0)
	s.subscribe(t.topic("a/b"), 2)
	s.subscribe(t.topic("a/+"), 1)
	p.publish(Message{Topic: t.topic("a/b"), QoS: 2})
	highest := byte(0)
	for _, m := range s.messages(p) { // copies for the other subscriptions are allowed
		highest = max(highest, m.QoS)
	}
	t.equal("highest QoS", highest, byte(2))
}

func lastRetained(t *T) {
	c := t.connect(Connect{})
	for _, m := range []Message{{Topic: "a/1", Payload: "old"}, {Topic: "a/1", Payload: "one"}, {Topic: "a/2", Payload: "two"}, {Topic: "b/3"}} {
		c.publish(Message{Topic: t.topic(m.Topic), Payload: m.Payload, QoS: 1, Retain: true})
	}
	c.subscribe(t.topic("a/+"), 1)
	got := map[string]string{}
	for _, m := range c.messages(c) {
		got[m.Topic] += m.Payload
	}
	t.equal("payload of each topic", got, map[string]string{t.topic("a/1"): "one", t.topic("a/2"): "two"})
}

func forbiddenPublish(t *T) {
	t.withConfig(func(s *Settings) { s.Forbid = true })
	s := t.connect(Connect{ID: t.id("s")})
	s.subscribe("#", 2)
	for qos := byte(0); qos <= 2; qos++ {
		c := t.connect(Connect{})
		c.send(Message{Topic: forbidden + t.root(), Payload: "no", QoS: qos, ID: uint16(qos), Retain: true}.encode(t.version))
		c.send(packetOf(0xC0))
		p, err := c.read(patience)
		if err != nil && !isClosed(err) {
			t.Fatalf("QoS %d: got %v, want an acknowledgement or the connection closed", qos, err)
		} else if want := [][]byte{{0xD0, 0x00}, ack(0x40, 1), ack(0x50, 2)}[qos]; err == nil {
			t.bytes("answer", p.raw, want)
		}
	}
	from := t.connect(Connect{})
	for _, m := range s.messages(from) {
		if m.Topic == forbidden+t.root() {
			t.Fatalf("got %+v, want no delivery", m)
		}
	}
}
