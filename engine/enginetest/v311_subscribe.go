package enginetest

import (
	"fmt"
	"slices"
)

// Sections 3.8 and 3.9 of 3.1.1: SUBSCRIBE and SUBACK.
var v311Subscribe = []Case{
	v311("MQTT-3.8.1-1", "wrong flags of a SUBSCRIBE close", func(t *T) {
		for _, first := range []byte{0x80, 0x81, 0x83, 0x84, 0x86, 0x8A} {
			t.closes(packetOf(first, u16(1), filter(t.topic("a"), 0)))
		}
	}),
	v311("MQTT-3.8.3-1", "an ill-formed filter closes", func(t *T) {
		for _, s := range illFormed {
			t.closes(subscribe(4, 1, nil, filter(s, 0)))
		}
	}),
	v311("MQTT-3.8.3-1", "a filter beyond the packet's end, or without options, closes", func(t *T) {
		t.closes(packetOf(0x82, u16(1), u16(9), []byte("a"), u8(0)))
		t.closes(packetOf(0x82, u16(1), str(t.topic("a"))))
		t.closes(packetOf(0x82, u16(1), filter(t.topic("a"), 0), u8(0)))
	}),
	v311("MQTT-3.8.3-2", "a server without wildcards refuses a filter with one", func(t *T) {
		t.withConfig(func(s *Settings) { s.NoWildcards = true })
		c := t.connect(Connect{})
		codes := c.subscribeAll(nil, filter(t.topic("a/#"), 1), filter(t.topic("+"), 1), filter(t.topic("b"), 1))
		t.bytes("codes", codes, []byte{0x80, 0x80, 0x01})
	}),
	v311("MQTT-3.8.3-3", "a SUBSCRIBE without filter closes", func(t *T) {
		t.closes([]byte{0x82, 0x02, 0x00, 0x0A})
	}),
	v311("MQTT-3.8.3-4", "QoS 3 and reserved bits of the requested QoS close", func(t *T) {
		for _, options := range []byte{0x03, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x81} {
			t.closes(subscribe(4, 1, nil, filter(t.topic("a"), options)))
		}
		t.closes(subscribe(4, 1, nil, filter(t.topic("a"), 1), filter(t.topic("b"), 3)))
	}),
	v311("MQTT-3.8.4-1", "every SUBSCRIBE is answered", func(t *T) {
		c := t.connect(Connect{})
		for id := uint16(1); id <= 3; id++ { // twice the same filter, then another
			c.send(subscribe(4, id, nil, filter(t.topic(fmt.Sprint(id/3)), 0)))
			c.expect(0x90, 0x03, 0x00, byte(id), 0x00)
		}
	}),
	v311("MQTT-3.8.4-2", "SUBACK has the identifier of its SUBSCRIBE", func(t *T) {
		c := t.connect(Connect{})
		for _, id := range []uint16{0x1234, 1, 0xFFFF} {
			c.send(subscribe(4, id, nil, filter(t.topic("a"), 0)))
			c.expect(cat(u8(0x90, 0x03), u16(id), u8(0x00))...)
		}
	}),
	v311("MQTT-3.8.4-3", "subscribing again replaces the subscription without a gap", resubscribe),
	v311("MQTT-3.8.4-4", "several filters count as one after the other", manyFilters),
	v311("MQTT-3.8.4-5", "SUBACK has one code for each filter", func(t *T) {
		c := t.connect(Connect{})
		t.bytes("codes", c.subscribeAll(nil, filter(t.topic("a"), 2), filter(t.topic("b"), 0), filter(t.topic("a"), 1)), []byte{2, 0, 1})
	}),
	v311("MQTT-3.8.4-5", "the code of a forbidden filter is 80", func(t *T) {
		t.withConfig(func(s *Settings) { s.Forbid = true })
		c := t.connect(Connect{})
		t.bytes("codes", c.subscribeAll(nil, filter(t.topic("a"), 1), filter(forbidden+"x", 1), filter(t.topic("b"), 1)), []byte{1, 0x80, 1})
	}),
	v311("MQTT-3.8.4-6", "a message comes at the lower of its QoS and the granted one", deliveredQoS),
	v311("MQTT-3.9.3-1", "SUBACK codes stand in the order of the filters", func(t *T) {
		c := t.connect(Connect{})
		t.bytes("codes", c.subscribeAll(nil, filter(t.topic("a"), 2), filter(t.topic("b"), 0), filter(t.topic("c"), 1)), []byte{2, 0, 1})
	}),
	v311("MQTT-3.9.3-1", "SUBACK codes stand in the order of the filters, one of them forbidden", func(t *T) {
		t.withConfig(func(s *Settings) { s.Forbid = true })
		c := t.connect(Connect{})
		t.bytes("codes", c.subscribeAll(nil, filter(t.topic("a"), 0), filter(forbidden+"x", 2), filter(t.topic("b"), 2)), []byte{0, 0x80, 2})
	}),
	v311("MQTT-3.9.3-2", "a failure is code 80 whatever its cause", func(t *T) {
		t.withConfig(func(s *Settings) { s.Forbid, s.NoWildcards, s.NoShared = true, true, true })
		c := t.connect(Connect{})
		codes := c.subscribeAll(nil, filter(forbidden+"x", 0), filter(t.topic("+"), 1), filter(t.topic("a"), 2))
		t.bytes("codes", codes, []byte{0x80, 0x80, 2})
	}),
	v311("MQTT-3.9.3-2", "codes are 00 to 02 or 80", func(t *T) {
		c := t.connect(Connect{})
		for _, f := range []string{"a#", "a/#/b", "+a", "$share/g", "$share//x", "$share/g/" + t.root(), "$x/#", "/", "#/", "$"} {
			c.send(subscribe(4, 1, nil, filter(f, 1)))
			c.send(packetOf(0xC0))
			p, err := c.read(patience)
			if err != nil && isClosed(err) {
				c = t.connect(Connect{})
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			if r := c.parse(typSuback, p); len(r.codes) != 1 || r.codes[0] > 2 && r.codes[0] != 0x80 {
				t.Fatalf("subscribe %q: got %v, want one code of 00 01 02 80", f, p)
			}
			c.await(typPingresp)
		}
	}),
}

// resubscribe subscribes at QoS 0 and then at 1 while messages come all the time.
func resubscribe(t *T) {
	s, p := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("p")})
	p.publish(Message{Topic: t.topic("a"), Payload: "kept", QoS: 1, Retain: true})
	s.subscribe(t.topic("a"), 0)
	t.equal("payload of the retained message", s.receive().Payload, "kept")
	var want []string
	for i := range 60 {
		switch i {
		case 20: // the answer comes somewhere among the messages
			s.send(subscribe(t.version, 99, nil, filter(t.topic("a"), 1)))
		case 59: // before the last of them at the latest
			s.await(typSuback)
		}
		want = append(want, fmt.Sprint(i))
		p.publish(Message{Topic: t.topic("a"), Payload: fmt.Sprint(i), QoS: 1})
	}
	var got []string
	retained, last := 0, byte(0)
	for len(got) < len(want) {
		m := s.receive()
		if m.Retain {
			retained++
			t.equal("payload of the retained message", m.Payload, "kept")
			continue
		}
		got, last = append(got, m.Payload), m.QoS
	}
	if !slices.Equal(got, want) {
		t.Fatalf("payloads: got %q, want %q", got, want)
	}
	t.equal("retained messages after the second SUBSCRIBE", retained, 1)
	t.equal("QoS of the last message", last, byte(1))
	s.nothing(p)
}

func manyFilters(t *T) {
	c := t.connect(Connect{})
	// The second entry for a replaces the first.
	codes := c.subscribeAll(nil, filter(t.topic("a"), 0), filter(t.topic("b"), 1), filter(t.topic("c"), 2), filter(t.topic("a"), 1))
	t.bytes("codes", codes, []byte{0, 1, 2, 1})
	c.ping() // one SUBACK only
	for i, want := range []byte{1, 1, 2} {
		c.publish(Message{Topic: t.topic(string("abc"[i])), QoS: 2})
		t.equal("QoS on "+string("abc"[i]), c.receive().QoS, want)
	}
	c.nothing(c)
}

func deliveredQoS(t *T) {
	for granted := byte(0); granted <= 2; granted++ {
		c := t.connect(Connect{})
		c.subscribe(t.topic("a"), granted)
		for qos := byte(0); qos <= 2; qos++ {
			c.publish(Message{Topic: t.topic("a"), QoS: qos})
			t.equal(fmt.Sprintf("QoS %d published, %d granted: QoS delivered", qos, granted), c.receive().QoS, min(qos, granted))
		}
		c.nothing(c)
	}
}
