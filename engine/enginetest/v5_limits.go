package enginetest

import (
	"fmt"
	"strings"
	"time"
)

// What a CONNACK announces, and what comes of a client that does not keep to it.
var v5Limits = []Case{
	v5("MQTT-3.2.2-9", "a limited QoS is announced", func(t *T) {
		for _, qos := range []byte{0, 1} {
			t.withConfig(func(s *Settings) { s.LimitQoS, s.MaxQoS = true, qos })
			t.equal("Maximum QoS", t.num(t.client("c").connack.props, propMaximumQoS), uint32(qos))
		}
	}),
	v5("MQTT-3.2.2-9", "an unlimited QoS is not announced", func(t *T) {
		c := t.client("c")
		t.without(c.connack.props, propMaximumQoS)
		t.equal("reason code", c.publish(Message{Topic: t.topic("a"), QoS: 2}) < 0x80, true)
	}),
	v5("MQTT-3.2.2-10", "a limited QoS is granted for every requested one", func(t *T) {
		for _, qos := range []byte{0, 1} {
			t.withConfig(func(s *Settings) { s.LimitQoS, s.MaxQoS = true, qos })
			c := t.client("c")
			codes := c.subscribeAll(nil, filter(t.topic("0"), 0), filter(t.topic("1"), 1), filter(t.topic("2"), 2))
			t.bytes("codes", codes, []byte{0, min(1, qos), min(2, qos)})
			c.publish(Message{Topic: t.topic("2"), QoS: qos, Payload: "x"})
			t.equal("QoS", c.receive().QoS, qos)
		}
	}),
	v5("MQTT-3.2.2-11", "a PUBLISH above the Maximum QoS ends the connection", func(t *T) {
		for _, qos := range []byte{0, 1} {
			t.withConfig(func(s *Settings) { s.LimitQoS, s.MaxQoS = true, qos })
			for above := qos + 1; above <= 2; above++ {
				c := t.client("c")
				c.send(Message{Topic: t.topic("a"), QoS: above, ID: 1}.encode(5))
				c.closed(0x9B)
			}
		}
	}),
	v5("MQTT-3.2.2-12", "a Will QoS above the Maximum QoS is refused", func(t *T) {
		t.withConfig(func(s *Settings) { s.LimitQoS, s.MaxQoS = true, 0 })
		t.refuses(Connect{Level: 5, ID: t.id("c"), Will: &Will{Topic: t.topic("w"), QoS: 1}}.encode(), 0x9B)
		t.refuses(Connect{Level: 5, ID: t.id("c"), Will: &Will{Topic: t.topic("w"), QoS: 2}}.encode(), 0x9B)
		t.connect(Connect{Will: &Will{Topic: t.topic("w")}})
	}),
	v5("MQTT-3.2.2-13", "a retained will is refused where nothing is retained", func(t *T) {
		t.withConfig(func(s *Settings) { s.NoRetain = true })
		t.refuses(Connect{Level: 5, ID: t.id("c"), Will: &Will{Topic: t.topic("w"), Retain: true}}.encode(), 0x9A)
	}),
	v5("MQTT-3.2.2-14", "a retained PUBLISH ends the connection where nothing is retained", func(t *T) {
		t.withConfig(func(s *Settings) { s.NoRetain = true })
		c := t.client("c")
		t.equal("Retain Available", t.num(c.connack.props, propRetainAvailable), uint32(0))
		c.send(Message{Topic: t.topic("a"), Retain: true}.encode(5))
		c.closed(0x9A)
	}),
	v5("MQTT-3.2.2-15", "a packet above the server's Maximum Packet Size ends the connection", func(t *T) {
		t.withConfig(func(s *Settings) { s.MaxPacketSize = 1000 })
		c := t.client("c")
		t.equal("Maximum Packet Size", t.num(c.connack.props, propMaximumPacketSize), uint32(1000))
		c.subscribe(t.topic("a"), 0)
		m := Message{Topic: t.topic("a")}
		m.Payload = strings.Repeat("x", 1000-1-len(m.encode(5))) // one byte more of remaining length
		t.equal("size of the largest packet", len(m.encode(5)), 1000)
		c.send(m.encode(5))
		t.equal("size of its delivery", len(c.next().raw), 1000)
		m.Payload += "x"
		c.send(m.encode(5))
		c.closed(0x95)
	}),
	v5("MQTT-3.2.2-15", "a packet is known to be too large by its first bytes", func(t *T) {
		t.withConfig(func(s *Settings) { s.MaxPacketSize = 1000 })
		c := t.client("c")
		c.send(u8(0x30, 0xFF, 0xFF, 0xFF, 0x7F))
		c.closed(0x95)
		c = t.dial()
		c.send(u8(0x10, 0xFF, 0xFF, 0xFF, 0x7F))
		c.closed(0x95)
	}),
	v5("MQTT-3.2.2-17", "a topic alias above the server's maximum ends the connection", func(t *T) { aliasAbove(t) }),
	v5("MQTT-3.2.2-18", "a topic alias ends the connection where none is allowed", func(t *T) {
		t.withConfig(func(s *Settings) { s.NoTopicAlias = true })
		c := t.client("c")
		if p, ok := c.connack.props.get(propTopicAliasMaximum); ok {
			t.equal("Topic Alias Maximum", p.num, uint32(0))
		}
		c.send(publish5(t.topic("a"), "x", p16(propTopicAlias, 1)))
		c.closed(0x94)
	}),
	v5("limits", "Server Keep Alive is announced and kept to", func(t *T) {
		t.withConfig(func(s *Settings) { s.ServerKeepAlive = 1 })
		start := time.Now()
		c := t.connect(Connect{KeepAlive: 600})
		t.equal("Server Keep Alive", t.num(c.connack.props, propServerKeepAlive), uint32(1))
		c.told(0x8D)
		t.notBefore(start, 1500*time.Millisecond)
	}),
	v5("limits", "Server Keep Alive holds for a client that wants none", func(t *T) {
		t.withConfig(func(s *Settings) { s.ServerKeepAlive = 1 })
		c := t.connect(Connect{})
		t.equal("Server Keep Alive", t.num(c.connack.props, propServerKeepAlive), uint32(1))
		c.told(0x8D)
	}),
	v5("limits", "the ceiling of the session expiry is announced and kept to", func(t *T) {
		t.withConfig(func(s *Settings) { s.MaxSessionExpiry = 1 })
		for _, wanted := range []uint32{100, 0xFFFFFFFF} {
			c := t.session("c", expires(wanted))
			t.equal("Session Expiry Interval", t.num(c.connack.props, propSessionExpiry), uint32(1))
			c.disconnect()
			elapse(2500 * time.Millisecond)
			t.equal("Session Present", t.session("c", expires(0)).connack.flags, byte(0))
		}
	}),
	v5("limits", "the ceiling of the session expiry holds for DISCONNECT", func(t *T) {
		t.withConfig(func(s *Settings) { s.MaxSessionExpiry = 1 })
		c := t.session("c", expires(1))
		c.send(disconnectWith(0, expires(100)))
		c.closed()
		elapse(2500 * time.Millisecond)
		t.equal("Session Present", t.session("c", expires(0)).connack.flags, byte(0))
	}),
	v5("limits", "an interval below the ceiling stays", func(t *T) {
		t.withConfig(func(s *Settings) { s.MaxSessionExpiry = 10 })
		for _, wanted := range []uint32{0, 5, 10} {
			c := t.session("c", expires(wanted))
			if p, ok := c.connack.props.get(propSessionExpiry); ok {
				t.equal("Session Expiry Interval", p.num, wanted)
			}
		}
	}),
	v5("limits", "wildcards are refused where they are not available", func(t *T) {
		t.withConfig(func(s *Settings) { s.NoWildcards = true })
		unavailable(t, propWildcardAvailable, subscribe5(t.topic("+"), 0), 0xA2)
		unavailable(t, propWildcardAvailable, subscribe5("$share/g/"+t.topic("#"), 0), 0xA2)
	}),
	v5("limits", "shared subscriptions are refused where they are not available", func(t *T) {
		t.withConfig(func(s *Settings) { s.NoShared = true })
		unavailable(t, propSharedAvailable, subscribe5("$share/g/"+t.topic("a"), 0), 0x9E)
	}),
	v5("limits", "subscription identifiers are refused where they are not available", func(t *T) {
		t.withConfig(func(s *Settings) { s.NoSubscriptionIDs = true })
		unavailable(t, propSubscriptionIDAvailable, subscribe5(t.topic("a"), 0, pVar(propSubscriptionID, 1)), 0xA1)
	}),
	v5("limits", "what is available is not announced as unavailable", func(t *T) {
		for _, p := range t.client("c").connack.props {
			switch p.id {
			case propRetainAvailable, propWildcardAvailable, propSubscriptionIDAvailable, propSharedAvailable:
				t.equal(fmt.Sprintf("property %02X", p.id), p.num, uint32(1))
			}
		}
	}),
	v5("limits", "Response Information is given to those who ask", func(t *T) {
		t.withConfig(func(s *Settings) { s.ResponseInfo = "replies/" })
		c := t.client("c", p8(propRequestResponse, 1))
		t.equal("Response Information", strings.HasPrefix(t.value(c.connack.props, propResponseInfo), "replies/"), true)
	}),
}

// unavailable shows that the capability with this property is announced as absent and that a SUBSCRIBE which uses it is
// refused: by the code in a SUBACK, or by a DISCONNECT with it.
func unavailable(t *T, property byte, subscribe []byte, code byte) {
	t.Helper()
	c := t.client("c")
	t.equal("availability", t.num(c.connack.props, property), uint32(0))
	c.send(subscribe)
	if p := c.next(); p.typ() == typSuback {
		t.bytes("codes", c.parse(typSuback, p).codes, u8(code))
		return
	} else if r := c.parse(typDisconnect, p); r.code != code {
		t.Fatalf("got %v, want code %02X in a SUBACK or DISCONNECT", p, code)
	}
	c.closed()
}
