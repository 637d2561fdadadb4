package enginetest

// Sections 4.8 and 7 of 3.1.1: errors, conformance.
var v311Errors = []Case{
	v311("MQTT-4.8.0-1", "a packet no client may send closes, and nobody else notices", func(t *T) {
		other := t.connect(Connect{ID: t.id("other")})
		t.closes(u8(0x00, 0x00)) // types that do not exist before 5.0
		t.closes(u8(0xF0, 0x00))
		t.closes(u8(0x20, 0x02, 0x00, 0x00))
		other.ping()
	}),
	v311("MQTT-4.8.0-1", "an answer to what the server never asked closes", func(t *T) { // mosquitto 2.0.11 ignores them
		t.closes(u8(0x90, 0x03, 0x00, 0x01, 0x00))
		t.closes(u8(0xB0, 0x02, 0x00, 0x01))
		t.closes(u8(0xD0, 0x00))
	}),
	v311("MQTT-4.8.0-1", "a remaining length of five bytes closes", func(t *T) {
		t.closes(u8(0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01))
		t.refuses(u8(0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x01))
	}),
	v311("MQTT-4.8.0-1", "surplus bytes in a packet close", func(t *T) { // mosquitto 2.0.11 ignores them in PINGREQ
		t.closes(packetOf(0xC0, u8(0)))
		t.closes(packetOf(0xE0, u8(0)))
		t.closes(packetOf(0x40, u16(1), u8(0)))
		t.closes(packetOf(0x40, u8(0)))
	}),
	v311("MQTT-4.8.0-2", "one client's excess ends its own connection only", func(t *T) {
		t.withConfig(func(s *Settings) { s.MaxPacketSize = 1024 })
		other, s := t.connect(Connect{ID: t.id("other")}), t.connect(Connect{ID: t.id("s")})
		s.subscribe(t.topic("#"), 0)
		t.closes(Message{Topic: t.topic("a"), Payload: string(make([]byte, 2000))}.encode(4))
		t.closes(u8(0x30, 0xFF, 0xFF, 0xFF, 0x7F)) // decided before the body came
		other.ping()
		s.nothing(other)
	}),
	v311("MQTT-7.0.0-2", "a client that knows the specification only is served", func(t *T) {
		c := t.connect(Connect{KeepAlive: 60})
		c.subscribe(t.topic("#"), 2)
		for qos := byte(0); qos <= 2; qos++ {
			c.publish(Message{Topic: t.topic("a"), Payload: "hello", QoS: qos})
			t.equal("payload", c.receive().Payload, "hello")
		}
		c.unsubscribe(t.topic("#"))
		c.ping()
		c.disconnect()
	}),
	v311("MQTT-7.1.1-1", "TCP carries the protocol, in pieces of any size", func(t *T) {
		c := t.dial()
		for _, b := range (Connect{ID: t.id("c"), Level: 4}).encode() {
			c.send(u8(b))
		}
		c.expect(0x20, 0x02, 0x00, 0x00)
		for _, b := range subscribe(4, 1, nil, filter(t.topic("a"), 0)) {
			c.send(u8(b))
		}
		c.expect(0x90, 0x03, 0x00, 0x01, 0x00)
		c.send(Message{Topic: t.topic("a"), Payload: "x"}.encode(4), packetOf(0xC0))
		c.expect(packetOf(0x30, str(t.topic("a")), []byte("x"))...)
		c.expect(0xD0, 0x00)
	}),
}
