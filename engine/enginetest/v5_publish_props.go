package enginetest

import "strings"

// Section 3.3.2: the properties of PUBLISH, forwarded and refused. Expiry and aliases have files of their own.
var v5PublishProps = []Case{
	v5("MQTT-3.3.2-4", "the Payload Format Indicator is forwarded", func(t *T) {
		forwarded(t, p8(propPayloadFormat, 1), prop{id: propPayloadFormat, num: 1})
		forwarded(t, p8(propPayloadFormat, 0), prop{id: propPayloadFormat})
	}),
	v5("MQTT-3.3.2-13", "a Response Topic that is not UTF-8 is malformed", func(t *T) {
		t.closes(publish5("a", "x", pStr(propResponseTopic, "\xFF")), 0x81)
		t.closes(publish5("a", "x", pStr(propResponseTopic, "r\x00")), 0x81)
	}),
	v5("MQTT-3.3.2-14", "a Response Topic with a wildcard ends the connection", func(t *T) {
		for _, topic := range []string{"a/#", "+", "a/+/b"} {
			t.closes(publish5("a", "x", pStr(propResponseTopic, topic)), 0x82, 0x81, 0x90)
		}
	}),
	v5("MQTT-3.3.2-15", "the Response Topic is forwarded", func(t *T) {
		forwarded(t, pStr(propResponseTopic, "r/1"), prop{id: propResponseTopic, value: "r/1"})
	}),
	v5("MQTT-3.3.2-16", "Correlation Data is forwarded", func(t *T) {
		for _, data := range []string{"", "\x00\x01\xFF\x00", strings.Repeat("\xAA", 300)} {
			forwarded(t, pStr(propCorrelationData, data), prop{id: propCorrelationData, value: data})
		}
	}),
	v5("MQTT-3.3.2-17", "all user properties are forwarded", func(t *T) {
		m := forward(t, Message{Props: [][]byte{pUser("a", ""), pUser("", "b"), pUser("", ""), pUser("a", "1"), pUser("a", "1")}})
		t.equal("user properties", m.props.users(), []string{"a=", "=b", "=", "a=1", "a=1"})
	}),
	v5("MQTT-3.3.2-18", "user properties keep their order", func(t *T) {
		m := forward(t, Message{Props: [][]byte{
			pUser("b", "1"), p8(propPayloadFormat, 1), pUser("a", "2"), pStr(propContentType, "t"), pUser("b", "3"),
		}})
		t.equal("user properties", m.props.users(), []string{"b=1", "a=2", "b=3"})
	}),
	v5("MQTT-3.3.2-18", "user properties of retained and queued messages keep their order", func(t *T) {
		p, c := t.client("p"), t.session("c")
		c.subscribe(t.topic("queued"), 1)
		c.disconnect()
		users := [][]byte{pUser("b", "1"), pUser("a", "2"), pUser("b", "3")}
		p.publish(Message{Topic: t.topic("queued"), QoS: 1, Props: users})
		p.retain(Message{Topic: t.topic("kept"), Payload: "x", Props: users})
		c = t.session("c")
		t.equal("user properties of the queued message", c.receive().props.users(), []string{"b=1", "a=2", "b=3"})
		c.subscribe(t.topic("kept"), 1)
		t.equal("user properties of the retained message", c.receive().props.users(), []string{"b=1", "a=2", "b=3"})
	}),
	v5("MQTT-3.3.2-19", "a Content Type that is not UTF-8 is malformed", func(t *T) {
		t.closes(publish5("a", "x", pStr(propContentType, "\xFF")), 0x81)
	}),
	v5("MQTT-3.3.2-20", "the Content Type is forwarded", func(t *T) {
		forwarded(t, pStr(propContentType, "text/plain"), prop{id: propContentType, value: "text/plain"})
		forwarded(t, pStr(propContentType, ""), prop{id: propContentType})
	}),
	v5("properties", "everything that belongs to the message is forwarded at once, to every subscriber", func(t *T) {
		a, b, p := t.client("a"), t.client("b"), t.client("p")
		a.subscribe(t.topic("a"), 0)
		b.subscribe(t.topic("a"), 2)
		p.publish(Message{Topic: t.topic("a"), QoS: 2, Payload: "x", Props: [][]byte{
			pStr(propCorrelationData, "\x00c"), p8(propPayloadFormat, 1), pUser("n", "v"), p32(propMessageExpiry, 600),
			pStr(propContentType, "t"), pStr(propResponseTopic, "r"),
		}})
		for _, m := range []Message{a.receive(), b.receive()} {
			t.equal("number of properties", len(m.props), 6)
			t.equal("payload format", t.num(m.props, propPayloadFormat), uint32(1))
			t.equal("content type", t.value(m.props, propContentType), "t")
			t.equal("response topic", t.value(m.props, propResponseTopic), "r")
			t.equal("correlation data", t.value(m.props, propCorrelationData), "\x00c")
			t.equal("user properties", m.props.users(), []string{"n=v"})
			if left := t.num(m.props, propMessageExpiry); left < 590 || left > 600 {
				t.Fatalf("message expiry: got %d, want about 600", left)
			}
		}
	}),
	v5("properties", "a subscriber of 3.1.1 gets the message without them", func(t *T) {
		c := t.connect(Connect{ID: t.id("c"), Level: 4})
		c.subscribe(t.topic("a"), 0)
		t.client("p").publish(Message{Topic: t.topic("a"), Payload: "x", Props: [][]byte{pStr(propContentType, "t"), pUser("a", "b")}})
		t.bytes("delivery", c.next().raw, packetOf(0x30, str(t.topic("a")), []byte("x")))
	}),
	v5("properties", "a message of 3.1.1 comes with an empty block", func(t *T) {
		c := t.client("c")
		c.subscribe(t.topic("a"), 0)
		t.connect(Connect{ID: t.id("p"), Level: 4}).publish(Message{Topic: t.topic("a"), Payload: "x"})
		t.bytes("delivery", c.next().raw, packetOf(0x30, str(t.topic("a")), u8(0), []byte("x")))
	}),
}

// forward publishes m and returns it as a subscriber gets it.
func forward(t *T, m Message) Message {
	t.Helper()
	c := t.client("c")
	m.Topic = t.topic("a")
	c.subscribe(m.Topic, 0)
	c.publish(m)
	return c.receive()
}

// forwarded shows that a message with this property reaches its subscribers with it and with no other.
func forwarded(t *T, property []byte, want prop) {
	t.Helper()
	t.equal("properties", forward(t, Message{Props: [][]byte{property}}).props, props{want})
}
