package enginetest

import (
	"slices"
	"strings"
)

// Section 4.7: topic names and filters.
var v5Topics = []Case{
	v5("MQTT-4.7.0-1", "wildcards are for filters only", func(t *T) {
		t.closes(publish5(t.topic("+"), "x"), 0x90, 0x81, 0x82)
		t.closes(Message{Topic: t.topic("#"), QoS: 1, ID: 1}.encode(5), 0x90, 0x81, 0x82)
		for _, topic := range []string{"#", t.topic("+/a")} {
			t.refuses(Connect{Level: 5, ID: t.id("c"), Will: &Will{Topic: topic}}.encode(), connackCodes[1:]...)
		}
	}),
	v5("MQTT-4.7.1-1", "# stands alone at the end", func(t *T) {
		refusedFilters(t, "a#", "a/#/b", "#/a", "a/b#", "##", "a/##")
		grantedFilters(t, "#", "a/#", "/#", "+/#")
	}),
	v5("MQTT-4.7.1-2", "+ fills its level", func(t *T) {
		refusedFilters(t, "a+", "+a/b", "a/b+/c", "++", "a/+#")
		grantedFilters(t, "+", "a/+/b", "+/+", "/+", "+/", "+//+")
	}),
	v5("MQTT-4.7.1-1", "# matches its level, those below, and the parent", func(t *T) {
		matching(t, "a/#", "a", "a/b", "a/b/c", "a/", "a//", "a/x/b", "a//b", "a/x/y/b")
	}),
	v5("MQTT-4.7.1-2", "+ matches one level, an empty one too", func(t *T) {
		matching(t, "a/+", "a/b", "a/")
		matching(t, "a/+/b", "a/x/b", "a//b")
	}),
	v5("MQTT-4.7.2-1", "a leading wildcard does not match topics that start with $", func(t *T) {
		c, p := t.client("c"), t.client("p")
		topic := "$" + t.root() + "/x"
		c.subscribe("#", 1|retainNever)
		c.subscribe("+/x", 1|retainNever)
		c.subscribe("+/#", 1|retainNever)
		p.publish(Message{Topic: topic, QoS: 1, Payload: "x"})
		if slices.ContainsFunc(c.messages(p), func(m Message) bool { return m.Topic == topic }) {
			t.Fatalf("got the message for %q, want none", topic)
		}
		c.unsubscribe("#", "+/x", "+/#")
		c.subscribe("$"+t.root()+"/#", 1)
		p.publish(Message{Topic: topic, QoS: 1, Payload: "x"})
		for c.receive().Topic != topic { // what was under way for the others
		}
	}),
	v5("MQTT-4.7.2-1", "retained messages of such topics stay hidden too", func(t *T) {
		c, p := t.client("c"), t.client("p")
		topic := "$" + t.root() + "/x"
		p.retain(Message{Topic: topic, Payload: "x"})
		c.subscribe("+/x", 1)
		for _, m := range c.messages(p) {
			if m.Topic == topic {
				t.Fatalf("got the message for %q, want none", topic)
			}
		}
		c.unsubscribe("+/x")
		c.subscribe("$"+t.root()+"/+", 1)
		for c.receive().Topic != topic { // what was under way for the other
		}
	}),
	v5("MQTT-4.7.3-1", "names and filters have a character at least", func(t *T) {
		t.closes(publish5("", "x"), 0x82, 0x81, 0x90)
		t.closes(unsubscribe(5, 1, ""), 0x82, 0x81, 0x8F)
		c := t.client("c")
		c.send(subscribe5("", 0))
		c.notGranted(0x82, 0x81, 0x8F)
	}),
	v5("MQTT-4.7.3-2", "names and filters have no U+0000", func(t *T) {
		t.closes(publish5("a\x00b", "x"), 0x81)
		t.closes(subscribe5("a\x00b", 0), 0x81)
		t.closes(unsubscribe(5, 1, "a\x00b"), 0x81)
	}),
	v5("MQTT-4.7.3-3", "names and filters of 65,535 bytes are taken or refused by code", func(t *T) {
		long := t.topic(strings.Repeat("x", 65535-len(t.topic(""))))
		c, p := t.client("c"), t.client("p")
		c.subscribe(t.topic("+"), 1)
		p.send(Message{Topic: long, QoS: 1, ID: 1}.encode(5))
		answer := p.next()
		if answer.typ() == typDisconnect || p.parse(typPuback, answer).code >= 0x80 {
			t.equal("code", p.parse(answer.typ(), answer).code, byte(0x90))
			return
		}
		t.equal("topic", c.receive().Topic, long)
		c.subscribe(long, 0)
		t.bytes("codes", c.unsubscribe(long), []byte{0x00})
	}),
	v5("MQTT-4.7.3-4", "matching takes characters as they are", func(t *T) {
		matching(t, "\u00E9", "\u00E9")
		matching(t, "e\u0301", "e\u0301")
		matching(t, "A", "A")
		matching(t, "/A", "/A")
		matching(t, "A/", "A/")
		matching(t, " A", " A")
	}),
}

// someTopics are published in turn by matching. None matches another as a filter.
var someTopics = []string{
	"a", "a/b", "a/b/c", "a/", "a//", "a/x/b", "a//b", "A", "/A", "A/", " A", "\u00E9", "e\u0301", "e", "a/x/y/b", "/a",
}

// matching shows that a subscription to filter gets what is published on these of someTopics, and on no other.
func matching(t *T, f string, want ...string) {
	t.Helper()
	c, p := t.client("c"), t.client("p")
	c.subscribe(t.topic(f), 0)
	for _, topic := range someTopics {
		p.publish(Message{Topic: t.topic(topic), Payload: topic})
	}
	var got []string
	for _, m := range c.messages(p) {
		got = append(got, m.Payload)
		t.equal("topic", m.Topic, t.topic(m.Payload))
	}
	for _, topic := range someTopics {
		if slices.Contains(want, topic) != slices.Contains(got, topic) {
			t.Fatalf("filter %q: got messages for %q, want for %q", f, got, want)
		}
	}
}

// refusedFilters shows that these filters are refused: in the SUBACK or by the end of the connection.
func refusedFilters(t *T, filters ...string) {
	t.Helper()
	for _, f := range filters {
		c := t.client("c")
		c.send(subscribe5(f, 0))
		c.notGranted(0x8F, 0x81, 0x82)
	}
}

// notGranted takes the refusal of a SUBSCRIBE: a SUBACK with 8F, or the end of the connection with one of these codes.
func (c *conn) notGranted(codes ...byte) {
	c.t.Helper()
	p, err := c.read(patience)
	switch {
	case err == nil && p.typ() == typSuback:
		if r := c.parse(typSuback, p); len(r.codes) != 1 || r.codes[0] != 0x8F {
			c.fatalf("got %v, want code 8F", p)
		}
	default:
		if err == nil {
			c.held = append(c.held, p)
		}
		c.closed(codes...)
	}
}

// grantedFilters shows that these filters are granted.
func grantedFilters(t *T, filters ...string) {
	t.Helper()
	for _, f := range filters {
		c := t.client("c")
		c.send(subscribe5(f, 0|retainNever))
		if code := c.parse(typSuback, c.await(typSuback)).codes[0]; code != 0 {
			t.Fatalf("filter %q: got code %02X, want 00", f, code)
		}
	}
}
