package enginetest

import (
	"fmt"
	"strings"
)

// Topic aliases, both ways: sections 3.3.2 and 3.2.2, and the reference's section 11.
var v5Alias = []Case{
	v5("MQTT-3.3.2-7", "an alias of the client does not outlive its connection", func(t *T) {
		c := t.session("c")
		t.aliasMaximum(c)
		c.send(publish5(t.topic("a"), "x", p16(propTopicAlias, 1)))
		c.disconnect()
		c = t.session("c")
		c.send(publish5("", "x", p16(propTopicAlias, 1)))
		c.closed(0x82)
	}),
	v5("MQTT-3.3.2-7", "an alias of the server does not outlive its connection", func(t *T) {
		p := t.client("p")
		for range 2 {
			c := t.session("c", p16(propTopicAliasMaximum, 5))
			c.subscribe(t.topic("a"), 1)
			known := aliases{}
			for range 3 {
				p.publish(Message{Topic: t.topic("a"), QoS: 1})
				t.equal("topic", known.resolve(c.receive(), c).Topic, t.topic("a"))
			}
			c.disconnect()
		}
	}),
	v5("MQTT-3.3.2-7", "a PUBLISH sent again has its topic or a new alias", func(t *T) {
		c, p := t.session("c", p16(propTopicAliasMaximum, 5)), t.client("p")
		c.subscribe(t.topic("a"), 1)
		for range 3 {
			p.publish(Message{Topic: t.topic("a"), QoS: 1})
			c.take()
		}
		c.disconnect()
		c = t.session("c", p16(propTopicAliasMaximum, 5))
		known := aliases{}
		for range 3 {
			m := c.receive()
			t.equal("DUP", m.Dup, true)
			t.equal("topic", known.resolve(m, c).Topic, t.topic("a"))
		}
		c.disconnect()
		t.session("c").nothing(p)
	}),
	v5("MQTT-3.3.2-8", "topic alias 0 ends the connection", func(t *T) {
		t.closes(publish5("a", "x", p16(propTopicAlias, 0)), 0x94)
		t.closes(publish5("", "x", p16(propTopicAlias, 0)), 0x94)
	}),
	v5("MQTT-3.3.2-9", "a topic alias above the maximum ends the connection", func(t *T) { aliasAbove(t) }),
	v5("MQTT-3.3.2-11", "the server's aliases do not exceed the client's maximum", func(t *T) { aliasesUpTo(t, 1) }),
	v5("MQTT-3.3.2-12", "every alias up to the server's maximum is taken", func(t *T) {
		c, s := t.client("c"), t.client("s")
		s.subscribe(t.topic("+"), 0)
		maximum := t.aliasMaximum(c)
		list := []uint16{maximum}
		for alias := uint16(1); alias < min(maximum, 50); alias++ {
			list = append(list, alias)
		}
		for _, alias := range list {
			c.send(publish5(t.topic(fmt.Sprint(alias)), "set", p16(propTopicAlias, alias)))
		}
		for _, alias := range list {
			t.equal("topic", s.receive().Topic, t.topic(fmt.Sprint(alias)))
		}
		for i, alias := range list {
			m := Message{QoS: byte(i % 3), ID: 1, Payload: "used", Props: [][]byte{p16(propTopicAlias, alias)}}
			c.publish(m)
			got := s.receive()
			t.equal("topic", got.Topic, t.topic(fmt.Sprint(alias)))
			t.without(got.props, propTopicAlias)
		}
	}),
	v5("alias", "an alias can be given another topic", func(t *T) {
		c := t.client("c")
		t.aliasMaximum(c)
		c.subscribe(t.topic("+"), 0)
		for _, topic := range []string{"a", "", "b", "", "a", ""} {
			if topic != "" {
				topic = t.topic(topic)
			}
			c.send(publish5(topic, "x", p16(propTopicAlias, 1)))
		}
		for _, topic := range []string{"a", "a", "b", "b", "a", "a"} {
			t.equal("topic", c.receive().Topic, t.topic(topic))
		}
	}),
	v5("alias", "aliases of one connection mean nothing on another", func(t *T) {
		a, b := t.client("a"), t.client("b")
		t.aliasMaximum(a)
		a.send(publish5(t.topic("a"), "x", p16(propTopicAlias, 1)))
		a.ping()
		b.send(publish5("", "x", p16(propTopicAlias, 1)))
		b.closed(0x82)
	}),
	v5("alias", "client and server have aliases of their own", func(t *T) {
		c := t.client("c", p16(propTopicAliasMaximum, 1))
		t.aliasMaximum(c)
		c.subscribe(t.topic("+"), 0)
		known := aliases{}
		c.send(publish5(t.topic("a"), "1", p16(propTopicAlias, 1)))
		t.equal("topic", known.resolve(c.receive(), c).Topic, t.topic("a"))
		c.send(publish5(t.topic("b"), "2"))
		t.equal("topic", known.resolve(c.receive(), c).Topic, t.topic("b"))
		c.send(publish5("", "3", p16(propTopicAlias, 1)))
		t.equal("topic", known.resolve(c.receive(), c).Topic, t.topic("a"))
	}),
	v5("alias", "an alias set by a PUBLISH that is refused is set all the same", func(t *T) {
		t.withConfig(func(s *Settings) { s.Forbid = true })
		c := t.client("c")
		c.send(Message{Topic: forbidden + "a", QoS: 1, ID: 1, Props: [][]byte{p16(propTopicAlias, 1)}}.encode(5))
		t.equal("code of the PUBACK", c.acked(typPuback, 1), byte(0x87))
		c.send(Message{QoS: 1, ID: 2, Props: [][]byte{p16(propTopicAlias, 1)}}.encode(5))
		t.equal("code of the PUBACK", c.acked(typPuback, 2), byte(0x87))
	}),
	v5("alias", "a retained message published by alias is kept by its topic", func(t *T) {
		c := t.client("c")
		t.aliasMaximum(c)
		c.send(publish5(t.topic("a"), "x", p16(propTopicAlias, 1)))
		c.retain(Message{Topic: t.topic("a"), Payload: "before"})
		c.publish(Message{QoS: 1, Retain: true, Payload: "kept", Props: [][]byte{p16(propTopicAlias, 1)}})
		c.subscribe(t.topic("a"), 1)
		c.payloads(c, "kept")
	}),
	v5("alias", "a message too large for the client leaves the aliases right", func(t *T) {
		c, p := t.client("c", p16(propTopicAliasMaximum, 5), p32(propMaximumPacketSize, 100)), t.client("p")
		c.subscribe(t.topic("+"), 0)
		known := aliases{}
		p.publish(Message{Topic: t.topic("a"), Payload: strings.Repeat("x", 100)})
		p.publish(Message{Topic: t.topic("b"), Payload: "small"})
		t.equal("topic", known.resolve(c.receive(), c).Topic, t.topic("b"))
		for range 3 {
			p.publish(Message{Topic: t.topic("a"), Payload: "small"})
			t.equal("topic", known.resolve(c.receive(), c).Topic, t.topic("a"))
		}
	}),
	v5("alias", "the server makes use of aliases", func(t *T) {
		if t.hall.foreign {
			t.na("is free to use none")
		}
		c := t.client("c", p16(propTopicAliasMaximum, 10))
		c.subscribe(t.topic("a"), 0)
		known, short := aliases{}, false
		for range 5 {
			c.publish(Message{Topic: t.topic("a")})
			m := c.receive()
			short = short || m.Topic == ""
			t.equal("topic", known.resolve(m, c).Topic, t.topic("a"))
		}
		t.equal("an alias stood for the topic", short, true)
	}),
}

// aliasesUpTo publishes on many topics to a client with this Topic Alias Maximum and looks at the aliases it gets.
func aliasesUpTo(t *T, maximum uint16) {
	t.Helper()
	c, p := t.client("c", p16(propTopicAliasMaximum, maximum)), t.client("p")
	c.subscribe(t.topic("+"), 0)
	known := aliases{}
	for round := range 2 {
		for i := range 5 {
			topic := t.topic(fmt.Sprint(i))
			p.publish(Message{Topic: topic, Payload: fmt.Sprint(round)})
			m := known.resolve(c.receive(), c)
			t.equal("topic", m.Topic, topic)
			for alias := range known {
				if alias == 0 || alias > maximum {
					t.Fatalf("got topic alias %d, want at most %d", alias, maximum)
				}
			}
		}
	}
}

// aliases are the topic aliases a client learned.
type aliases map[uint16]string

// resolve learns from m, or fills in its topic.
func (a aliases) resolve(m Message, c *conn) Message {
	c.t.Helper()
	p, ok := m.props.get(propTopicAlias)
	if !ok {
		return m
	}
	alias := uint16(p.num)
	if m.Topic != "" {
		a[alias] = m.Topic
	} else if m.Topic, ok = a[alias]; !ok {
		c.fatalf("got topic alias %d without a topic, known are %v", alias, a)
	}
	return m
}

// aliasAbove uses the first alias that the server does not allow.
func aliasAbove(t *T) {
	t.Helper()
	t.wish(func(s *Settings) { s.TopicAliasMaximum = 5 })
	c := t.client("c")
	maximum := t.aliasMaximum(c)
	if maximum == 0xFFFF {
		t.na("allows every topic alias")
	}
	c.send(publish5(t.topic("a"), "x", p16(propTopicAlias, maximum)))
	c.ping()
	c.send(publish5(t.topic("a"), "x", p16(propTopicAlias, maximum+1)))
	c.closed(0x94)
}

// aliasMaximum is the Topic Alias Maximum that the server announced.
func (t *T) aliasMaximum(c *conn) uint16 {
	p, _ := c.connack.props.get(propTopicAliasMaximum)
	if p.num == 0 {
		t.na("allows no topic alias")
	}
	return uint16(p.num)
}
