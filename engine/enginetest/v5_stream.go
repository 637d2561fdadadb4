package enginetest

import (
	"slices"
	"strings"
)

// The byte stream: packets come in pieces, in heaps, and large.
var v5Stream = []Case{
	v5("stream", "packets come byte by byte", func(t *T) {
		c := t.dial()
		for _, packet := range [][]byte{
			Connect{Level: 5, ID: t.id("c")}.encode(), subscribe5(t.topic("a"), 1), Message{Topic: t.topic("a"), QoS: 1, ID: 1, Payload: "x"}.encode(5),
		} {
			for _, b := range packet {
				c.send(u8(b))
			}
		}
		c.takeConnack()
		t.bytes("codes", c.reply(typSuback).codes, []byte{1})
		c.acked(typPuback, 1)
		c.payloads(c, "x")
	}),
	v5("stream", "packets come all at once", func(t *T) {
		c := t.dial()
		c.send(
			Connect{Level: 5, ID: t.id("c")}.encode(), subscribe5(t.topic("a"), 0),
			Message{Topic: t.topic("b"), QoS: 1, ID: 1}.encode(5), Message{Topic: t.topic("b"), QoS: 2, ID: 2}.encode(5), ack(0x62, 2),
			unsubscribe(5, 3, t.topic("a")), packetOf(0xC0), packetOf(0xE0),
		)
		c.takeConnack()
		var types []byte
		for {
			p, err := c.read(patience)
			if isClosed(err) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			types = append(types, p.typ())
		}
		slices.Sort(types)
		t.bytes("types of the answers", types, []byte{typPuback, typPubrec, typPubcomp, typSuback, typUnsuback, typPingresp})
	}),
	v5("stream", "a large message arrives whole", func(t *T) {
		c := t.client("c")
		c.subscribe(t.topic("a"), 2)
		payload := strings.Repeat("0123456789abcdef", 50_000)
		for qos := range byte(3) {
			c.publish(Message{Topic: t.topic("a"), QoS: qos, Payload: payload})
			if got := c.receive().Payload; got != payload {
				t.Fatalf("QoS %d: got a payload of %d bytes, want %d of them, or others", qos, len(got), len(payload))
			}
		}
	}),
	v5("stream", "a packet cut off in the middle is not processed", func(t *T) {
		c, s := t.client("c"), t.client("s")
		s.subscribe(t.topic("a"), 0)
		packet := publish5(t.topic("a"), "whole")
		c.send(packet, packet[:len(packet)-1])
		c.cut()
		t.equal("payload", s.receive().Payload, "whole")
		s.nothing(s)
	}),
	v5("stream", "what comes before a malformed packet is processed", func(t *T) {
		c, s := t.client("c"), t.client("s")
		s.subscribe(t.topic("a"), 1)
		c.send(Message{Topic: t.topic("a"), QoS: 1, ID: 1, Payload: "before"}.encode(5), u8(0, 0), publish5(t.topic("a"), "behind"))
		c.acked(typPuback, 1)
		c.closed(0x81, 0x82)
		s.payloads(s, "before")
	}),
}
