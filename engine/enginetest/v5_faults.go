package enginetest

import "strings"

// Section 4.13, and the reference's table "Which code for which fault". Where a fault has one code, a broker of ours says it.
var v5Faults = []Case{
	v5("MQTT-4.13.1-1", "malformed packets and protocol errors end the connection, and no other", func(t *T) {
		other := t.client("other")
		for _, packet := range faultySamples(t) {
			t.closes(packet, disconnectCodes[1:]...)
			other.ping()
		}
	}),
	v5("MQTT-4.13.1-1", "packets that only a server sends end the connection", func(t *T) {
		for _, packet := range [][]byte{
			packetOf(0x20, u8(0, 0, 0)), packetOf(0x90, u16(1), u8(0, 0)), packetOf(0xB0, u16(1), u8(0, 0)), packetOf(0xD0), {0x00, 0x00},
		} {
			t.closes(packet, 0x81, 0x82)
		}
	}),
	v5("MQTT-4.13.2-1", "a reason of 80 and above closes the connection", func(t *T) {
		for _, packet := range faultySamples(t) {
			t.closes(packet, disconnectCodes[1:]...)
		}
		t.refuses(connectRaw(5, 0x03, 0, nil, str(t.id("c"))), connackCodes[1:]...)
	}),

	fault("a packet of type 0", u8(0, 0), 0x81, 0x82),
	fault("a Remaining Length of five bytes", u8(0xC0, 0x80, 0x80, 0x80, 0x80, 0x01), 0x81),
	fault("a Remaining Length in more bytes than needed", u8(0xC0, 0x80, 0x00), 0x81),
	fault("a PINGREQ with a body", u8(0xC0, 1, 0), 0x81),
	fault("ill-formed UTF-8", publish5("\xFF", "x"), 0x81),
	fault("U+0000 in a topic name", publish5("a\x00", "x"), 0x81),
	fault("U+0000 in a filter", subscribe5("a\x00", 0), 0x81),
	fault("reserved flags", append([]byte{0x80}, subscribe5("a", 0)[1:]...), 0x81),
	fault("QoS 3", packetOf(0x36, str("a"), u16(1), u8(0)), 0x81),
	fault("reserved option bits", subscribe5("a", 0x80), 0x81),
	fault("an unknown property", publish5("a", "x", u8(0x7F, 0)), 0x81),
	fault("a property that does not belong to the packet", publish5("a", "x", expires(1)), 0x81),
	fault("a property cut short", packetOf(0x30, str("a"), u8(2, propPayloadFormat)), 0x81),
	fault("a property length beyond the packet", packetOf(0x30, str("a"), u8(9, propPayloadFormat, 1)), 0x81),
	fault("a property length of five bytes", packetOf(0x30, str("a"), u8(0x80, 0x80, 0x80, 0x80, 0x01)), 0x81),
	fault("a string beyond the packet", packetOf(0x82, u16(1), u8(0), u16(9), []byte("a"), u8(0)), 0x81),
	fault("a filter without options", packetOf(0x82, u16(1), u8(0), str("a")), 0x81),
	fault("a packet without its identifier", packetOf(0x40, u8(1)), 0x81),
	fault("an acknowledgement with trailing bytes", packetOf(0x40, u16(1), u8(0, 0, 0)), 0x81),
	fault("a DISCONNECT with trailing bytes", packetOf(0xE0, u8(0, 0, 0)), 0x81),
	fault("a second CONNECT", Connect{Level: 5, ID: "second"}.encode(), 0x82),
	fault("a duplicate property", publish5("a", "x", pStr(propContentType, "t"), pStr(propContentType, "t")), 0x82),
	fault("a property out of range", publish5("a", "x", p8(propPayloadFormat, 2)), 0x82),
	fault("an empty SUBSCRIBE", subscribe(5, 1, nil), 0x82),
	fault("an empty UNSUBSCRIBE", unsubscribe(5, 1), 0x82),
	fault("Subscription Identifier 0", subscribe5("a", 0, pVar(propSubscriptionID, 0)), 0x82),
	fault("option QoS 3", subscribe5("a", 0x03), 0x82),
	fault("Retain Handling 3", subscribe5("a", 0x30), 0x82),
	fault("No Local on a shared subscription", subscribe5("$share/g/a", noLocal), 0x82),
	fault("a Subscription Identifier in a client's PUBLISH", publish5("a", "x", pVar(propSubscriptionID, 1)), 0x82),
	fault("a Response Topic with a wildcard", publish5("a", "x", pStr(propResponseTopic, "#")), 0x82),
	fault("topic alias 0", publish5("a", "x", p16(propTopicAlias, 0)), 0x94),
	fault("an unknown topic alias", publish5("", "x", p16(propTopicAlias, 1)), 0x82),
	fault("an empty topic without alias", publish5("", "x"), 0x82),
	fault("a wildcard in a topic name", publish5("a/+", "x"), 0x90),
	fault("an AUTH without method in CONNECT", authWith(0x19, pStr(propAuthMethod, "x")), 0x82),
	fault("packets of a server", packetOf(0xD0), 0x82, 0x81),

	v5("faults", "a bad filter is refused by 8F in the SUBACK or by the end of the connection", func(t *T) {
		refusedFilters(t, "a/#/b", "a+", "$share/g")
	}),
	v5("faults", "an identifier of an open QoS 2 exchange is in use", func(t *T) {
		c := t.client("c")
		c.send(Message{Topic: t.topic("a"), QoS: 2, ID: 5}.encode(5))
		c.acked(typPubrec, 5)
		c.send(Message{Topic: t.topic("b"), QoS: 1, ID: 5}.encode(5))
		if code := c.acked(typPuback, 5); code != 0x91 && !t.hall.foreign {
			t.Fatalf("got code %02X, want 91", code)
		}
		c.send(ack(0x62, 5))
		t.equal("code of the PUBCOMP", c.acked(typPubcomp, 5), byte(0))
	}),
	v5("faults", "a PUBACK or PUBCOMP for an unknown identifier is passed over", func(t *T) {
		c := t.client("c")
		c.send(ack(0x40, 9), ack(0x70, 9))
		c.ping()
	}),
	v5("faults", "no right to publish at QoS 0: dropped, or the end of the connection by 87", func(t *T) {
		t.withConfig(func(s *Settings) { s.Forbid = true })
		c, s := t.client("c"), t.client("s")
		s.subscribe("+/"+t.root(), 0)
		c.send(publish5(forbidden+t.root(), "x"), packetOf(0xC0))
		if p := c.next(); p.typ() != typPingresp {
			t.equal("code", c.parse(typDisconnect, p).code, byte(0x87))
		}
		s.nothing(t.client("p"))
	}),
	v5("faults", "no right to the will's topic: nobody gets the will", func(t *T) {
		t.withConfig(func(s *Settings) { s.Forbid = true })
		s := t.client("s")
		s.subscribe("+/"+t.root(), 0)
		c := t.try(Connect{Will: &Will{Topic: forbidden + t.root(), Payload: "x"}})
		if c.connack.code >= 0x80 {
			t.equal("code", c.connack.code == 0x87 || c.connack.code == 0x90, true)
			return
		}
		c.send(disconnectWith(0x04))
		c.closed()
		s.nothing(t.client("p"))
	}),
	v5("faults", "a CONNECT is refused by the fault's code", func(t *T) {
		id := str(t.id("c"))
		for _, f := range []struct {
			code   byte
			packet []byte
		}{
			{0x81, connectRaw(5, 0x03, 0, nil, id)},
			{0x81, connectRaw(5, 0x02, 0, nil, str("\xFF"))},
			{0x81, connectRaw(5, 0x02, 0, nil, id, u8(0))},
			{0x81, connectRaw(5, 0x1E, 0, nil, id, propBlock(), str("w"), str("gone"))},
			{0x81, connectRaw(5, 0x02, 0, [][]byte{u8(0x7F, 0)}, id)},
			{0x82, connectRaw(5, 0x02, 0, [][]byte{expires(1), expires(1)}, id)},
			{0x82, connectRaw(5, 0x02, 0, [][]byte{p16(propReceiveMaximum, 0)}, id)},
			{0x82, connectRaw(5, 0x02, 0, [][]byte{p32(propMaximumPacketSize, 0)}, id)},
			{0x82, connectRaw(5, 0x02, 0, [][]byte{p8(propRequestProblem, 2)}, id)},
			{0x82, connectRaw(5, 0x02, 0, [][]byte{p8(propRequestResponse, 2)}, id)},
			{0x82, connectRaw(5, 0x02, 0, [][]byte{pStr(propAuthData, "x")}, id)},
			{0x82, connectRaw(5, 0x06, 0, nil, id, propBlock(p8(propPayloadFormat, 2)), str("w"), str("gone"))},
			{0x90, connectRaw(5, 0x06, 0, nil, id, propBlock(), str("w/+"), str("gone"))},
			{0x8C, connectRaw(5, 0x02, 0, [][]byte{pStr(propAuthMethod, "x-none")}, id)},
			{0x84, packetOf(0x10, str("MQTT"), u8(6, 0x02), u16(0), u8(0), id)},
		} {
			c := t.dial()
			c.send(f.packet)
			c.told(f.code)
		}
	}),
	v5("faults", "payload that is not UTF-8 although it is said to be may be refused by 99", func(t *T) {
		c := t.client("c")
		c.send(Message{Topic: t.topic("a"), QoS: 1, ID: 1, Payload: "\xFF", Props: [][]byte{p8(propPayloadFormat, 1)}}.encode(5))
		p := c.next()
		if code := c.parse(p.typ(), p).code; code >= 0x80 {
			t.equal("code", code, byte(0x99))
		}
	}),
	v5("faults", "a packet too large is refused by its first bytes", func(t *T) {
		t.wish(func(s *Settings) { s.MaxPacketSize = 1000 })
		c := t.client("c")
		if _, ok := c.connack.props.get(propMaximumPacketSize); !ok {
			t.na("takes packets of any size")
		}
		c.send(u8(0x30, 0xFF, 0xFF, 0xFF, 0x7F), []byte(strings.Repeat("x", 100)))
		c.told(0x95)
	}),
}

// fault is the case that this packet, sent by a connected client, gets a DISCONNECT with (one of) this code.
func fault(what string, packet []byte, codes ...byte) Case {
	return v5("faults", what, func(t *T) {
		c := t.client("c")
		c.send(packet)
		c.told(codes...)
	})
}
