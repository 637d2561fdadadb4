package enginetest

import (
	"fmt"
	"slices"
)

// Sections 3.8 and 3.9: SUBSCRIBE and SUBACK.
var v5Subscribe = []Case{
	v5("MQTT-3.8.1-1", "a SUBSCRIBE with other flags is malformed", func(t *T) {
		for _, first := range []byte{0x80, 0x81, 0x83, 0x8A} {
			t.closes(append([]byte{first}, subscribe5("a", 0)[1:]...), 0x81)
		}
	}),
	v5("MQTT-3.8.3-1", "a filter that is not UTF-8 is malformed", func(t *T) {
		t.closes(subscribe5("\xFF", 0), 0x81)
		t.closes(subscribe(5, 1, nil, filter("a", 0), filter("\xC0\x80", 0)), 0x81)
	}),
	v5("MQTT-3.8.3-2", "a SUBSCRIBE without filters ends the connection", func(t *T) {
		t.closes(subscribe(5, 10, nil), 0x82, 0x81)
	}),
	v5("MQTT-3.8.3-3", "No Local keeps a client's own messages off", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 2|noLocal)
		for qos := range byte(3) {
			c.publish(Message{Topic: t.topic("a"), QoS: qos, Payload: "own"})
			p.publish(Message{Topic: t.topic("a"), QoS: qos, Payload: "other"})
			c.payloads(p, "other")
			c.nothing(c)
		}
	}),
	v5("MQTT-3.8.3-3", "No Local goes by the client identifier, not by the connection", func(t *T) {
		c := t.session("c")
		c.subscribe(t.topic("a"), 1|noLocal)
		c = t.session("c")
		c.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "own"})
		c.nothing(c)
	}),
	v5("MQTT-3.8.3-4", "No Local on a shared subscription ends the connection", func(t *T) {
		t.closes(subscribe5("$share/g/a", noLocal), 0x82)
		t.closes(subscribe(5, 1, nil, filter("a", noLocal), filter("$share/g/a", 1|noLocal)), 0x82)
	}),
	v5("MQTT-3.8.3-5", "reserved option bits are malformed", func(t *T) {
		for _, options := range []byte{0x40, 0x80, 0xC0, 0x41} {
			t.closes(subscribe5("a", options), 0x81)
		}
	}),
	v5("MQTT-3.8.4-1", "SUBSCRIBE is answered by SUBACK", func(t *T) {
		c := t.client("c")
		c.send(subscribe5(t.topic("a"), 0))
		t.equal("first byte", c.next().first, byte(0x90))
	}),
	v5("MQTT-3.8.4-2", "SUBACK has the identifier of its SUBSCRIBE", func(t *T) {
		c := t.client("c")
		for _, id := range []uint16{1, 0x1234, 0xFFFF} {
			c.send(subscribe(5, id, nil, filter(t.topic("a"), 0)))
			t.equal("identifier", c.reply(typSuback).id, id)
		}
	}),
	v5("MQTT-3.8.4-3", "an equal filter replaces the subscription", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 0, pVar(propSubscriptionID, 1))
		c.subscribe(t.topic("a"), 1, pVar(propSubscriptionID, 2))
		p.publish(Message{Topic: t.topic("a"), QoS: 2, Payload: "x"})
		list := c.messages(p)
		t.equal("number of copies", len(list), 1)
		t.equal("QoS", list[0].QoS, byte(1))
		t.equal("identifiers", list[0].subscriptionIDs(), []uint32{2})
	}),
	v5("MQTT-3.8.4-3", "a replacement without identifier has none", func(t *T) {
		c := t.client("c")
		c.subscribe(t.topic("a"), 0, pVar(propSubscriptionID, 1))
		c.subscribe(t.topic("a"), 0)
		c.publish(Message{Topic: t.topic("a")})
		t.without(c.receive().props, propSubscriptionID)
	}),
	v5("MQTT-3.8.4-3", "a replacement has its own options", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("a"), 1|noLocal|retainAsPublished)
		c.subscribe(t.topic("a"), 1)
		c.publish(Message{Topic: t.topic("a"), Payload: "own"})
		t.equal("payload", c.receive().Payload, "own")
		p.retain(Message{Topic: t.topic("a"), Payload: "x"})
		t.equal("RETAIN", c.receive().Retain, false)
	}),
	v5("MQTT-3.8.4-4", "a replacement with Retain Handling 0 brings retained messages and loses none", func(t *T) {
		c, p, kept := t.client("c"), t.client("p"), t.topic("a/kept")
		p.retain(Message{Topic: kept, Payload: "kept"})
		c.subscribe(t.topic("a/#"), 1)
		t.equal("payload", c.receive().Payload, "kept")
		const n = 40
		for i := range n { // a replacement is under way while each of these is published
			c.send(subscribe(5, 1000+uint16(i), nil, filter(t.topic("a/#"), 1)))
			p.publish(Message{Topic: t.topic("a/live"), QoS: 1, Payload: fmt.Sprint(i)})
			c.await(typSuback)
		}
		var live []string
		again := 0
		for _, m := range c.messages(p) {
			if m.Topic == kept {
				again++
			} else {
				live = append(live, m.Payload)
			}
		}
		t.equal("retained messages again", again, n)
		t.equal("live messages", len(live), n)
	}),
	v5("MQTT-3.8.4-5", "several filters are handled as several packets, with one answer", func(t *T) {
		c, p := t.client("c"), t.client("p")
		codes := c.subscribeAll(nil, filter(t.topic("a"), 0), filter(t.topic("b"), 1), filter(t.topic("c"), 2))
		t.bytes("codes", codes, []byte{0, 1, 2})
		for _, topic := range []string{"a", "b", "c"} {
			p.publish(Message{Topic: t.topic(topic), QoS: 1, Payload: topic})
		}
		c.payloads(p, "a", "b", "c")
	}),
	v5("MQTT-3.8.4-5", "of equal filters in one packet the last one counts", func(t *T) {
		c := t.client("c")
		t.bytes("codes", c.subscribeAll(nil, filter(t.topic("a"), 2), filter(t.topic("a"), 0)), []byte{2, 0})
		c.publish(Message{Topic: t.topic("a"), QoS: 2})
		t.equal("QoS", c.receive().QoS, byte(0))
	}),
	v5("MQTT-3.8.4-6", "SUBACK has a code for each filter", func(t *T) {
		c := t.client("c")
		var filters [][]byte
		for i := range 300 {
			filters = append(filters, filter(t.topic(fmt.Sprint(i)), byte(i%3)))
		}
		t.equal("number of codes", len(c.subscribeAll(nil, filters...)), 300)
	}),
	v5("MQTT-3.8.4-7", "SUBACK grants a QoS or tells a failure", func(t *T) {
		c := t.client("c")
		for requested := range byte(3) {
			if code := c.subscribe(t.topic("a"), requested); code > requested {
				t.Fatalf("requested QoS %d: got code %02X, want at most the requested QoS", requested, code)
			}
		}
	}),
	v5("MQTT-3.8.4-8", "messages come at the lower of their QoS and the granted one", func(t *T) {
		c, p := t.client("c"), t.client("p")
		for granted := range byte(3) {
			c.subscribe(t.topic("a"), granted)
			for published := range byte(3) {
				p.publish(Message{Topic: t.topic("a"), QoS: published})
				t.equal("QoS", c.receive().QoS, min(published, granted))
			}
		}
	}),
	v5("MQTT-3.9.2-1", "a reason string does not push a SUBACK over the client's limit", func(t *T) { boundedSubscribe(t) }),
	v5("MQTT-3.9.2-2", "user properties do not push a SUBACK over the client's limit", func(t *T) { boundedSubscribe(t) }),
	v5("MQTT-3.9.3-1", "SUBACK codes stand in the order of the filters", func(t *T) {
		c := t.client("c")
		codes := c.subscribeAll(nil, filter(t.topic("a"), 1), filter(t.topic("b"), 0), filter(t.topic("c"), 2), filter(t.topic("d"), 0))
		t.bytes("codes", codes, []byte{1, 0, 2, 0})
	}),
	v5("MQTT-3.9.3-1", "a forbidden filter is refused in its place", func(t *T) {
		t.withConfig(func(s *Settings) { s.Forbid = true })
		c := t.client("c")
		codes := c.subscribeAll(nil, filter(t.topic("a"), 0), filter(forbidden+"b", 1), filter(t.topic("c"), 2))
		t.bytes("codes", codes, []byte{0x00, 0x87, 0x02})
	}),
	v5("MQTT-3.9.3-2", "SUBACK has the codes of SUBSCRIBE", func(t *T) {
		for _, f := range []string{"a#", "+a", "$share/g", "$share//a", t.topic("a"), "$share/g/" + t.topic("a"), "$SYS/#"} {
			c := t.client("c")
			c.send(subscribe5(f, 1))
			p, err := c.read(patience)
			if err == nil && p.typ() == typSuback {
				code := c.parse(typSuback, p).codes[0]
				t.equal(fmt.Sprintf("%q: code %02X is in the list", f, code), slices.Contains(subackCodes, code), true)
			}
		}
	}),
}

func boundedSubscribe(t *T) {
	t.Helper()
	t.wish(func(s *Settings) { s.Forbid = true })
	bounded(t, typSuback, subscribe5(forbidden+t.root(), 1))
}
