package enginetest

import "strings"

// MQTT 3.1 has no numbered statements: the ids are names of our own. Where a rule of 3.1.1 holds in 3.1 too, its case is shared.
var v31Cases = []Case{
	v31("connect", "MQIsdp level 3 is served", func(t *T) {
		c := t.dial()
		c.send(packetOf(0x10, str("MQIsdp"), u8(3, 0x02), u16(60), str(t.id("c"))))
		c.expect(0x20, 0x02, 0x00, 0x00)
		c.ping()
	}),
	v31("connect-name-and-level", "name and level have to fit", func(t *T) {
		for _, b := range [][]byte{
			packetOf(0x10, str("MQIsdp"), u8(4, 0x02), u16(0), str(t.id("c"))),
			packetOf(0x10, str("MQTT"), u8(3, 0x02), u16(0), str(t.id("c"))),
			packetOf(0x10, str("MQIsdp"), u8(2, 0x02), u16(0), str(t.id("c"))),
			packetOf(0x10, str("MQisdp"), u8(3, 0x02), u16(0), str(t.id("c"))),
		} {
			t.refusesWith(b, 0x01)
		}
	}),
	v31("connect-empty-client-id", "an empty client identifier gets code 02", func(t *T) {
		for _, flags := range []byte{0x00, 0x02} {
			c := t.dial()
			c.send(connectRaw(3, flags, 0, nil, str("")))
			c.expect(0x20, 0x02, 0x00, 0x02)
			c.closed()
		}
	}),
	v31("connect-long-client-id", "a client identifier of 23 characters is accepted", func(t *T) {
		shortAndLongID(t)
	}),
	v31("connect-long-client-id", "one of more than 23 characters is accepted or gets code 02", func(t *T) {
		c := t.try(Connect{ID: t.root() + strings.Repeat("x", 24)})
		if code := c.connack.code; code != 0 && code != 2 {
			t.Fatalf("got code %02X, want 00 or 02", code)
		}
	}),
	v31("connect-reserved-flag", "the reserved connect flag is ignored", func(t *T) {
		c := t.dial()
		c.send(connectRaw(3, 0x03, 0, nil, str(t.id("c"))))
		c.expect(0x20, 0x02, 0x00, 0x00)
	}),
	v31("connect-user-name-left-out", "a user name or password flag without the field is allowed", func(t *T) {
		for _, payload := range [][]byte{str(t.id("c")), cat(str(t.id("c")), str("user"))} {
			c := t.dial()
			c.send(connectRaw(3, 0xC2, 0, nil, payload))
			c.expect(0x20, 0x02, 0x00, 0x00)
		}
	}),
	v31("connect-password-without-user-name", "a password flag without user name flag is refused", func(t *T) {
		t.refusesWith(connectRaw(3, 0x42, 0, nil, str(t.id("c")), str("secret")), 0x04)
	}),
	v31("connect-malformed", "a CONNECT cut short closes", func(t *T) {
		body := Connect{ID: t.id("c"), Level: 3, Will: &Will{Topic: t.topic("w"), Payload: "gone"}}.encode()[2:]
		for n := range body {
			t.refuses(packetOf(0x10, body[:n]))
		}
	}),
	v31("connect-malformed", "will QoS 3 closes", func(t *T) {
		t.refuses(connectRaw(3, 0x1E, 0, nil, str(t.id("c")), str(t.topic("w")), str("gone")))
	}),
	v31("connect-first", "another packet before CONNECT closes", firstIsNotConnect),
	v31("connect-twice", "a second CONNECT closes", func(t *T) {
		c := t.connect(Connect{})
		c.send(Connect{ID: c.id, Level: 3}.encode())
		c.closed()
	}),
	v31("connect-bad-login", "a bad login gets code 04 or 05", func(t *T) {
		t.withConfig(func(s *Settings) { s.Login = true })
		t.connect(Connect{User: loginUser, Password: loginPassword})
		t.refusesWith(Connect{ID: t.id("x"), Level: 3, User: loginUser, Password: "guess"}.encode(), 0x04, 0x05)
	}),
	v31("connect-takeover", "the older client of the same identifier is disconnected", func(t *T) {
		old := t.connect(Connect{})
		t.connect(Connect{}).ping()
		old.closed()
	}),
	v31("connack", "CONNACK has no Session Present", func(t *T) {
		t.connect(Connect{Keep: true}).disconnect()
		t.equal("first byte of CONNACK", t.connect(Connect{Keep: true}).connack.flags, byte(0))
	}),
	v31("reserved-flags", "reserved flags of the fixed header are ignored", func(t *T) {
		c := t.connect(Connect{})
		c.send(packetOf(0xCF))
		c.expect(0xD0, 0x00)
		c.send(packetOf(0x8B, u16(1), filter(t.topic("a"), 2))) // with DUP
		c.expect(0x90, 0x03, 0x00, 0x01, 0x02)
		c.send(Message{Topic: t.topic("b"), QoS: 2, ID: 2}.encode(3))
		c.expect(ack(0x50, 2)...)
		c.send(ack(0x6A, 2))
		c.expect(ack(0x70, 2)...)
		c.publish(Message{Topic: t.topic("a"), QoS: 1})
		c.send(ack(0x4F, c.take().ID))
		c.send(packetOf(0xAA, u16(3), str(t.topic("a"))))
		c.expect(0xB0, 0x02, 0x00, 0x03)
		c.send(packetOf(0xEF))
		c.closed()
	}),
	v31("dup-qos-0", "DUP with QoS 0 is no fault, and not passed on", func(t *T) {
		c := t.connect(Connect{})
		c.subscribe(t.topic("a"), 0)
		c.send(Message{Topic: t.topic("a"), Payload: "x", Dup: true}.encode(3))
		c.expect(packetOf(0x30, str(t.topic("a")), []byte("x"))...)
	}),
	v31("packet-type", "types 0 and 15 and QoS 3 close", func(t *T) {
		t.closes(u8(0x00, 0x00))
		t.closes(u8(0xF0, 0x00))
		t.closes(packetOf(0x36, str(t.topic("a")), u16(1)))
	}),
	v31("packet-id", "packet identifier 0 closes", func(t *T) {
		t.closes(subscribe(3, 0, nil, filter(t.topic("a"), 0)))
		t.closes(Message{Topic: t.topic("a"), QoS: 1}.encode(3))
	}),
	v31("publish-error", "a PUBLISH that is not allowed is acknowledged or closes, and goes nowhere", forbiddenPublish),
	v31("suback-no-failure", "SUBACK has no code for failure", func(t *T) {
		t.withConfig(func(s *Settings) { s.Forbid = true })
		s := t.connect(Connect{})
		s.send(subscribe(3, 1, nil, filter(t.topic("a"), 1), filter(forbidden+"x", 1)))
		if r := s.reply(typSuback); len(r.codes) != 2 || r.codes[0] != 1 || r.codes[1] > 2 {
			t.Fatalf("got codes % X, want 01 and one of 00 to 02", r.codes)
		}
		s.ping()
	}),
	v31("unsuback", "UNSUBACK has no payload", func(t *T) {
		c := t.connect(Connect{})
		c.subscribe(t.topic("a"), 0)
		c.send(unsubscribe(3, 7, t.topic("a"), t.topic("b")))
		c.expect(0xB0, 0x02, 0x00, 0x07)
	}),
	v31("topic-length", "a topic of 32767 bytes is served", func(t *T) {
		long := t.root() + "/" + strings.Repeat("x", 32767-len(t.root())-1)
		c := t.connect(Connect{})
		c.subscribe(t.topic("#"), 0)
		c.publish(Message{Topic: long, Payload: "far"})
		c.expect(packetOf(0x30, str(long), []byte("far"))...)
	}),
	v31("properties", "a 5.0 message comes without its properties", func(t *T) {
		s, p := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("p"), Level: 5})
		s.subscribe(t.topic("a"), 0)
		p.publish(Message{Topic: t.topic("a"), Payload: "x", Props: [][]byte{pUser("name", "value"), p32(propMessageExpiry, 60)}})
		s.expect(packetOf(0x30, str(t.topic("a")), []byte("x"))...)
	}),
}

// v31Shared are rules that 3.1 has in common with 3.1.1.
var v31Shared = []Case{
	v31("session", "a session with CleanSession 0 outlives its connection", sessionIsResumed),
	v31("session", "QoS 1 and 2 messages are kept for an absent client", keptForTheAbsent),
	v31("session", "CleanSession 1 drops the old session and leaves none", cleanDropsSession),
	v31("keep-alive", "silence beyond one and a half keep alive closes and publishes the will", keepAliveRunsOut),
	v31("will", "a cut connection publishes its will", willAfterCut),
	v31("will", "DISCONNECT discards the will", willAfterDisconnect),
	v31("will", "a will with will retain is retained", willIsRetained),
	v31("retain", "a new subscription gets the last retained message of each topic", lastRetained),
	v31("retain", "a message to an established subscription has RETAIN 0", retainIsNotPassedOn),
	v31("retain", "an empty retained message is delivered and clears the topic", emptyClears),
	v31("publish-dup", "DUP is not passed on", dupIsNotPassedOn),
	v31("publish-wildcard", "a wildcard in a topic name closes", wildcardInName),
	v31("subscribe", "subscribing again replaces the subscription without a gap", resubscribe),
	v31("subscribe", "several filters count as one after the other", manyFilters),
	v31("subscribe", "a message comes at the lower of its QoS and the granted one", deliveredQoS),
	v31("unsubscribe", "only the very same filter is unsubscribed", unsubscribeIsExact),
	v31("qos-1", "a message is unacknowledged until its PUBACK", untilPuback),
	v31("qos-2", "a message repeated before PUBREL is passed on once", qos2Once),
	v31("qos-2", "after PUBREC a PUBREL is sent, and never the PUBLISH again", untilPubcomp),
	v31("resume", "open PUBLISH and PUBREL are sent again with their identifiers", resendOnResume),
	v31("order", "messages sent again keep their order", resendInOrder),
	v31("order", "a topic is in order", func(t *T) { ordered(t, 300, 1) }),
	v31("topics", "topics are compared byte by byte", topicsAreBytes),
}
