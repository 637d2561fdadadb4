package enginetest

import (
	"fmt"
	"slices"
	"time"
)

// Section 4.8.2: shared subscriptions.
var v5Shared = []Case{
	v5("MQTT-4.8.2-1", "a share name has a character at least", func(t *T) {
		refusedFilters(t, "$share//t", "$share//", "$share///t")
		c := t.client("c")
		c.subscribe("$share/g/"+t.topic("a"), 0)
		c.subscribe("$share/\u00E9 !/"+t.topic("a"), 0)
	}),
	v5("MQTT-4.8.2-2", "a share name has no wildcard and is followed by a filter", func(t *T) {
		refusedFilters(t, "$share/g", "$share/g/", "$share/g+/t", "$share/+/t", "$share/#/t", "$share/g#/t", "$share/#", "$share/g/a#")
	}),
	v5("MQTT-4.8.2-2", "the filter behind the share name may begin with a slash", func(t *T) {
		c := t.client("c")
		c.subscribe("$share/g//"+t.root(), 0)
		c.publish(Message{Topic: t.root(), Payload: "without"})
		c.publish(Message{Topic: "/" + t.root(), Payload: "with"})
		c.payloads(c, "with")
	}),
	v5("MQTT-4.8.2-3", "each member gets its own QoS at most", func(t *T) {
		g := t.members(0, 1)
		for range 6 {
			g.p.publish(Message{Topic: t.topic("a"), QoS: 2})
		}
		for granted, list := range g.messages() {
			for _, m := range list {
				t.equal("QoS", m.QoS, byte(granted))
			}
		}
	}),
	v5("MQTT-4.8.2-4", "an interrupted QoS 2 delivery is completed to the same client", func(t *T) {
		g, m := interrupted(t, 60)
		g.c[1].nothing(g.p)
		c := t.session("m0")
		t.equal("identifier of the PUBREL", c.reply(typPubrel).id, m.ID)
		c.send(ack(0x70, m.ID))
		c.ping()
		g.c[1].nothing(g.p)
	}),
	v5("MQTT-4.8.2-4", "a QoS 2 PUBLISH without PUBREC is sent to the same client again", func(t *T) {
		g := t.members(2)
		g.p.publish(Message{Topic: t.topic("a"), QoS: 2, Payload: "x"})
		m := g.c[0].take()
		g.join(2)
		g.c[0].disconnect()
		g.c[1].nothing(g.p)
		c := t.session("m0")
		m.Dup = true
		t.equal("message", c.take(), m)
	}),
	v5("MQTT-4.8.2-5", "an interrupted QoS 2 message goes to nobody else when the session ends", func(t *T) {
		g, _ := interrupted(t, 1)
		elapse(2500 * time.Millisecond)
		g.c[1].nothing(g.p)
		t.equal("Session Present", t.session("m0").connack.flags, byte(0))
		g.c[1].nothing(g.p)
	}),
	v5("MQTT-4.8.2-6", "a message refused by its member is offered to nobody else", func(t *T) {
		for _, qos := range []byte{1, 2} {
			g := t.members(2)
			g.p.publish(Message{Topic: t.topic("a"), QoS: qos})
			m := g.c[0].take()
			g.join(2)
			g.c[0].send(ackWith(map[byte]byte{1: 0x40, 2: 0x50}[qos], m.ID, 0x80))
			g.c[0].ping()
			g.c[1].nothing(g.p)
			g.c[0].disconnect()
			g.c[1].nothing(g.p)
			g.end()
		}
	}),
	v5("shared", "each message goes to one member", func(t *T) {
		g := t.members(0, 1, 2)
		var want []string
		for i := range 12 {
			g.p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: fmt.Sprintf("%02d", i)})
			want = append(want, fmt.Sprintf("%02d", i))
		}
		t.equal("payloads over all members", g.payloads(), want)
	}),
	v5("shared", "members take turns", func(t *T) {
		if t.hall.foreign {
			t.na("may choose as it likes")
		}
		g := t.members(1, 1, 1)
		for range 12 {
			g.p.publish(Message{Topic: t.topic("a"), QoS: 1})
		}
		for i, list := range g.messages() {
			t.equal(fmt.Sprintf("number of messages for member %d", i), len(list), 4)
		}
	}),
	v5("shared", "messages go to members that are online", func(t *T) {
		if t.hall.foreign {
			t.na("may choose as it likes")
		}
		g := t.members(1, 1)
		g.c[0].disconnect()
		for i := range 4 {
			g.p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: fmt.Sprint(i)})
		}
		g.c[1].payloads(g.p, "0", "1", "2", "3")
	}),
	v5("shared", "messages wait for a member when nobody is online", func(t *T) {
		g := t.members(1)
		g.c[0].disconnect()
		g.p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "x"})
		t.session("m0").payloads(g.p, "x")
	}),
	v5("shared", "an unacknowledged QoS 1 message goes to another member when the session ends", func(t *T) {
		g := t.members(1)
		g.p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "x"})
		g.c[0].take()
		g.join(1)
		g.c[0].send(disconnectWith(0, expires(0)))
		t.equal("payload", g.c[1].receive().Payload, "x")
	}),
	v5("shared", "what waits for a member goes to another when the session ends", func(t *T) {
		if t.hall.foreign {
			t.na("may drop it")
		}
		g := t.members(2)
		g.c[0].disconnect()
		g.p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "1"})
		g.p.publish(Message{Topic: t.topic("a"), QoS: 2, Payload: "2"})
		g.join(2)
		t.client("m0")
		g.c[1].payloads(g.p, "1", "2")
	}),
	v5("shared", "groups of different names each get a copy", func(t *T) {
		a, b, p := t.client("a"), t.client("b"), t.client("p")
		a.subscribe("$share/a/"+t.topic("a"), 1)
		b.subscribe("$share/b/"+t.topic("a"), 1)
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "x"})
		a.payloads(p, "x")
		b.payloads(p, "x")
	}),
	v5("shared", "groups of different filters each get a copy", func(t *T) {
		a, b, p := t.client("a"), t.client("b"), t.client("p")
		a.subscribe("$share/g/"+t.topic("a"), 1)
		b.subscribe("$share/g/"+t.topic("+"), 1)
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "x"})
		a.payloads(p, "x")
		b.payloads(p, "x")
	}),
	v5("shared", "a shared and a plain subscription of one client count separately", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe("$share/g/"+t.topic("a"), 1)
		c.subscribe(t.topic("a"), 1)
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "x"})
		c.payloads(p, "x", "x")
	}),
	v5("shared", "a second SUBSCRIBE to the group replaces the first", func(t *T) {
		c, p := t.client("c"), t.client("p")
		c.subscribe("$share/g/"+t.topic("a"), 0, pVar(propSubscriptionID, 1))
		c.subscribe("$share/g/"+t.topic("a"), 1, pVar(propSubscriptionID, 2))
		p.publish(Message{Topic: t.topic("a"), QoS: 1})
		list := c.messages(p)
		t.equal("number of copies", len(list), 1)
		t.equal("QoS", list[0].QoS, byte(1))
		t.equal("identifiers", list[0].subscriptionIDs(), []uint32{2})
	}),
	v5("shared", "a member leaves by UNSUBSCRIBE with the whole filter", func(t *T) {
		g := t.members(1, 1)
		t.bytes("codes", g.c[0].unsubscribe(t.topic("a"), "$share/other/"+t.topic("a")), []byte{0x11, 0x11})
		t.bytes("codes", g.c[0].unsubscribe("$share/g/"+t.topic("a")), []byte{0x00})
		for range 4 {
			g.p.publish(Message{Topic: t.topic("a"), QoS: 1})
		}
		g.c[0].nothing(g.p)
		t.equal("number of messages for the other", len(g.c[1].messages(g.p)), 4)
	}),
	v5("shared", "a member leaves when its session ends", func(t *T) {
		g := t.members(1, 1)
		g.c[0].send(disconnectWith(0, expires(0)))
		g.c[0].closed()
		for i := range 4 {
			g.p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: fmt.Sprint(i)})
		}
		g.c[1].payloads(g.p, "0", "1", "2", "3")
	}),
	v5("shared", "a shared subscription gets no retained messages", func(t *T) {
		c, p := t.client("c"), t.client("p")
		p.retain(Message{Topic: t.topic("a"), Payload: "kept"})
		for range 2 {
			c.subscribe("$share/g/"+t.topic("a"), 1)
			c.nothing(p)
		}
	}),
	v5("shared", "a publisher may be a member", func(t *T) {
		c := t.client("c")
		c.subscribe("$share/g/"+t.topic("a"), 1)
		c.publish(Message{Topic: t.topic("a"), Payload: "x"})
		c.payloads(c, "x")
	}),
}

// group is a shared subscription to t.topic("a") under the name g, with a publisher outside of it.
type group struct {
	t *T
	c []*conn
	p *conn
}

// members makes a group with a member for each granted QoS. Their sessions are m0, m1 ... and are kept for a minute.
func (t *T) members(granted ...byte) *group {
	t.Helper()
	g := &group{t: t, p: t.client("p")}
	for _, qos := range granted {
		g.join(qos)
	}
	return g
}

// join adds a member.
func (g *group) join(qos byte, p ...[]byte) {
	g.t.Helper()
	c := g.t.session(fmt.Sprintf("m%d", len(g.c)), p...)
	c.subscribe("$share/g/"+g.t.topic("a"), qos)
	g.c = append(g.c, c)
}

// messages returns what each member got.
func (g *group) messages() [][]Message {
	g.t.Helper()
	var lists [][]Message
	for _, c := range g.c {
		lists = append(lists, c.messages(g.p))
	}
	return lists
}

// payloads returns what all members got, sorted.
func (g *group) payloads() []string {
	g.t.Helper()
	var all []string
	for _, list := range g.messages() {
		for _, m := range list {
			all = append(all, m.Payload)
		}
	}
	slices.Sort(all)
	return all
}

// end removes the members and their sessions.
func (g *group) end() {
	g.t.Helper()
	for i := range g.c {
		g.t.client(fmt.Sprintf("m%d", i)).disconnect()
	}
}

// interrupted makes a group whose first member got a QoS 2 message, answered it by PUBREC and left; its session is kept for
// expiry seconds. The second member came too late for the message.
func interrupted(t *T, expiry uint32) (g *group, m Message) {
	t.Helper()
	g = t.members()
	g.join(2, expires(expiry))
	g.p.publish(Message{Topic: t.topic("a"), QoS: 2, Payload: "x"})
	m = g.c[0].take()
	g.c[0].send(ack(0x50, m.ID))
	g.c[0].acked(typPubrel, m.ID)
	g.join(2)
	g.c[0].disconnect()
	return g, m
}
