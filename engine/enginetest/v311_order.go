package enginetest

import (
	"fmt"
	"slices"
)

// Section 4.6 of 3.1.1: order. Its rules for clients bind the server too, by MQTT-4.6.0-6.
var v311Order = []Case{
	v311("MQTT-4.6.0-1", "messages sent again keep their order", resendInOrder),
	v311("MQTT-4.6.0-2", "PUBACKs come in the order of the PUBLISHes", func(t *T) { acksInOrder(t, 1, 0x40) }),
	v311("MQTT-4.6.0-3", "PUBRECs come in the order of the PUBLISHes", func(t *T) { acksInOrder(t, 2, 0x50) }),
	v311("MQTT-4.6.0-4", "PUBRELs come in the order of the PUBRECs", pubrelsInOrder),
	v311("MQTT-4.6.0-5", "a topic is in order by default", func(t *T) { ordered(t, 1000, 0) }),
	v311("MQTT-4.6.0-5", "a topic is in order by default at QoS 1", func(t *T) { ordered(t, 1000, 1) }),
	v311("MQTT-4.6.0-5", "a topic is in order by default at QoS 2", func(t *T) { ordered(t, 300, 2) }),
	v311("MQTT-4.6.0-6", "each of two publishers is heard in its order", func(t *T) {
		s := t.connect(Connect{ID: t.id("s")})
		s.subscribe(t.topic("a"), 1)
		a, b := t.connect(Connect{ID: t.id("a")}), t.connect(Connect{ID: t.id("b")})
		for i := range 100 {
			for name, p := range map[string]*conn{"a": a, "b": b} {
				p.send(Message{Topic: t.topic("a"), Payload: fmt.Sprint(name, i), QoS: 1, ID: uint16(i + 1)}.encode(t.version))
			}
		}
		next := map[string]int{}
		for range 200 {
			m := s.receive()
			name := m.Payload[:1]
			t.equal("message of publisher "+name, m.Payload, fmt.Sprint(name, next[name]))
			next[name]++
		}
	}),
	v311("MQTT-4.6.0-6", "messages kept for an absent client are in order", func(t *T) {
		who := Connect{ID: t.id("s"), Keep: true}
		s, p := t.connect(who), t.connect(Connect{ID: t.id("p")})
		s.subscribe(t.topic("a"), 1)
		s.disconnect()
		for i := range 50 {
			p.publish(Message{Topic: t.topic("a"), Payload: fmt.Sprint(i), QoS: 1})
		}
		s = t.connect(who)
		for i := range 50 {
			t.equal("payload", s.receive().Payload, fmt.Sprint(i))
		}
	}),
}

func resendInOrder(t *T) {
	for qos := byte(1); qos <= 2; qos++ {
		who := Connect{ID: t.id("s"), Keep: true}
		s, p := t.connect(who), t.connect(Connect{ID: t.id("p")})
		s.subscribe(t.topic("a"), qos)
		for i := range 3 {
			p.publish(Message{Topic: t.topic("a"), Payload: fmt.Sprint(i), QoS: qos})
		}
		first := []Message{s.take(), s.take(), s.take()}
		s.cut()
		s = t.connect(who)
		for i := range first {
			first[i].Dup = true
			t.equal("repeat", s.take(), first[i])
		}
		for _, m := range first {
			s.finish(m)
		}
		s.unsubscribe(t.topic("a"))
	}
}

func acksInOrder(t *T, qos, first byte) {
	c := t.connect(Connect{})
	ids := []uint16{5, 2, 9, 1, 0xFFFF}
	var all []byte
	for _, id := range ids {
		all = append(all, Message{Topic: t.topic("a"), QoS: qos, ID: id}.encode(t.version)...)
	}
	c.send(all)
	for _, id := range ids {
		c.expect(ack(first, id)...)
	}
}

func pubrelsInOrder(t *T) {
	s, p := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("p")})
	s.subscribe(t.topic("a"), 2)
	for range 3 {
		p.publish(Message{Topic: t.topic("a"), QoS: 2})
	}
	ids := []uint16{s.take().ID, s.take().ID, s.take().ID}
	slices.Reverse(ids)
	s.send(ack(0x50, ids[0]), ack(0x50, ids[1]), ack(0x50, ids[2]))
	for _, id := range ids {
		s.expect(ack(0x62, id)...)
	}
}

// ordered publishes n numbered messages on one topic, 20 in a write.
func ordered(t *T, n int, qos byte) {
	const batch = 20
	s, p := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("p")})
	s.subscribe(t.topic("a"), qos)
	for i := 0; i < n; i += batch {
		var all []byte
		for j := range batch {
			all = append(all, Message{Topic: t.topic("a"), Payload: fmt.Sprint(i + j), QoS: qos, ID: uint16(j + 1)}.encode(t.version)...)
		}
		p.send(all)
		p.finishAll(qos, batch)
		for j := range batch {
			t.equal("payload", s.receive().Payload, fmt.Sprint(i+j))
		}
	}
}

// finishAll carries the exchanges 1 to n, which were begun in one write, through.
func (c *conn) finishAll(qos byte, n int) {
	c.t.Helper()
	for i := range n {
		if id := uint16(i + 1); qos == 1 {
			c.acked(typPuback, id)
		} else if qos == 2 {
			c.acked(typPubrec, id)
			c.send(ack(0x62, id))
		}
	}
	for i := range n {
		if qos == 2 {
			c.acked(typPubcomp, uint16(i+1))
		}
	}
}
