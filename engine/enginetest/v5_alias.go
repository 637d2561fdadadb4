package enginetest

import "fmt"

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
		c.t.Fatalf("got topic alias %d without a topic, known are %v", alias, a)
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
