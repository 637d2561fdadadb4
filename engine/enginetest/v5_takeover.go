package enginetest

import "fmt"

// Takeover: the same client identifier comes again while it is connected.
var v5Takeover = []Case{
	v5("assigned", "an assigned identifier is taken over like any other", func(t *T) {
		a := t.connect(Connect{NoID: true})
		b := t.connect(Connect{ID: t.value(a.connack.props, propAssignedClientID)})
		a.told(0x8E)
		b.ping()
	}),
	v5("assigned", "a client that names itself is assigned nothing", func(t *T) {
		t.without(t.client("c").connack.props, propAssignedClientID)
	}),
	v5("takeover", "the session moves with its subscriptions, its queue and its open exchanges", func(t *T) {
		old, p := t.session("c", p16(propReceiveMaximum, 2)), t.client("p")
		old.subscribe(t.topic("a"), 2)
		for i := range 5 {
			p.publish(Message{Topic: t.topic("a"), QoS: byte(1 + i%2), Payload: fmt.Sprint(i)})
		}
		first, second := old.take(), old.take()
		old.send(ack(0x50, second.ID))
		old.acked(typPubrel, second.ID)
		c := t.session("c")
		old.told(0x8E)
		c.acked(typPubrel, second.ID) // before or behind the other
		first.Dup = true
		t.equal("message", c.take(), first)
		c.send(ack(0x40, first.ID), ack(0x70, second.ID))
		c.payloads(p, "2", "3", "4")
	}),
	v5("takeover", "nothing is lost or doubled by takeovers under load", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		var got []string
		seen := map[string]bool{}
		const n = 60
		for i := range n {
			p.publish(Message{Topic: t.topic("a"), QoS: 2, Payload: fmt.Sprint(i)})
			if i%10 == 5 {
				c = t.session("c") // with some messages unread
			}
		}
		for _, m := range c.messages(p) {
			if !seen[m.Payload] {
				got = append(got, m.Payload)
			}
			seen[m.Payload] = true
		}
		t.equal("number of messages", len(got), n)
		for i, payload := range got {
			t.equal("payload", payload, fmt.Sprint(i))
		}
	}),
	v5("takeover", "a client of 3.1.1 takes over from one of 5.0, and the reverse", func(t *T) {
		a := t.client("c")
		b := t.connect(Connect{ID: t.id("c"), Level: 4})
		a.told(0x8E)
		c := t.client("c")
		b.closed()
		c.ping()
	}),
	v5("takeover", "the older connection is closed before the new one is confirmed", func(t *T) {
		for range 5 {
			old := t.client("c")
			c := t.dial()
			c.send(Connect{Level: 5, ID: t.id("c")}.encode(), publish5(t.topic("a"), "x"))
			c.takeConnack()
			old.told(0x8E)
			c.ping()
		}
	}),
	v5("takeover", "of many connections at once one remains", func(t *T) {
		for i := range 4 {
			crowd(t, Connect{Level: 5, ID: t.id(fmt.Sprint(i))})
		}
	}),
	v5("takeover", "of many connections to one session at once one remains", func(t *T) {
		for i := range 4 {
			connect := sessionOf(t, fmt.Sprint(i))
			connect.Level = 5
			crowd(t, connect)
		}
	}),
}

// crowd sends the same CONNECT on many connections and shows that all are accepted and one remains.
func crowd(t *T, connect Connect) {
	t.Helper()
	var list []*conn
	for range 20 {
		c := t.dial()
		c.send(connect.encode())
		list = append(list, c)
	}
	for _, c := range list {
		t.equal("code", c.takeConnack().code, byte(0))
	}
	alive := 0
	for _, c := range list {
		c.send(packetOf(0xC0))
		if p, err := c.read(patience); err == nil && p.typ() == typPingresp {
			alive++
		} else if err == nil {
			t.equal("code", c.parse(typDisconnect, p).code, byte(0x8E))
			c.closed()
		}
	}
	t.equal("connections that serve", alive, 1)
}
