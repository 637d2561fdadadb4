package enginetest

import "slices"

// disconnectCodes are the reason codes of a DISCONNECT from the server.
var disconnectCodes = []byte{
	0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
	0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
}

// Sections 3.12 to 3.14: PINGREQ and DISCONNECT.
var v5Disconnect = []Case{
	v5("MQTT-3.12.4-1", "PINGREQ is answered by PINGRESP", func(t *T) {
		c := t.client("c")
		c.send(packetOf(0xC0), packetOf(0xC0))
		c.expect(0xD0, 0x00)
		c.expect(0xD0, 0x00)
	}),
	v5("MQTT-3.14.0-1", "there is no DISCONNECT before the CONNACK", func(t *T) {
		for _, packet := range [][]byte{
			{0x00, 0x00}, packetOf(0xC0), packetOf(0x82), u8(0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F),
			connectRaw(5, 0x03, 0, nil, str(t.id("c"))), connectRaw(5, 0x02, 0, nil),
			connectRaw(5, 0x02, 0, [][]byte{p16(propReceiveMaximum, 0)}, str(t.id("c"))),
		} {
			t.refuses(packet, connackCodes[1:]...) // a packet before the end has to be a CONNACK
		}
	}),
	v5("MQTT-3.14.1-1", "reserved flags of a DISCONNECT are malformed, and the will is due", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		c := t.withWill("c", 0, 0)
		c.send(packetOf(0xE1))
		c.told(0x81)
		t.equal("payload", w.receive().Payload, "gone")
	}),
	v5("MQTT-3.14.2-1", "a DISCONNECT with another code ends the connection, and the will is due", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		for _, code := range []byte{0x03, 0x18, 0xFF} {
			c := t.withWill("c", 0, 0)
			c.send(packetOf(0xE0, u8(code)))
			c.closed(0x81, 0x82)
			t.equal("payload", w.receive().Payload, "gone")
		}
	}),
	v5("MQTT-3.14.2-1", "the server's DISCONNECT has one of its codes", func(t *T) {
		for _, packet := range faultySamples(t) {
			t.closes(packet, disconnectCodes[1:]...)
		}
	}),
	v5("MQTT-3.14.2-2", "the server's DISCONNECT has no Session Expiry Interval", func(t *T) {
		for _, packet := range faultySamples(t) {
			c := t.session("c")
			c.send(packet)
			if p, err := c.read(patience); err == nil {
				t.without(c.parse(typDisconnect, p).props, propSessionExpiry)
			}
		}
	}),
	v5("MQTT-3.14.2-3", "a reason string does not push a DISCONNECT over the client's limit", func(t *T) { boundedDisconnect(t) }),
	v5("MQTT-3.14.2-4", "user properties do not push a DISCONNECT over the client's limit", func(t *T) { boundedDisconnect(t) }),
	v5("MQTT-3.14.4-1", "nothing behind a DISCONNECT is processed", func(t *T) {
		c, s := t.client("c"), t.client("s")
		s.subscribe(t.topic("a"), 0)
		c.send(packetOf(0xE0), publish5(t.topic("a"), "late"))
		c.closed()
		s.nothing(t.client("p"))
	}),
	v5("MQTT-3.14.4-1", "nothing comes behind the server's DISCONNECT", func(t *T) {
		c := t.client("c")
		c.subscribe(t.topic("a"), 0)
		c.send(packetOf(0x00), publish5(t.topic("a"), "late"), packetOf(0xC0))
		c.closed(0x81, 0x82)
		s := t.client("s")
		s.subscribe(t.topic("a"), 0)
		s.nothing(t.client("p"))
	}),
	v5("MQTT-3.14.4-2", "the server closes the connection behind its DISCONNECT", func(t *T) {
		for _, packet := range faultySamples(t) {
			t.closes(packet, disconnectCodes[1:]...)
		}
	}),
	v5("MQTT-3.14.4-2", "the server closes the connection behind the client's DISCONNECT", func(t *T) {
		for _, packet := range [][]byte{packetOf(0xE0), packetOf(0xE0, u8(0)), packetOf(0xE0, u8(0, 0)), disconnectWith(0x04)} {
			c := t.client("c")
			c.send(packet)
			c.closed()
		}
	}),
	v5("MQTT-3.14.4-3", "DISCONNECT 00 throws the will away", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		for _, packet := range [][]byte{packetOf(0xE0), packetOf(0xE0, u8(0)), disconnectWith(0)} {
			c := t.withWill("c", 0, 0)
			c.send(packet)
			c.closed()
		}
		w.nothing(t.client("p"))
	}),
	v5("MQTT-3.14.4-3", "DISCONNECT 04 publishes the will", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		c := t.withWill("c", 0, 0)
		c.send(disconnectWith(0x04))
		c.closed()
		t.equal("payload", w.receive().Payload, "gone")
	}),
}

// faultySamples are packets that end a connection, each for a reason of its own.
func faultySamples(t *T) [][]byte {
	return [][]byte{
		{0x00, 0x00}, packetOf(0x20, u8(0, 0, 0)), subscribe(5, 1, nil), subscribe5("a", 0x40), subscribe5("a", 0x03),
		publish5("", "x"), publish5("a/+", "x"), publish5("a", "x", p16(propTopicAlias, 0)), publish5("a", "x", u8(0x7F, 0)),
		Connect{Level: 5, ID: t.id("c")}.encode(), authWith(0x19, pStr(propAuthMethod, "x")),
	}
}

func boundedDisconnect(t *T) {
	t.Helper()
	for _, packet := range faultySamples(t) {
		c := t.client("c", p32(propMaximumPacketSize, tiny))
		c.send(packet)
		p, err := c.read(patience)
		if err != nil {
			continue // the packet is optional
		}
		if r := c.parse(typDisconnect, p); len(p.raw) > tiny || !slices.Contains(disconnectCodes, r.code) {
			t.Fatalf("got %v of %d bytes, want at most %d", p, len(p.raw), tiny)
		}
	}
}
