package enginetest

// Sections 3.1.0 to 3.1.2.3 of 3.1.1: the form of a CONNECT.
var v311Connect = []Case{
	v311("MQTT-3.1.0-1", "another packet before CONNECT closes", firstIsNotConnect),
	v311("MQTT-3.1.0-2", "a second CONNECT closes", func(t *T) {
		c := t.connect(Connect{})
		c.send(Connect{ID: c.id, Level: 4}.encode())
		c.closed()
	}),
	v311("MQTT-3.1.2-1", "an unknown protocol name closes", func(t *T) {
		for _, name := range []string{"MQTX", "mqtt", "MQT", ""} {
			t.refuses(packetOf(0x10, str(name), u8(4, 0x02), u16(0), str(t.id("c"))))
		}
	}),
	v311("MQTT-3.1.2-2", "a protocol level that is not served gets code 01", func(t *T) {
		for _, level := range []byte{0, 2} {
			c := t.dial()
			c.send(connectRaw(level, 0x02, 0, nil, str(t.id("c"))))
			c.expect(0x20, 0x02, 0x00, 0x01)
			c.closed()
		}
	}),
	v311("MQTT-3.1.2-2", "a protocol level of the future gets code 01 or 84", func(t *T) {
		// A server of 5.0 may answer in the form of 5.0, for which a level above 5 is a later version of itself.
		c := t.dial()
		c.send(connectRaw(9, 0x02, 0, nil, str(t.id("c"))))
		if p := c.next(); p.first != 0x20 || len(p.body) < 2 || p.body[0] != 0 || p.body[1] != 0x01 && p.body[1] != 0x84 {
			t.Fatalf("got %v, want CONNACK 00 01 or 00 84", p)
		}
		c.closed()
	}),
	v311("MQTT-3.1.2-3", "the reserved connect flag closes", func(t *T) {
		t.refuses(connectRaw(4, 0x03, 0, nil, str(t.id("c"))))
	}),
	v311("MQTT-3.1.2-9", "a will flag without will fields closes", func(t *T) {
		t.refuses(connectRaw(4, 0x06, 0, nil, str(t.id("c"))))
		t.refuses(connectRaw(4, 0x06, 0, nil, str(t.id("c")), str(t.topic("w"))))
	}),
	v311("MQTT-3.1.2-11", "will QoS, will retain or will fields without a will flag close", func(t *T) {
		t.refuses(connectRaw(4, 0x0A, 0, nil, str(t.id("c"))))
		t.refuses(connectRaw(4, 0x22, 0, nil, str(t.id("c"))))
		t.refuses(connectRaw(4, 0x02, 0, nil, str(t.id("c")), str(t.topic("w")), str("gone")))
	}),
	v311("MQTT-3.1.2-13", "will QoS without a will flag closes", func(t *T) {
		t.refuses(connectRaw(4, 0x0A, 0, nil, str(t.id("c"))))
		t.refuses(connectRaw(4, 0x12, 0, nil, str(t.id("c"))))
	}),
	v311("MQTT-3.1.2-14", "will QoS 3 closes", func(t *T) {
		t.refuses(connectRaw(4, 0x1E, 0, nil, str(t.id("c")), str(t.topic("w")), str("gone")))
	}),
	v311("MQTT-3.1.2-14", "will QoS 0, 1 and 2 are kept", func(t *T) {
		s := t.connect(Connect{ID: t.id("s")})
		s.subscribe(t.topic("#"), 2)
		for qos := byte(0); qos <= 2; qos++ {
			t.connect(Connect{Will: &Will{Topic: t.topic("w"), QoS: qos}}).cut()
			t.equal("QoS of the will", s.receive().QoS, qos)
		}
	}),
	v311("MQTT-3.1.2-15", "will retain without a will flag closes", func(t *T) {
		t.refuses(connectRaw(4, 0x22, 0, nil, str(t.id("c"))))
	}),
	v311("MQTT-3.1.2-18", "a field behind the client identifier that no flag announces closes", func(t *T) {
		t.refuses(connectRaw(4, 0x02, 0, nil, str(t.id("c")), str("alice")))
	}),
	v311("MQTT-3.1.2-19", "a user name flag without user name closes", func(t *T) {
		t.refuses(connectRaw(4, 0x82, 0, nil, str(t.id("c"))))
	}),
	v311("MQTT-3.1.2-20", "a password without password flag closes", func(t *T) {
		t.refuses(connectRaw(4, 0x82, 0, nil, str(t.id("c")), str("alice"), str("secret")))
	}),
	v311("MQTT-3.1.2-21", "a password flag without password closes", func(t *T) {
		t.refuses(connectRaw(4, 0xC2, 0, nil, str(t.id("c")), str("alice")))
	}),
	v311("MQTT-3.1.2-22", "a password flag without user name flag closes", func(t *T) {
		t.refuses(connectRaw(4, 0x42, 0, nil, str(t.id("c")), str("secret")))
	}),
	v311("MQTT-3.1.3-1", "the fields of the payload are taken in their order", func(t *T) {
		s := t.connect(Connect{ID: t.id("s")})
		s.subscribe(t.topic("#"), 0)
		// Were the fields taken in another order, the will would go elsewhere or say something else.
		t.connect(Connect{Will: &Will{Topic: t.topic("will"), Payload: "message"}, User: "user", Password: "password"}).cut()
		s.expect(packetOf(0x30, str(t.topic("will")), []byte("message"))...)
	}),
	v311("MQTT-3.1.3-1", "user name and password are the fourth and fifth field", func(t *T) {
		t.withConfig(func(s *Settings) { s.Login = true })
		will := &Will{Topic: t.topic("will"), Payload: "message"}
		t.connect(Connect{Will: will, User: loginUser, Password: loginPassword})
		if code := t.try(Connect{Will: will, User: loginPassword, Password: loginUser}).connack.code; code != 4 && code != 5 {
			t.Fatalf("user name and password swapped: got code %02X, want 04 or 05", code)
		}
	}),
	v311("MQTT-3.1.3-3", "an empty payload closes", func(t *T) {
		t.refuses(connectRaw(4, 0x02, 0, nil))
		t.refuses(connectRaw(4, 0x06, 0, nil))
	}),
	v311("MQTT-3.1.3-4", "an ill-formed client identifier closes", func(t *T) {
		for _, s := range append(illFormed, "\xFF\xFE") {
			t.refuses(connectRaw(4, 0x02, 0, nil, str(s)))
		}
	}),
	v311("MQTT-3.1.3-10", "an ill-formed will topic closes", func(t *T) {
		for _, s := range append(illFormed, "\xC0\x80") {
			t.refuses(connectRaw(4, 0x06, 0, nil, str(t.id("c")), str(s), str("gone")))
		}
	}),
	v311("MQTT-3.1.3-11", "an ill-formed user name closes", func(t *T) {
		for _, s := range illFormed {
			t.refuses(connectRaw(4, 0x82, 0, nil, str(t.id("c")), str(s)))
		}
	}),
	v311("MQTT-3.1.4-1", "a CONNECT cut short or with surplus bytes is closed without CONNACK", func(t *T) {
		whole := Connect{ID: t.id("c"), Level: 4, Will: &Will{Topic: t.topic("w"), Payload: "gone"}, User: "u", Password: "p"}.encode()
		body := whole[2:]
		for n := range body {
			t.refuses(packetOf(0x10, body[:n]))
		}
		t.refuses(packetOf(0x10, body, u8(0)))
	}),
	v311("MQTT-3.2.2-6", "a malformed CONNECT is closed without a byte", func(t *T) {
		t.refuses(connectRaw(4, 0x1E, 0, nil, str(t.id("c")), str(t.topic("w")), str("gone")))
		t.refuses(connectRaw(4, 0x03, 0, nil, str(t.id("c"))))
		t.refuses(connectRaw(4, 0x02, 0, nil, str("\xFF")))
	}),
}

func firstIsNotConnect(t *T) {
	t.refuses(packetOf(0xC0))
	t.refuses(Message{Topic: t.topic("a")}.encode(t.version))
	t.refuses(subscribe(t.version, 1, nil, filter(t.topic("a"), 0)))
	t.refuses(packetOf(0xE0))
}
