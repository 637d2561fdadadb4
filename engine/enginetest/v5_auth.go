package enginetest

// Sections 3.15 and 4.12: enhanced authentication. A broker with settings has the two-step method of target.go; of a foreign
// one only what needs no method is asked.
var v5Auth = []Case{
	v5("MQTT-3.15.1-1", "reserved flags of an AUTH are malformed", func(t *T) {
		t.closes(packetOf(0xF1, u8(0x19, 0)), 0x81, 0x82)
		c := t.startAuth()
		c.send(append([]byte{0xF1}, authStep(0x18, authProof)[1:]...))
		c.closed(0x81)
	}),
	v5("MQTT-3.15.2-1", "an AUTH with another reason ends the connection", func(t *T) {
		for _, code := range []byte{0x01, 0x17, 0x1A, 0x80, 0x87} {
			c := t.startAuth()
			c.send(authStep(code, authProof))
			c.closed(0x81, 0x82)
			c = t.authenticated()
			c.send(authStep(code, authHello))
			c.closed(0x81, 0x82)
		}
	}),
	v5("MQTT-3.15.2-2", "a reason string does not push an AUTH over the client's limit", func(t *T) { boundedAuth(t) }),
	v5("MQTT-3.15.2-3", "user properties do not push an AUTH over the client's limit", func(t *T) { boundedAuth(t) }),
	v5("MQTT-4.12.0-1", "an unknown method is refused", func(t *T) {
		t.refuses(Connect{Level: 5, ID: t.id("c"), Props: [][]byte{pStr(propAuthMethod, "x-none")}}.encode(), 0x8C, 0x87)
		t.refuses(Connect{Level: 5, ID: t.id("c"), Props: [][]byte{
			pStr(propAuthMethod, ""), pStr(propAuthData, "\x00\xFF"),
		}}.encode(), 0x8C, 0x87)
	}),
	v5("MQTT-4.12.0-2", "the server asks for more with code 18", func(t *T) { t.startAuth() }),
	v5("MQTT-4.12.0-2", "the exchange succeeds", func(t *T) {
		c := t.authenticated()
		t.equal("method", t.value(c.connack.props, propAuthMethod), authMethod)
		t.equal("data", t.value(c.connack.props, propAuthData), authWelcome)
		c.subscribe(t.topic("a"), 1)
		c.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "x"})
		c.payloads(c, "x")
	}),
	v5("MQTT-4.12.0-3", "a client's AUTH before CONNACK has code 18", func(t *T) {
		for _, code := range []byte{0x00, 0x19} {
			c := t.startAuth()
			c.send(authStep(code, authProof))
			c.closed(0x82, 0x81)
		}
	}),
	v5("MQTT-4.12.0-4", "a wrong proof ends the connection", func(t *T) {
		c := t.startAuth()
		c.send(authStep(0x18, "guess"))
		c.closed(0x87)
	}),
	v5("MQTT-4.12.0-4", "nothing behind a wrong proof is processed", func(t *T) {
		s := t.authenticated()
		s.subscribe(t.topic("a"), 0)
		c := t.dial()
		c.send(Connect{Level: 5, ID: t.id("c"), Props: [][]byte{pStr(propAuthMethod, authMethod), pStr(propAuthData, authHello)}}.encode())
		c.reply(typAuth)
		c.send(authStep(0x18, "guess"), publish5(t.topic("a"), "x"))
		c.closed(0x87)
		s.nothing(s)
	}),
	v5("MQTT-4.12.0-5", "another method in the exchange ends the connection", func(t *T) {
		for _, packet := range [][]byte{
			authWith(0x18, pStr(propAuthMethod, "x-other"), pStr(propAuthData, authProof)), authWith(0x18, pStr(propAuthData, authProof)),
		} {
			c := t.startAuth()
			c.send(packet)
			c.closed(0x82, 0x8C)
		}
	}),
	v5("MQTT-4.12.0-5", "the server repeats the method", func(t *T) {
		c := t.authenticated() // looks at the AUTH
		t.equal("method in the CONNACK", t.value(c.connack.props, propAuthMethod), authMethod)
		c.send(authStep(0x19, authHello))
		t.equal("method in the AUTH", t.value(c.reply(typAuth).props, propAuthMethod), authMethod)
		c.send(authStep(0x18, authProof))
		t.equal("method in the last AUTH", t.value(c.reply(typAuth).props, propAuthMethod), authMethod)
	}),
	v5("MQTT-4.12.0-6", "without a method there is no AUTH and none in the CONNACK", func(t *T) {
		t.wish(func(s *Settings) { s.EnhancedAuth = true })
		c := t.client("c")
		t.without(c.connack.props, propAuthMethod, propAuthData)
		c.ping()
	}),
	v5("MQTT-4.12.0-7", "an AUTH without a method in CONNECT ends the connection", func(t *T) {
		t.wish(func(s *Settings) { s.EnhancedAuth = true })
		for _, packet := range [][]byte{authStep(0x19, authHello), authStep(0x18, authProof), authStep(0, ""), packetOf(0xF0)} {
			t.closes(packet, 0x82)
		}
	}),
	v5("MQTT-4.12.1-1", "re-authentication by another method ends the connection", func(t *T) {
		for _, packet := range [][]byte{authWith(0x19, pStr(propAuthMethod, "x-other")), authWith(0x19), packetOf(0xF0)} {
			c := t.authenticated()
			c.send(packet)
			c.closed(0x82, 0x8C)
		}
	}),
	v5("MQTT-4.12.1-2", "failed re-authentication ends the connection", func(t *T) {
		c := t.authenticated()
		c.send(authStep(0x19, "nonsense"))
		c.closed(0x87)
		c = t.authenticated()
		c.send(authStep(0x19, authHello))
		t.equal("code", c.reply(typAuth).code, byte(0x18))
		c.send(authStep(0x18, "guess"))
		c.closed(0x87)
	}),
	v5("auth", "re-authentication succeeds, again and again", func(t *T) {
		c := t.authenticated()
		for range 3 {
			c.send(authStep(0x19, authHello))
			r := c.reply(typAuth)
			t.equal("code", r.code, byte(0x18))
			t.equal("data", t.value(r.props, propAuthData), authChallenge)
			c.send(authStep(0x18, authProof))
			r = c.reply(typAuth)
			t.equal("code", r.code, byte(0x00))
			t.equal("data", t.value(r.props, propAuthData), authWelcome)
			c.ping()
		}
	}),
	v5("auth", "traffic goes on during re-authentication", func(t *T) {
		c := t.authenticated()
		c.subscribe(t.topic("a"), 1)
		c.send(authStep(0x19, authHello))
		t.equal("code", c.reply(typAuth).code, byte(0x18))
		c.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "x"})
		c.payloads(c, "x")
		c.send(authStep(0x18, authProof))
		t.equal("code", c.reply(typAuth).code, byte(0x00))
	}),
	v5("auth", "a second start of re-authentication during the first ends the connection", func(t *T) {
		c := t.authenticated()
		c.send(authStep(0x19, authHello))
		t.equal("code", c.reply(typAuth).code, byte(0x18))
		c.send(authStep(0x19, authHello))
		c.closed(0x82)
	}),
	v5("auth", "AUTH 18 outside of an exchange ends the connection", func(t *T) {
		c := t.authenticated()
		c.send(authStep(0x18, authProof))
		c.closed(0x82)
	}),
	v5("auth", "a wrong first step is refused", func(t *T) {
		t.withConfig(func(s *Settings) { s.EnhancedAuth = true })
		t.refuses(Connect{Level: 5, ID: t.id("c"), Props: [][]byte{
			pStr(propAuthMethod, authMethod), pStr(propAuthData, "nonsense"),
		}}.encode(), 0x87)
	}),
	v5("auth", "an exchange that failed leaves the client's session and connection alone", func(t *T) {
		t.withConfig(func(s *Settings) { s.EnhancedAuth = true })
		old := t.session("auth")
		old.subscribe(t.topic("a"), 1)
		c := t.startAuth()
		old.ping()
		c.send(authStep(0x18, "guess"))
		c.closed(0x87)
		old.ping()
		old.disconnect()
		t.equal("Session Present", t.session("auth").connack.flags, byte(1))
	}),
}

// boundedAuth carries the exchange through as a client with a Maximum Packet Size that leaves room for method and data only.
func boundedAuth(t *T) {
	t.Helper()
	limit := len(authStep(0x18, authChallenge))
	t.withConfig(func(s *Settings) { s.EnhancedAuth = true })
	c := t.dial()
	c.send(Connect{Level: 5, ID: t.id("c"), Props: [][]byte{
		pStr(propAuthMethod, authMethod), pStr(propAuthData, authHello), p32(propMaximumPacketSize, uint32(limit)),
	}}.encode())
	p := c.next()
	t.equal("code", c.parse(typAuth, p).code, byte(0x18))
	if len(p.raw) > limit {
		t.Fatalf("got %v of %d bytes, want at most %d", p, len(p.raw), limit)
	}
	c.send(packetOf(0xE0))
	c.closed()
}
