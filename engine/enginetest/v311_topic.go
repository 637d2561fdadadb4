package enginetest

import "strings"

// Section 4.7 of 3.1.1: topic names and filters.
var v311Topic = []Case{
	v311("MQTT-4.7.1-1", "a wildcard in a topic name closes", wildcardInName),
	v311("MQTT-4.7.1-1", "a wildcard in a will topic is refused", func(t *T) {
		for _, topic := range []string{t.topic("#"), t.topic("+"), "#", t.topic("a+b")} {
			c := t.dial()
			c.send(Connect{ID: t.id("c"), Level: 4, Will: &Will{Topic: topic}}.encode())
			p, err := c.read(patience)
			if err == nil && (p.first != 0x20 || len(p.body) != 2 || p.body[1] == 0) || err != nil && !isClosed(err) {
				t.Fatalf("will topic %q: got %v %v, want a refusal", topic, p, err)
			}
		}
	}),
	v311("MQTT-4.7.1-2", "the multi-level wildcard stands last and alone in its level", func(t *T) {
		badFilters(t, "a#", "a/#/b", "#/a", "##", "a/b#", "#a", "+#")
		t.connect(Connect{ID: t.id("all")}).subscribe("#", 0)
		c := t.connect(Connect{})
		c.subscribe(t.topic("#"), 1)
		for _, topic := range []string{"", "/a", "/a/b", "/", "//"} { // the parent level is included
			c.publish(Message{Topic: t.root() + topic, Payload: topic, QoS: 1})
		}
		c.publish(Message{Topic: t.root() + "x/a", QoS: 1})
		c.payloads(c, "", "/a", "/a/b", "/", "//")
	}),
	v311("MQTT-4.7.1-3", "the single-level wildcard fills its level", func(t *T) {
		badFilters(t, "a+", "a/b+", "+a/b", "++", "a/+b", "a/+b/c")
		c := t.connect(Connect{})
		c.subscribe(t.topic("+/x/+"), 1)
		for _, topic := range []string{"a/x/b", "/x/", "a/x", "a/x/b/c", "x/b", "a/y/b"} {
			c.publish(Message{Topic: t.topic(topic), Payload: topic, QoS: 1})
		}
		c.payloads(c, "a/x/b", "/x/")
		all := t.connect(Connect{ID: t.id("all")})
		all.subscribe("+", 1)
		all.subscribe("+/a", 1)
		all.subscribe("/+", 1)
	}),
	v311("MQTT-4.7.2-1", "a leading wildcard does not match a leading dollar", dollarTopics),
	v311("MQTT-4.7.3-1", "an empty topic name closes", func(t *T) {
		t.closes(Message{Payload: "x"}.encode(4))
		t.closes(Message{Payload: "x", QoS: 1, ID: 1}.encode(4))
	}),
	v311("MQTT-4.7.3-1", "an empty filter closes", func(t *T) {
		t.closes(subscribe(4, 1, nil, filter("", 0)))
		t.closes(unsubscribe(4, 1, ""))
	}),
	v311("MQTT-4.7.3-2", "U+0000 in a topic name or filter closes", func(t *T) {
		t.closes(Message{Topic: t.topic("a\x00b")}.encode(4))
		t.closes(subscribe(4, 1, nil, filter(t.topic("a\x00b"), 0)))
		t.refuses(connectRaw(4, 0x06, 0, nil, str(t.id("c")), str(t.topic("a\x00b")), str("gone")))
	}),
	v311("MQTT-4.7.3-3", "a topic of 65535 bytes works or is refused", func(t *T) {
		long := t.root() + "/" + strings.Repeat("x", 65535-len(t.root())-1)
		c := t.connect(Connect{})
		c.send(subscribe(4, 1, nil, filter(long, 0)))
		p, err := c.read(patience)
		if err == nil && c.parse(typSuback, p).codes[0] == 0 {
			c.publish(Message{Topic: long, Payload: "far"})
			c.expect(packetOf(0x30, str(long), []byte("far"))...)
		} else if err != nil && !isClosed(err) {
			t.Fatalf("got %v, want a SUBACK or the connection closed", err)
		}
	}),
	v311("MQTT-4.7.3-4", "topics are compared byte by byte", topicsAreBytes),
}

// badFilters shows that none of these filters is granted: 3.1.1 leaves open whether by SUBACK or by closing, and so does 5.0.
func badFilters(t *T, filters ...string) {
	t.Helper()
	for _, f := range filters {
		c := t.connect(Connect{ID: t.id("bad")})
		c.send(subscribe(t.version, 1, nil, filter(f, 0)))
		p, err := c.read(patience)
		if err != nil && !isClosed(err) {
			t.Fatalf("subscribe %q: got %v, want a refusal", f, err)
		}
		if err == nil && p.typ() == typDisconnect && t.version >= 5 {
			continue
		}
		if err == nil {
			if r := c.parse(typSuback, p); len(r.codes) != 1 || r.codes[0] < 0x80 {
				t.Fatalf("subscribe %q: got %v, want a refusal", f, p)
			}
		}
	}
}

func dollarTopics(t *T) {
	dollar := "$" + t.root()
	s, p := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("p")})
	s.subscribe("#", 1)
	s.subscribe("+/x", 1)
	s.subscribe("+/"+t.root(), 1)
	p.publish(Message{Topic: dollar + "/x", QoS: 1})
	p.publish(Message{Topic: dollar, QoS: 1})
	p.publish(Message{Topic: "$/" + t.root(), QoS: 1})
	for _, m := range s.messages(p) {
		if strings.HasPrefix(m.Topic, "$") {
			t.Fatalf("got %+v, want no topic that begins with $", m)
		}
	}
	s.unsubscribe("#", "+/x", "+/"+t.root())
	s.subscribe(dollar+"/#", 1)
	p.publish(Message{Topic: dollar + "/x", Payload: "x", QoS: 1})
	for _, m := range s.messages(p) {
		if m.Topic == dollar+"/x" {
			return
		}
	}
	t.Fatalf("nothing came for %s/#", dollar)
}

func topicsAreBytes(t *T) {
	c := t.connect(Connect{})
	pairs := [][2]string{{"\u00E9", "e\u0301"}, {"A/B", "a/b"}, {"/a", "a"}, {"a/", "a"}, {"a b", "ab"}, {"\uFF21", "A"}, {"a//b", "a/b"}}
	for _, p := range pairs {
		c.subscribe(t.topic(p[0]), 1)
		c.publish(Message{Topic: t.topic(p[1]), QoS: 1})
		c.nothing(c)
		c.publish(Message{Topic: t.topic(p[0]), QoS: 1})
		t.equal("topic", c.receive().Topic, t.topic(p[0]))
		c.unsubscribe(t.topic(p[0]))
	}
}
