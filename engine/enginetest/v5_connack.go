package enginetest

import (
	"slices"
	"strings"
	"time"
)

// connackCodes are the reason codes a CONNACK may carry.
var connackCodes = []byte{
	0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97,
	0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
}

// Section 3.2, CONNACK. The limits it announces, and what comes of exceeding them, are in v5_limits.go.
var v5Connack = []Case{
	v5("MQTT-3.2.0-1", "CONNACK comes before queued messages", func(t *T) {
		c := t.session("c")
		c.subscribe(t.topic("a"), 2)
		c.disconnect()
		p := t.client("p")
		for qos := range byte(3) {
			p.publish(Message{Topic: t.topic("a"), QoS: qos})
		}
		t.session("c").take() // and not before the CONNACK that session waits for
	}),
	v5("MQTT-3.2.0-2", "there is one CONNACK a connection", func(t *T) {
		c := t.session("c")
		c.subscribe(t.topic("a"), 2)
		c.publish(Message{Topic: t.topic("a"), QoS: 2})
		c.receive()
		c.unsubscribe(t.topic("a"))
		c.ping()
		c.send(packetOf(0xE0))
		c.closed()
	}),
	v5("MQTT-3.2.0-2", "re-authentication brings no other CONNACK", func(t *T) {
		c := t.authenticated()
		c.send(authStep(0x19, authHello))
		t.equal("reason code", c.reply(typAuth).code, byte(0x18))
		c.send(authStep(0x18, authProof))
		t.equal("reason code", c.reply(typAuth).code, byte(0x00))
		c.ping()
	}),
	v5("MQTT-3.2.2-1", "bits 7 to 1 of the acknowledge flags are 0", func(t *T) {
		for i, c := range []*conn{t.session("c"), t.session("c"), t.client("c"), t.connect(Connect{NoID: true})} {
			if f := c.connack.flags; f > 1 {
				t.Fatalf("connection %d: got acknowledge flags %02X, want 00 or 01", i, f)
			}
		}
	}),
	v5("MQTT-3.2.2-2", "Session Present is 0 for Clean Start 1", func(t *T) {
		t.session("c").disconnect()
		t.equal("acknowledge flags", t.client("c").connack.flags, byte(0))
	}),
	v5("MQTT-3.2.2-2", "Session Present is 0 for Clean Start 1 at a takeover", func(t *T) {
		t.session("c")
		t.equal("acknowledge flags", t.client("c").connack.flags, byte(0))
	}),
	v5("MQTT-3.2.2-3", "Session Present tells whether there is a session", func(t *T) {
		t.equal("acknowledge flags at first", t.session("c").connack.flags, byte(0))
		t.equal("acknowledge flags at the takeover", t.session("c").connack.flags, byte(1))
	}),
	v5("MQTT-3.2.2-6", "Session Present is 0 in a refusal", func(t *T) {
		t.withConfig(func(s *Settings) { s.Login = true })
		login := sessionOf(t, "c")
		login.User, login.Password = loginUser, loginPassword
		t.connect(login).disconnect()
		login.Password = "wrong"
		c := t.try(login)
		t.equal("refused", c.connack.code >= 0x80, true)
		t.equal("acknowledge flags", c.connack.flags, byte(0))
	}),
	v5("MQTT-3.2.2-7", "the connection is closed behind a refusal", func(t *T) {
		t.withConfig(func(s *Settings) { s.Login = true })
		c := t.try(Connect{User: loginUser, Password: "wrong"})
		t.equal("reason code", c.connack.code, byte(0x86))
		c.closed()
	}),
	v5("MQTT-3.2.2-8", "refusals use the codes of CONNACK", func(t *T) {
		id := str(t.id("c"))
		for _, packet := range [][]byte{
			connectRaw(5, 0x03, 0, nil, id),
			connectRaw(5, 0x02, 0, nil, str("\xFF")),
			connectRaw(5, 0x02, 0, [][]byte{p16(propReceiveMaximum, 0)}, id),
			connectRaw(5, 0x02, 0, [][]byte{p32(propMaximumPacketSize, 0)}, id),
			connectRaw(5, 0x02, 0, [][]byte{pStr(propAuthMethod, "x-none")}, id),
			connectRaw(5, 0x06, 0, nil, id, propBlock(), str("a/+"), str("gone")),
			connectRaw(5, 0x06, 0, nil, id, propBlock(), str(""), str("gone")),
			packetOf(0x10, str("MQTX"), u8(5, 0x02), u16(0), u8(0), id),
		} {
			t.refuses(packet, connackCodes[1:]...)
		}
	}),
	v5("MQTT-3.2.2-16", "assigned identifiers are unique", func(t *T) {
		var ids []string
		for range 20 {
			c := t.connect(Connect{NoID: true})
			id := t.value(c.connack.props, propAssignedClientID)
			if slices.Contains(ids, id) || id == "" {
				t.Fatalf("got identifier %q, want one unlike %q", id, ids)
			}
			ids = append(ids, id)
		}
	}),
	v5("MQTT-3.2.2-19", "a refusal stays within the client's Maximum Packet Size", func(t *T) {
		t.withConfig(func(s *Settings) { s.Login = true })
		boundedRefusal(t, 5)
	}),
	v5("MQTT-3.2.2-20", "user properties do not push a refusal over the client's Maximum Packet Size", func(t *T) {
		t.withConfig(func(s *Settings) { s.Login = true })
		boundedRefusal(t, 20)
	}),
	v5("MQTT-3.2.2-22", "without Server Keep Alive the client's counts", func(t *T) {
		start := time.Now()
		c := t.connect(Connect{KeepAlive: 1})
		if _, ok := c.connack.props.get(propServerKeepAlive); ok {
			t.na("announces its own keep alive")
		}
		c.told(0x8D)
		t.notBefore(start, 1500*time.Millisecond)
	}),
	v5("MQTT-3.2.2-22", "keep alive 0 is off", func(t *T) {
		c := t.connect(Connect{})
		elapse(2500 * time.Millisecond)
		c.ping()
	}),
}

// boundedRefusal fails to log in as a client with this Maximum Packet Size.
func boundedRefusal(t *T, size int) {
	t.Helper()
	c := t.dial()
	c.send(Connect{
		Level: 5, ID: t.id("c"), User: loginUser, Password: strings.Repeat("wrong", 20),
		Props: [][]byte{p32(propMaximumPacketSize, uint32(size))},
	}.encode())
	p := c.next()
	t.equal("reason code", c.parse(typConnack, p).code, byte(0x86))
	if len(p.raw) > size {
		t.Fatalf("got %v of %d bytes, want at most %d", p, len(p.raw), size)
	}
	c.closed()
}
