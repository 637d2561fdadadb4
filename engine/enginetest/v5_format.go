package enginetest

import (
	"slices"
	"strings"
)

// Sections 1 and 2: data types, packet identifiers, properties.
var v5Format = []Case{
	v5("MQTT-1.5.4-1", "ill-formed UTF-8 is malformed", func(t *T) {
		for _, s := range []string{"\xED\xA0\x80", "\xED\xBF\xBF", "\xC0\xAF", "\xFF", "\xE2\x82", "\xF4\x90\x80\x80"} {
			t.closes(publish5("a/"+s, ""), 0x81)
			t.closes(subscribe5("a/"+s, 0), 0x81)
		}
	}),
	v5("MQTT-1.5.4-2", "U+0000 in a string is malformed", func(t *T) {
		t.refuses(Connect{Level: 5, ID: "a\x00b"}.encode(), 0x81, 0x85)
		t.closes(publish5("a\x00b", ""), 0x81)
		t.closes(subscribe5("a\x00b", 0), 0x81)
		t.closes(publish5("a", "", pUser("n", "a\x00b")), 0x81)
		t.closes(publish5("a", "", pUser("a\x00b", "v")), 0x81)
		t.closes(publish5("a", "", pStr(propContentType, "\x00")), 0x81)
	}),
	v5("MQTT-1.5.4-3", "U+FEFF is a character like others", func(t *T) {
		c := t.client("c")
		plain, marked := t.topic("a"), "\uFEFF"+t.topic("a")
		c.subscribe(plain, 0)
		c.subscribe(marked, 0)
		c.publish(Message{Topic: marked, Payload: "1"})
		list := c.messages(c)
		t.equal("number of copies", len(list), 1)
		t.equal("topic", list[0].Topic, marked)
	}),
	v5("MQTT-1.5.5-1", "lengths are written in the fewest bytes", func(t *T) {
		c := t.client("c")
		topic := t.topic("a")
		c.subscribe(topic, 0)
		head := len(str(topic)) + 1
		for _, n := range []int{127, 128, 16383, 16384} { // the reader checks the form of every length
			m := Message{Topic: topic, Payload: strings.Repeat("x", n-head)}
			c.send(m.encode(5))
			t.bytes("delivery", c.next().raw, m.encode(5))
		}
	}),
	v5("MQTT-1.5.5-1", "a property length in more bytes than needed is malformed", func(t *T) {
		t.closes(packetOf(0x30, str("a"), u8(0x80, 0x00)), 0x81)
	}),
	v5("MQTT-1.5.7-1", "both strings of a pair are UTF-8", func(t *T) {
		t.closes(publish5("a", "", pUser("\xFF", "v")), 0x81)
		t.closes(publish5("a", "", pUser("n", "\xFF")), 0x81)
	}),
	v5("MQTT-2.1.3-1", "wrong reserved flags of a request are malformed", func(t *T) {
		t.refuses(append([]byte{0x11}, Connect{Level: 5, ID: t.id("c")}.encode()[1:]...), 0x81)
		for _, packet := range [][]byte{
			append([]byte{0x80}, subscribe5("a", 0)[1:]...), append([]byte{0x83}, subscribe5("a", 0)[1:]...),
			append([]byte{0xA0}, unsubscribe(5, 1, "a")[1:]...), packetOf(0xC1), packetOf(0xE8), packetOf(0xF1),
		} {
			t.closes(packet, 0x81)
		}
	}),
	v5("MQTT-2.1.3-1", "wrong reserved flags of an acknowledgement are malformed", func(t *T) {
		for _, packet := range [][]byte{ack(0x60, 1), ack(0x6A, 1), ack(0x41, 1), ack(0x52, 1), ack(0x74, 1)} {
			t.closes(packet, 0x81)
		}
	}),
	v5("MQTT-2.1.3-1", "the server sends the listed flags", func(t *T) {
		c := t.dial()
		first := func(want byte, sent []byte) {
			t.Helper()
			c.send(sent)
			t.equal("first byte", c.await(want&0xF0).first, want)
		}
		first(0x20, Connect{Level: 5, ID: t.id("c")}.encode())
		first(0x90, subscribe5(t.topic("a"), 2))
		first(0x40, Message{Topic: t.topic("b"), QoS: 1, ID: 1}.encode(5))
		first(0x50, Message{Topic: t.topic("a"), QoS: 2, ID: 2}.encode(5))
		first(0x70, ack(0x62, 2))
		first(0xB0, unsubscribe(5, 3, t.topic("b")))
		first(0xD0, packetOf(0xC0))
		m := c.take()
		first(0x62, ack(0x50, m.ID))
		c.greeted = true
		c.send(ack(0x70, m.ID), subscribe(5, 0, nil))
		c.told(0x81, 0x82) // by a first byte of E0
	}),
	v5("MQTT-2.2.1-2", "a QoS 0 PUBLISH has no packet identifier", func(t *T) {
		c := t.client("c")
		c.subscribe(t.topic("a"), 2)
		c.send(publish5(t.topic("a"), "x"))
		t.bytes("delivery", c.next().raw, packetOf(0x30, str(t.topic("a")), u8(0), []byte("x")))
	}),
	v5("MQTT-2.2.1-3", "packet identifier 0 is refused", func(t *T) {
		t.closes(subscribe(5, 0, nil, filter("a", 0)), 0x81, 0x82)
		t.closes(unsubscribe(5, 0, "a"), 0x81, 0x82)
		t.closes(Message{Topic: "a", QoS: 1}.encode(5), 0x81, 0x82)
		t.closes(Message{Topic: "a", QoS: 2}.encode(5), 0x81, 0x82)
	}),
	v5("MQTT-2.2.1-4", "open deliveries have distinct identifiers, none of them 0", func(t *T) {
		openIDs(t, 1)
	}),
	v5("MQTT-2.2.1-5", "acknowledgements repeat the identifier of the PUBLISH", func(t *T) {
		c := t.client("c")
		c.publish(Message{Topic: t.topic("a"), QoS: 1, ID: 0x1234})
		c.publish(Message{Topic: t.topic("a"), QoS: 2, ID: 0x1235})
		c.subscribe(t.topic("b"), 2)
		p := t.client("p")
		p.publish(Message{Topic: t.topic("b"), QoS: 2, ID: 0xFFFF})
		c.receive() // checks the identifier of the PUBREL
	}),
	v5("MQTT-2.2.1-6", "SUBACK and UNSUBACK repeat the identifier of the request", func(t *T) {
		c := t.client("c")
		c.send(subscribe(5, 10, nil, filter(t.topic("a"), 0)), unsubscribe(5, 11, t.topic("a")))
		t.equal("identifier of the SUBACK", c.reply(typSuback).id, uint16(10))
		t.equal("identifier of the UNSUBACK", c.reply(typUnsuback).id, uint16(11))
	}),
	v5("MQTT-2.2.2-1", "an empty set of properties is a length of 0", func(t *T) {
		c := t.client("c")
		c.send(subscribe(5, 1, nil, filter(t.topic("a"), 1)))
		c.expect(0x90, 0x04, 0x00, 0x01, 0x00, 0x01)
		c.publish(Message{Topic: t.topic("a"), QoS: 1})
		m := c.next()
		t.bytes("delivery", m.body[len(m.body)-1:], []byte{0x00})
		c.send(unsubscribe(5, 2, t.topic("a")))
		c.expect(0xB0, 0x04, 0x00, 0x02, 0x00, 0x00)
	}),
	v5("MQTT-2.2.2-1", "a CONNECT without property length is refused", func(t *T) {
		t.refuses(packetOf(0x10, str("MQTT"), u8(5, 0x02), u16(0), str(t.id("c"))), 0x81)
	}),
	v5("MQTT-2.2.2-1", "other packets without property length are refused", func(t *T) {
		t.closes(packetOf(0x30, str("a")), 0x81)
		t.closes(packetOf(0x82, u16(1)), 0x81, 0x82)
		t.closes(packetOf(0xA2, u16(1)), 0x81, 0x82)
	}),
}

// openIDs holds the acknowledgements of ten deliveries back and looks at their identifiers.
func openIDs(t *T, qos byte) {
	t.Helper()
	c, p := t.client("c"), t.client("p")
	c.subscribe(t.topic("a"), qos)
	var ids []uint16
	for range 10 {
		p.publish(Message{Topic: t.topic("a"), QoS: qos})
		m := c.take() // the reader refuses 0
		t.equal("QoS", m.QoS, qos)
		if slices.Contains(ids, m.ID) {
			t.Fatalf("got identifier %d again, want one that is not in use; in use: %v", m.ID, ids)
		}
		ids = append(ids, m.ID)
	}
}
