package enginetest

import (
	"fmt"
	"slices"
)

// anyCodes are the reason codes of all packets, and some that none has.
var anyCodes = slices.Concat([]byte{0x00, 0x01, 0x02, 0x03, 0x04, 0x10, 0x11, 0x12, 0x18, 0x19, 0x1A, 0x7F}, codes(0x80, 0xA3), []byte{0xFF})

// codes are the codes from first to last.
func codes(first, last byte) (list []byte) {
	for code := first; code <= last; code++ {
		list = append(list, code)
	}
	return list
}

// clientCodes are the reason codes of a DISCONNECT from the client.
var clientCodes = slices.Concat([]byte{0x00, 0x04}, codes(0x80, 0x83), []byte{0x90}, codes(0x93, 0x99))

// v5Codes tries every reason code in the packets a client sends.
var v5Codes = []Case{
	v5("codes", "every code of PUBACK is taken", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 1)
		for _, code := range pubackCodes {
			p.publish(Message{Topic: t.topic("a"), QoS: 1})
			c.send(ackWith(0x40, c.take().ID, code, pStr(propReasonString, "why"), pUser("n", "v")))
		}
		c.ping()
	}),
	v5("codes", "every code of PUBREC is taken", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		for _, code := range pubackCodes {
			p.publish(Message{Topic: t.topic("a"), QoS: 2})
			m := c.take()
			c.send(ackWith(0x50, m.ID, code, pStr(propReasonString, "why"), pUser("n", "v")))
			if code < 0x80 {
				t.equal("identifier of the PUBREL", c.reply(typPubrel).id, m.ID)
				c.send(ack(0x70, m.ID))
			}
		}
		c.ping()
	}),
	v5("codes", "every code of PUBREL and PUBCOMP is taken", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		for _, code := range pubrelCodes {
			p.publish(Message{Topic: t.topic("a"), QoS: 2})
			m := c.take()
			c.send(ack(0x50, m.ID))
			c.reply(typPubrel)
			c.send(ackWith(0x70, m.ID, code))
			c.send(Message{Topic: t.topic("b"), QoS: 2, ID: 1}.encode(5))
			c.acked(typPubrec, 1)
			c.send(ackWith(0x62, 1, code))
			c.acked(typPubcomp, 1)
		}
		c.ping()
	}),
	v5("codes", "a code without properties is taken", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		p.publish(Message{Topic: t.topic("a"), QoS: 1})
		c.send(packetOf(0x40, u16(c.take().ID), u8(0x00)))
		p.publish(Message{Topic: t.topic("a"), QoS: 2})
		m := c.take()
		c.send(packetOf(0x50, u16(m.ID), u8(0x00)))
		t.equal("identifier of the PUBREL", c.reply(typPubrel).id, m.ID)
		c.send(packetOf(0x70, u16(m.ID), u8(0x00)))
		c.ping()
	}),
	v5("codes", "other codes of PUBACK end the connection", func(t *T) { otherCodes(t, pubackCodes, 0x40) }),
	v5("codes", "other codes of PUBREC end the connection", func(t *T) { otherCodes(t, pubackCodes, 0x50) }),
	v5("codes", "other codes of PUBREL end the connection", func(t *T) { otherCodes(t, pubrelCodes, 0x62) }),
	v5("codes", "other codes of PUBCOMP end the connection", func(t *T) { otherCodes(t, pubrelCodes, 0x70) }),
	v5("codes", "every code of a client's DISCONNECT is taken without an answer", func(t *T) {
		for _, code := range clientCodes {
			c := t.client("c")
			c.send(disconnectWith(code, pStr(propReasonString, "why"), pUser("n", "v")))
			c.closed()
		}
	}),
	v5("codes", "other codes of a client's DISCONNECT are errors", func(t *T) {
		for _, code := range anyCodes {
			if !slices.Contains(clientCodes, code) {
				c := t.client("c")
				c.send(disconnectWith(code))
				c.told(0x81, 0x82)
			}
		}
	}),
	v5("codes", "a client's DISCONNECT publishes the will unless its code is 00", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		for _, code := range clientCodes {
			c := t.withWill("c", 0, 0)
			c.send(disconnectWith(code))
			c.closed()
			if code != 0 {
				t.equal(fmt.Sprintf("payload after code %02X", code), w.receive().Payload, "gone")
			}
		}
		w.nothing(w)
	}),
}

func otherCodes(t *T, legal []byte, first byte) {
	t.Helper()
	for _, code := range anyCodes {
		if !slices.Contains(legal, code) {
			c := t.client("c")
			c.send(ackWith(first, 1, code))
			c.told(0x81, 0x82)
		}
	}
}
