package enginetest

import (
	"bytes"
	"strings"
	"time"
)

// Section 3.1.2, what flags and properties of a CONNECT bring about: session, will, keep alive, sizes and aliases.
var v5ConnectSession = []Case{
	v5("MQTT-3.1.2-4", "Clean Start 1 throws the old session away", func(t *T) {
		c := t.session("c")
		c.subscribe(t.topic("a"), 1)
		c.disconnect()
		c = t.client("c", expires(60))
		t.equal("Session Present", c.connack.flags, byte(0))
		p := t.client("p")
		p.publish(Message{Topic: t.topic("a"), QoS: 1})
		c.nothing(p)
	}),
	v5("MQTT-3.1.2-5", "Clean Start 0 goes on with the session", func(t *T) {
		c := t.session("c")
		c.subscribe(t.topic("a"), 1)
		c.disconnect()
		p := t.client("p")
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "queued"})
		c = t.session("c")
		t.equal("Session Present", c.connack.flags, byte(1))
		t.equal("payload", c.receive().Payload, "queued")
	}),
	v5("MQTT-3.1.2-6", "Clean Start 0 without a session makes one", func(t *T) {
		c := t.session("c")
		t.equal("Session Present", c.connack.flags, byte(0))
		c.disconnect()
		t.equal("Session Present", t.session("c").connack.flags, byte(1))
	}),
	v5("MQTT-3.1.2-7", "the will is stored and published when the connection is lost", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 2)
		for _, qos := range []byte{0, 1, 2} {
			c := t.connect(Connect{Will: &Will{Topic: t.topic("will"), Payload: "gone", QoS: qos}})
			c.cut()
			m := w.receive()
			t.equal("payload", m.Payload, "gone")
			t.equal("QoS", m.QoS, qos)
		}
	}),
	v5("MQTT-3.1.2-8", "the will comes when its delay has passed", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		start := time.Now()
		t.withWill("c", 2, 60).cut()
		t.equal("payload", w.receive().Payload, "gone")
		t.notBefore(start, 2*time.Second)
	}),
	v5("MQTT-3.1.2-8", "the will comes when the session ends before its delay has passed", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		start := time.Now()
		t.withWill("c", 60, 1).cut()
		t.equal("payload", w.receive().Payload, "gone")
		t.notBefore(start, time.Second)
	}),
	v5("MQTT-3.1.2-8", "DISCONNECT 00 deletes the will", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		t.withWill("c", 0, 0).disconnect()
		w.nothing(t.client("p"))
	}),
	v5("MQTT-3.1.2-10", "a published will is not published again", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		t.withWill("c", 0, 60).cut()
		t.equal("payload", w.receive().Payload, "gone")
		t.session("c").leave()
		w.nothing(t.client("p"))
	}),
	v5("MQTT-3.1.2-14", "a will with Will Retain 0 is not retained", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		t.withWill("c", 0, 0).cut()
		t.equal("RETAIN", w.receive().Retain, false)
		w.subscribe(t.topic("+"), 0)
		w.nothing(w)
	}),
	v5("MQTT-3.1.2-15", "a will with Will Retain 1 is retained", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		w.retain(Message{Topic: t.topic("will"), Payload: "here"}) // and sees to its removal
		w.receive()
		t.connect(Connect{Will: &Will{Topic: t.topic("will"), Payload: "gone", Retain: true}}).cut()
		t.equal("RETAIN", w.receive().Retain, false)
		w.subscribe(t.topic("+"), 0)
		m := w.receive()
		t.equal("RETAIN", m.Retain, true)
		t.equal("payload", m.Payload, "gone")
	}),
	v5("MQTT-3.1.2-22", "silence for 1.5 times the keep alive ends the connection", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		start := time.Now()
		c := t.connect(Connect{KeepAlive: 1, Will: &Will{Topic: t.topic("will"), Payload: "gone"}})
		if p, ok := c.connack.props.get(propServerKeepAlive); ok {
			t.na("announces its own keep alive of " + time.Duration(p.num*uint32(time.Second)).String())
		}
		c.told(0x8D)
		t.notBefore(start, 1500*time.Millisecond)
		t.equal("payload", w.receive().Payload, "gone")
	}),
	v5("MQTT-3.1.2-22", "any packet keeps the connection alive", func(t *T) {
		c := t.connect(Connect{KeepAlive: 1})
		for range 4 {
			elapse(700 * time.Millisecond)
			c.send(publish5(t.topic("a"), "x"))
		}
		c.ping()
	}),
	v5("MQTT-3.1.2-23", "the session is kept while its expiry interval runs", func(t *T) {
		c := t.session("c", expires(5))
		c.cut()
		elapse(time.Second)
		t.equal("Session Present", t.session("c", expires(5)).connack.flags, byte(1))
	}),
	v5("MQTT-3.1.2-23", "a session with expiry interval 0 ends with its connection", func(t *T) {
		for _, p := range [][][]byte{nil, {expires(0)}} {
			t.connect(Connect{ID: t.id("c"), Keep: true, Props: p}).disconnect()
			t.equal("Session Present", t.connect(Connect{ID: t.id("c"), Keep: true}).connack.flags, byte(0))
		}
	}),
	v5("MQTT-3.1.2-23", "a session with expiry interval FFFFFFFF is kept", func(t *T) {
		c := t.session("c", expires(0xFFFFFFFF))
		c.disconnect()
		t.equal("Session Present", t.session("c", expires(0)).connack.flags, byte(1))
	}),
	v5("MQTT-3.1.2-24", "no packet is larger than the client's Maximum Packet Size", func(t *T) {
		c, p := t.client("c", p32(propMaximumPacketSize, 100)), t.client("p")
		c.subscribe(t.topic("a"), 2)
		for qos := range byte(3) {
			head := len(Message{Topic: t.topic("a"), QoS: qos, ID: 1}.encode(5))
			p.publish(Message{Topic: t.topic("a"), QoS: qos, Payload: strings.Repeat("x", 100-head)})
			p.publish(Message{Topic: t.topic("a"), QoS: qos, Payload: strings.Repeat("x", 101-head)})
			p.publish(Message{Topic: t.topic("a"), QoS: qos, Payload: strings.Repeat("x", 1024)})
			t.equal("size of the first delivery", len(c.receive().encode(5)), 100)
			c.nothing(p)
		}
	}),
	v5("MQTT-3.1.2-24", "a retained message that is too large is not sent", func(t *T) {
		p := t.client("p")
		p.retain(Message{Topic: t.topic("a"), Payload: strings.Repeat("x", 100)})
		c := t.client("c", p32(propMaximumPacketSize, 100))
		c.subscribe(t.topic("+"), 2)
		c.nothing(p)
	}),
	v5("MQTT-3.1.2-24", "a CONNACK that does not fit is not sent", func(t *T) {
		c := t.dial()
		c.send(Connect{Level: 5, ID: t.id("c"), Props: [][]byte{p32(propMaximumPacketSize, 10)}}.encode())
		c.within(10)
	}),
	v5("MQTT-3.1.2-24", "a SUBACK that does not fit is not sent", func(t *T) {
		c := t.client("c", p32(propMaximumPacketSize, 100))
		c.send(subscribe(5, 1, nil, bytes.Repeat(filter(t.topic("a"), 0), 100)))
		c.within(100)
	}),
	v5("MQTT-3.1.2-24", "identifiers of subscriptions count", func(t *T) {
		c, p := t.client("c", p32(propMaximumPacketSize, 100)), t.client("p")
		c.subscribe(t.topic("a"), 1, pVar(propSubscriptionID, 268435455))
		m := Message{Topic: t.topic("a"), QoS: 1, ID: 1, Props: [][]byte{pVar(propSubscriptionID, 268435455)}}
		m.Payload = strings.Repeat("x", 100-len(m.encode(5)))
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: m.Payload})
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: m.Payload + "x"})
		c.payloads(p, m.Payload)
	}),
	v5("MQTT-3.1.2-25", "a message sent before is not sent again to a client it is too large for now", func(t *T) {
		c, p := t.session("c"), t.client("p")
		c.subscribe(t.topic("a"), 2)
		for _, m := range []Message{{QoS: 1, Payload: strings.Repeat("x", 200)}, {QoS: 2, Payload: strings.Repeat("x", 200)}, {QoS: 1, Payload: "small"}} {
			m.Topic = t.topic("a")
			p.publish(m)
			c.take()
		}
		c.disconnect()
		c = t.session("c", p32(propMaximumPacketSize, 100), p16(propReceiveMaximum, 1))
		c.payloads(p, "small")
	}),
	v5("MQTT-3.1.2-25", "a packet too large for the client counts as delivered", func(t *T) {
		c, p := t.client("c", p32(propMaximumPacketSize, 100), p16(propReceiveMaximum, 1)), t.client("p")
		c.subscribe(t.topic("a"), 2)
		for _, qos := range []byte{1, 2} {
			for range 3 {
				p.publish(Message{Topic: t.topic("a"), QoS: qos, Payload: strings.Repeat("x", 1024)})
			}
			p.publish(Message{Topic: t.topic("a"), QoS: qos, Payload: "small"})
			t.equal("payload", c.receive().Payload, "small")
		}
	}),
	v5("MQTT-3.1.2-26", "aliases do not exceed the client's Topic Alias Maximum", func(t *T) { aliasesUpTo(t, 2) }),
	v5("MQTT-3.1.2-27", "without Topic Alias Maximum there are no aliases", func(t *T) {
		for _, p := range [][][]byte{nil, {p16(propTopicAliasMaximum, 0)}} {
			c := t.client("c", p...)
			c.subscribe(t.topic("+"), 0)
			for range 3 {
				c.publish(Message{Topic: t.topic("a"), Payload: "x"})
				m := c.receive()
				t.without(m.props, propTopicAlias)
				t.equal("topic", m.Topic, t.topic("a"))
			}
		}
	}),
	v5("MQTT-3.1.2-28", "Response Information comes only when asked for", func(t *T) {
		t.wish(func(s *Settings) { s.ResponseInfo = "replies/" })
		t.without(t.client("c").connack.props, propResponseInfo)
		t.without(t.client("c", p8(propRequestResponse, 0)).connack.props, propResponseInfo)
	}),
	v5("MQTT-3.1.2-29", "Request Problem Information 0 keeps acknowledgements bare", func(t *T) {
		t.wish(func(s *Settings) { s.Forbid = true })
		c := t.client("c", p8(propRequestProblem, 0))
		c.send(subscribe(5, 1, nil, filter(forbidden+"a", 0), filter("a+", 0)),
			unsubscribe(5, 2, t.topic("none")), ack(0x62, 3),
			Message{Topic: forbidden + "a", QoS: 1, ID: 4}.encode(5), Message{Topic: forbidden + "a", QoS: 2, ID: 5}.encode(5))
		for range 5 {
			p, err := c.read(patience)
			if isClosed(err) && t.hall.foreign { // a bad filter may end the connection
				return
			}
			t.equal("error", err, nil)
			r, err := parseReply(5, p)
			t.equal("error", err, nil)
			t.without(r.props, propReasonString, propUser)
		}
	}),
}

// withWill opens a connection whose will says "gone" on t.topic("will") after a delay, with a session expiry interval.
func (t *T) withWill(name string, delay, expiry uint32) *conn {
	t.Helper()
	c := sessionOf(t, name, expires(expiry))
	c.Will = &Will{Topic: t.topic("will"), Payload: "gone", Props: [][]byte{p32(propWillDelay, delay)}}
	return t.connect(c)
}

// within shows that the answer has size bytes at most, or else is left out and the connection closed.
func (c *conn) within(size int) {
	c.t.Helper()
	if p, err := c.read(patience); err == nil && len(p.raw) > size {
		c.fatalf("got %v of %d bytes, want at most %d", p, len(p.raw), size)
	} else if err != nil && !isClosed(err) {
		c.fatalf("got %v, want an answer or the end of the connection", err)
	}
}
