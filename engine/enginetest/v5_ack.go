package enginetest

import (
	"slices"
	"strings"
)

// Codes that the acknowledgements of a PUBLISH may carry.
var (
	pubackCodes   = []byte{0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99}
	pubrelCodes   = []byte{0x00, 0x92}
	subackCodes   = []byte{0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2}
	unsubackCodes = []byte{0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91}
)

// tiny is a Maximum Packet Size that leaves room for codes, but not for words.
const tiny = 16

// Sections 3.4 to 3.7: PUBACK, PUBREC, PUBREL, PUBCOMP as the server sends them.
var v5Ack = []Case{
	v5("MQTT-3.4.2-1", "PUBACK has one of its codes", func(t *T) { publishCodes(t, 1) }),
	v5("MQTT-3.4.2-1", "PUBACK tells that a topic is forbidden", func(t *T) { refusedPublish(t, 1) }),
	v5("MQTT-3.4.2-2", "a reason string does not push a PUBACK over the client's limit", func(t *T) { boundedPublish(t, 1, typPuback) }),
	v5("MQTT-3.4.2-3", "user properties do not push a PUBACK over the client's limit", func(t *T) { boundedPublish(t, 1, typPuback) }),
	v5("MQTT-3.5.2-1", "PUBREC has one of its codes", func(t *T) { publishCodes(t, 2) }),
	v5("MQTT-3.5.2-1", "PUBREC tells that a topic is forbidden", func(t *T) { refusedPublish(t, 2) }),
	v5("MQTT-3.5.2-2", "a reason string does not push a PUBREC over the client's limit", func(t *T) { boundedPublish(t, 2, typPubrec) }),
	v5("MQTT-3.5.2-3", "user properties do not push a PUBREC over the client's limit", func(t *T) { boundedPublish(t, 2, typPubrec) }),
	v5("MQTT-3.6.1-1", "a PUBREL with other flags is malformed", func(t *T) {
		for _, first := range []byte{0x60, 0x61, 0x63, 0x66, 0x6A} {
			c := t.client("c")
			c.send(Message{Topic: t.topic("a"), QoS: 2, ID: 1}.encode(5))
			c.acked(typPubrec, 1)
			c.send(ack(first, 1))
			c.closed(0x81)
		}
	}),
	v5("MQTT-3.6.1-1", "the server's PUBREL starts with 62", func(t *T) {
		c := t.client("c")
		c.subscribe(t.topic("a"), 2)
		c.publish(Message{Topic: t.topic("a"), QoS: 2})
		m := c.take()
		c.send(ack(0x50, m.ID))
		t.equal("first byte", c.next().first, byte(0x62))
	}),
	v5("MQTT-3.6.2-1", "PUBREL has one of its codes", func(t *T) {
		c := t.client("c")
		c.subscribe(t.topic("a"), 2)
		c.publish(Message{Topic: t.topic("a"), QoS: 2})
		m := c.take()
		c.send(ack(0x50, m.ID))
		t.equal("code", c.reply(typPubrel).code, byte(0x00))
		c.send(ack(0x70, m.ID))
		c.ping()
	}),
	v5("MQTT-3.6.2-1", "PUBREL for an unknown PUBREC has code 92", func(t *T) {
		c := t.client("c")
		c.send(ack(0x50, 77))
		t.equal("code", c.acked(typPubrel, 77), byte(0x92))
		c.ping()
	}),
	v5("MQTT-3.6.2-2", "a reason string does not push a PUBREL over the client's limit", func(t *T) { bounded(t, typPubrel, ack(0x50, 77)) }),
	v5("MQTT-3.6.2-3", "user properties do not push a PUBREL over the client's limit", func(t *T) { bounded(t, typPubrel, ack(0x50, 77)) }),
	v5("MQTT-3.7.2-1", "PUBCOMP has one of its codes", func(t *T) {
		c := t.client("c")
		c.send(Message{Topic: t.topic("a"), QoS: 2, ID: 1}.encode(5))
		c.acked(typPubrec, 1)
		c.send(ack(0x62, 1))
		t.equal("code", c.acked(typPubcomp, 1), byte(0x00))
	}),
	v5("MQTT-3.7.2-1", "PUBCOMP for an unknown PUBREL has code 92", func(t *T) {
		c := t.client("c")
		c.send(ack(0x62, 77))
		t.equal("code", c.acked(typPubcomp, 77), byte(0x92))
		c.ping()
	}),
	v5("MQTT-3.7.2-2", "a reason string does not push a PUBCOMP over the client's limit", func(t *T) { bounded(t, typPubcomp, ack(0x62, 77)) }),
	v5("MQTT-3.7.2-3", "user properties do not push a PUBCOMP over the client's limit", func(t *T) { bounded(t, typPubcomp, ack(0x62, 77)) }),
}

// publishCodes publishes with and without subscribers, and to topics that a broker may or may not take.
func publishCodes(t *T, qos byte) {
	t.Helper()
	c := t.client("c")
	c.subscribe(t.topic("a"), 0)
	for _, topic := range []string{t.topic("a"), t.topic("b"), t.topic(strings.Repeat("x/", 40)), "$" + t.topic("c")} {
		if code := c.publish(Message{Topic: topic, QoS: qos}); !slices.Contains(pubackCodes, code) {
			t.Fatalf("publish to %q: got code %02X, want one of % X", topic, code, pubackCodes)
		}
	}
}

func refusedPublish(t *T, qos byte) {
	t.Helper()
	t.withConfig(func(s *Settings) { s.Forbid = true })
	c, s := t.client("c"), t.client("s")
	s.subscribe("+/"+t.root(), qos)
	t.equal("code", c.publish(Message{Topic: forbidden + t.root(), QoS: qos, Payload: "x", Retain: true}), byte(0x87))
	s.nothing(c)
	t.equal("code", c.publish(Message{Topic: t.topic("a"), QoS: qos}) < 0x80, true)
}

// boundedPublish has a PUBLISH refused; foreign brokers accept it and have less to say.
func boundedPublish(t *T, qos, typ byte) {
	t.Helper()
	t.wish(func(s *Settings) { s.Forbid = true })
	bounded(t, typ, Message{Topic: forbidden + t.root(), QoS: qos, ID: 1}.encode(5))
}

// bounded sends a packet as a client with a small Maximum Packet Size and measures the answer, which has to be of this type.
func bounded(t *T, typ byte, packet []byte) {
	t.Helper()
	c := t.client("c", p32(propMaximumPacketSize, tiny))
	c.send(packet)
	answer := c.next()
	c.parse(typ, answer)
	if len(answer.raw) > tiny {
		c.fatalf("got %v of %d bytes, want at most %d", answer, len(answer.raw), tiny)
	}
}
