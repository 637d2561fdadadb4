package enginetest

import (
	"slices"
	"strings"
)

// Sections 3.1.3 and 3.1.4: the payload of CONNECT, and what the server makes of it.
var v5ConnectPayload = []Case{
	v5("MQTT-3.1.3-1", "the fields are read in their order", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("+"), 0)
		c := t.connect(Connect{
			Will: &Will{Topic: t.topic("will"), Payload: "gone", Props: [][]byte{pStr(propContentType, "type")}},
			User: "alice", Password: "secret",
		})
		c.cut()
		m := w.receive()
		t.equal("topic", m.Topic, t.topic("will"))
		t.equal("payload", m.Payload, "gone")
		t.equal("content type", t.value(m.props, propContentType), "type")
	}),
	v5("MQTT-3.1.3-1", "user name and password come behind the will", func(t *T) {
		t.withConfig(func(s *Settings) { s.Login = true })
		will := &Will{Topic: t.topic("will"), Payload: "gone"}
		t.connect(Connect{Will: will, User: loginUser, Password: loginPassword})
		c := t.try(Connect{Will: will, User: loginPassword, Password: loginUser})
		t.equal("refused", c.connack.code >= 0x80, true)
	}),
	v5("MQTT-3.1.3-2", "the client identifier is the key of the session", func(t *T) {
		a, b := t.session("a"), t.session("b")
		a.subscribe(t.topic("a"), 1)
		b.subscribe(t.topic("b"), 1)
		a.disconnect()
		b.disconnect()
		p := t.client("p")
		p.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "for a"})
		p.publish(Message{Topic: t.topic("b"), QoS: 1, Payload: "for b"})
		t.session("a").payloads(p, "for a")
		t.session("b").payloads(p, "for b")
	}),
	v5("MQTT-3.1.3-3", "a CONNECT without client identifier is refused", func(t *T) {
		t.refuses(connectRaw(5, 0x02, 0, nil), 0x81)
	}),
	v5("MQTT-3.1.3-4", "a client identifier that is not UTF-8 is refused", func(t *T) {
		for _, id := range []string{"\xFF\xFE", "a\xED\xA0\x80", "\xC0\x80"} {
			t.refuses(connectRaw(5, 0x02, 0, nil, str(id)), 0x81, 0x85)
		}
	}),
	v5("MQTT-3.1.3-5", "identifiers of 1 to 23 letters and digits are taken", func(t *T) {
		for _, id := range []string{"5", "z5", "abcdefghijklmnopqrstuvw", "xyzABCDEFGHIJKLMNOPQRST", "UVWXYZ0123456789"} {
			t.equal("code for "+id, t.try(Connect{ID: id}).connack.code, byte(0))
		}
	}),
	v5("MQTT-3.1.3-6", "each empty identifier is replaced by a unique one", func(t *T) {
		a, b := t.connect(Connect{NoID: true}), t.connect(Connect{NoID: true})
		if x, y := t.value(a.connack.props, propAssignedClientID), t.value(b.connack.props, propAssignedClientID); x == y {
			t.Fatalf("got the same identifier %q twice", x)
		}
		a.ping()
		b.ping()
	}),
	v5("MQTT-3.1.3-7", "an assigned identifier is returned and names the session", func(t *T) {
		for _, keep := range []bool{false, true} {
			c := t.connect(Connect{NoID: true, Keep: keep, Props: [][]byte{expires(60)}})
			id := t.value(c.connack.props, propAssignedClientID)
			t.equal("Session Present", c.connack.flags, byte(0))
			c.subscribe(t.topic("a"), 1)
			c.disconnect()
			c = t.connect(Connect{ID: id, Keep: true})
			t.equal("Session Present", c.connack.flags, byte(1))
			t.without(c.connack.props, propAssignedClientID)
			c.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: "x"})
			t.equal("payload", c.receive().Payload, "x")
			c.disconnect()
		}
	}),
	v5("MQTT-3.1.3-8", "a refused identifier ends the connection", func(t *T) {
		t.withConfig(func(s *Settings) { s.MaxClientID = 23 })
		t.refuses(Connect{Level: 5, ID: strings.Repeat("x", 24)}.encode(), 0x85)
		t.connect(Connect{ID: strings.Repeat("y", 23)})
	}),
	v5("MQTT-3.1.3-10", "user properties of a will keep their order", func(t *T) {
		w := t.client("w")
		w.subscribe(t.topic("will"), 0)
		c := t.connect(Connect{Will: &Will{Topic: t.topic("will"), Props: [][]byte{pUser("b", "1"), pUser("a", "2"), pUser("b", "3")}}})
		c.cut()
		t.equal("user properties", w.receive().props.users(), []string{"b=1", "a=2", "b=3"})
	}),
	v5("MQTT-3.1.3-11", "a will topic that is not UTF-8 is refused", func(t *T) {
		for _, topic := range []string{"\xC0\x80", "w\xFF", "\xED\xA0\x80", "w\x00"} {
			t.refuses(Connect{Level: 5, ID: t.id("c"), Will: &Will{Topic: topic}}.encode(), 0x81)
		}
	}),
	v5("MQTT-3.1.3-12", "a user name that is not UTF-8 is refused", func(t *T) {
		for _, user := range []string{"\xFF", "al\xED\xA0\x80ce", "a\x00"} {
			t.refuses(Connect{Level: 5, ID: t.id("c"), User: user}.encode(), 0x81)
		}
	}),
	v5("MQTT-3.1.4-1", "a CONNECT cut short anywhere is refused", func(t *T) {
		c := Connect{
			Level: 5, ID: t.id("c"), User: "alice", Password: "secret", Props: [][]byte{expires(0)},
			Will: &Will{Topic: "w", Payload: "gone", Props: [][]byte{p32(propWillDelay, 1)}},
		}.encode()
		for n := range len(c) - 2 {
			t.refuses(packetOf(0x10, c[2:2+n]), 0x81, 0x82, 0x84)
		}
	}),
	v5("MQTT-3.1.4-1", "trailing bytes and unknown properties are refused", func(t *T) {
		t.refuses(connectRaw(5, 0x02, 0, nil, str(t.id("c")), u8(0)), 0x81, 0x82)
		t.refuses(connectRaw(5, 0x02, 0, [][]byte{u8(0x7F, 0)}, str(t.id("c"))), 0x81, 0x82)
		t.refuses(connectRaw(5, 0x02, 0, [][]byte{p16(propTopicAlias, 1)}, str(t.id("c"))), 0x81, 0x82)
	}),
	v5("MQTT-3.1.4-2", "failed authentication ends the connection", func(t *T) {
		t.withConfig(func(s *Settings) { s.Login = true })
		for _, c := range []Connect{{User: loginUser, Password: "wrong"}, {User: "bob", Password: loginPassword}, {User: loginUser}, {}} {
			c.Level, c.ID = 5, t.id("c")
			t.refuses(c.encode(), 0x86, 0x87)
		}
	}),
	v5("MQTT-3.1.4-3", "the older connection of the same client gets 8E and is closed", func(t *T) {
		for _, keep := range []bool{false, true} {
			a := t.connect(Connect{ID: t.id("c"), Keep: keep})
			b := t.connect(Connect{ID: t.id("c"), Keep: keep})
			a.told(0x8E)
			b.ping()
		}
	}),
	v5("MQTT-3.1.4-4", "Clean Start is processed for a CONNECT that passed", func(t *T) {
		c := t.session("c")
		c.subscribe(t.topic("a"), 1)
		c.disconnect()
		c = t.client("c")
		t.equal("Session Present", c.connack.flags, byte(0))
		c.publish(Message{Topic: t.topic("a"), QoS: 1})
		c.nothing(c)
	}),
	v5("MQTT-3.1.4-4", "a refused CONNECT touches neither session nor connection", func(t *T) {
		t.withConfig(func(s *Settings) { s.Login = true })
		login := sessionOf(t, "c")
		login.User, login.Password = loginUser, loginPassword
		c := t.connect(login)
		t.refuses(Connect{Level: 5, ID: t.id("c"), User: loginUser, Password: "wrong"}.encode(), 0x86, 0x87)
		c.ping()
		c.disconnect()
		t.equal("Session Present", t.connect(login).connack.flags, byte(1))
	}),
	v5("MQTT-3.1.4-5", "a valid CONNECT is answered by CONNACK 00", func(t *T) {
		c := t.dial()
		c.send(Connect{Level: 5, ID: t.id("c")}.encode())
		p := c.next()
		t.bytes("CONNACK without its length", slices.Delete(slices.Clone(p.raw[:4]), 1, 2), []byte{0x20, 0x00, 0x00})
	}),
	v5("MQTT-3.1.4-6", "nothing behind a refused CONNECT is processed", func(t *T) {
		t.withConfig(func(s *Settings) { s.Login = true })
		p := t.connect(Connect{ID: t.id("p"), User: loginUser, Password: loginPassword})
		p.subscribe(t.topic("+"), 1)
		c := t.dial()
		c.send(Connect{Level: 5, ID: t.id("c"), User: loginUser, Password: "wrong"}.encode(),
			Message{Topic: t.topic("a"), Payload: "x", Retain: true}.encode(5))
		c.closed(0x86, 0x87)
		p.nothing(p)
		p.subscribe(t.topic("a"), 0)
		p.ping()
	}),
}
