package enginetest

import (
	"slices"
	"time"
)

// Sections 3.1.2.4, 3.1.3.1 and 3.2 of 3.1.1: sessions, client identifiers, CONNACK.
var v311Session = []Case{
	v311("MQTT-3.1.2-4", "a session with CleanSession 0 outlives its connection", sessionIsResumed),
	v311("MQTT-3.1.2-5", "QoS 1 and 2 messages are kept for an absent client", keptForTheAbsent),
	v311("MQTT-3.1.2-6", "CleanSession 1 drops the old session and leaves none", cleanDropsSession),
	v311("MQTT-3.1.2-7", "retained messages outlive the session that published them", func(t *T) {
		c := t.connect(Connect{})
		c.publish(Message{Topic: t.topic("a"), Payload: "kept", QoS: 1, Retain: true})
		c.disconnect()
		s := t.connect(Connect{ID: t.id("s")})
		s.subscribe(t.topic("a"), 0)
		t.equal("payload", s.receive().Payload, "kept")
	}),
	v311("MQTT-3.1.3-2", "a session belongs to its client identifier", func(t *T) {
		a, b := Connect{ID: t.id("a"), Keep: true}, Connect{ID: t.id("b"), Keep: true}
		ca, cb := t.connect(a), t.connect(b)
		ca.subscribe(t.topic("a"), 1)
		cb.subscribe(t.topic("b"), 1)
		ca.disconnect()
		cb.disconnect()
		ca, cb = t.connect(a), t.connect(b)
		ca.publish(Message{Topic: t.topic("a"), Payload: "for a", QoS: 1})
		ca.publish(Message{Topic: t.topic("b"), Payload: "for b", QoS: 1})
		ca.payloads(ca, "for a")
		cb.payloads(ca, "for b")
	}),
	v311("MQTT-3.1.3-5", "identifiers of 1 to 23 letters and digits are accepted", shortAndLongID),
	v311("MQTT-3.1.3-6", "clients with an empty identifier get one each", func(t *T) {
		a, b := t.connect(Connect{NoID: true}), t.connect(Connect{NoID: true})
		a.ping()
		b.ping()
	}),
	v311("MQTT-3.1.3-8", "an empty identifier with CleanSession 0 gets code 02", func(t *T) {
		c := t.dial()
		c.send(connectRaw(4, 0x00, 0, nil, str("")))
		c.expect(0x20, 0x02, 0x00, 0x02)
		c.closed()
	}),
	v311("MQTT-3.1.3-9", "a refused identifier gets code 02", func(t *T) {
		t.withConfig(func(s *Settings) { s.MaxClientID = 30 })
		c := t.dial()
		c.send(connectRaw(4, 0x02, 0, nil, str("abcdefghijklmnopqrstuvwxyz01234")))
		c.expect(0x20, 0x02, 0x00, 0x02)
		c.closed()
	}),
	v311("MQTT-3.1.4-2", "the older client of the same identifier is disconnected", func(t *T) {
		for _, keep := range []bool{false, true} {
			old := t.connect(Connect{Keep: keep})
			t.connect(Connect{Keep: keep}).ping()
			old.closed()
		}
	}),
	v311("MQTT-3.1.4-3", "CleanSession 0 resumes", sessionIsResumed),
	v311("MQTT-3.1.4-3", "CleanSession 1 wipes", func(t *T) {
		s := t.connect(Connect{Keep: true})
		s.subscribe(t.topic("a"), 1)
		s = t.connect(Connect{}) // takes the session over
		t.equal("Session Present", s.connack.flags, byte(0))
		s.publish(Message{Topic: t.topic("a"), QoS: 1})
		s.nothing(s)
	}),
	v311("MQTT-3.1.4-4", "a valid CONNECT is confirmed with code 0", func(t *T) {
		who := Connect{ID: t.id("c"), Keep: true, Level: 4}
		c := t.dial()
		t.hall.remember(who.ID, 4)
		c.send(who.encode())
		c.expect(0x20, 0x02, 0x00, 0x00)
		c = t.dial()
		c.send(who.encode())
		c.expect(0x20, 0x02, 0x01, 0x00)
	}),
	v311("MQTT-3.1.4-5", "what follows a refused CONNECT is ignored", func(t *T) {
		nothingAfterRefusal(t, connectRaw(4, 0x00, 0, nil, str("")))
	}),
	v311("MQTT-3.1.4-5", "what follows a bad login is ignored", func(t *T) {
		t.withConfig(func(s *Settings) { s.Login = true })
		nothingAfterRefusal(t, Connect{ID: t.id("x"), Level: 4, User: loginUser, Password: "guess"}.encode())
	}),
	v311("MQTT-3.2.0-1", "CONNACK comes before the messages of a resumed session", func(t *T) {
		who := Connect{ID: t.id("s"), Keep: true}
		s, p := t.connect(who), t.connect(Connect{ID: t.id("p")})
		s.subscribe(t.topic("a"), 1)
		s.disconnect()
		for range 20 {
			p.publish(Message{Topic: t.topic("a"), QoS: 1})
		}
		s = t.dial()
		who.Level = 4
		s.send(who.encode())
		s.expect(0x20, 0x02, 0x01, 0x00)
		s.receive()
	}),
	v311("MQTT-3.2.2-1", "CleanSession 1 is answered with Session Present 0", func(t *T) {
		t.connect(Connect{Keep: true}).disconnect()
		t.equal("Session Present", t.connect(Connect{}).connack.flags, byte(0))
	}),
	v311("MQTT-3.2.2-2", "a stored session is answered with Session Present 1", func(t *T) {
		t.connect(Connect{Keep: true}).disconnect()
		t.equal("Session Present", t.connect(Connect{Keep: true}).connack.flags, byte(1))
	}),
	v311("MQTT-3.2.2-3", "no stored session is answered with Session Present 0", func(t *T) {
		t.equal("Session Present", t.connect(Connect{Keep: true}).connack.flags, byte(0))
	}),
	v311("MQTT-3.2.2-4", "a refusal has Session Present 0", func(t *T) {
		t.withConfig(func(s *Settings) { s.Login = true })
		t.connect(Connect{Keep: true, User: loginUser, Password: loginPassword}).disconnect()
		c := t.try(Connect{Keep: true, User: loginUser, Password: "guess"})
		t.equal("Session Present", c.connack.flags, byte(0))
		if code := c.connack.code; code != 4 && code != 5 {
			t.Fatalf("got code %02X, want 04 or 05", code)
		}
	}),
	v311("MQTT-3.2.2-5", "a refusal is followed by the end of the connection", func(t *T) {
		c := t.try(Connect{NoID: true, Keep: true})
		t.equal("code", c.connack.code, byte(2))
		c.closed()
	}),
	v311("MQTT-3.2.2-5", "a bad login is followed by the end of the connection", func(t *T) {
		t.withConfig(func(s *Settings) { s.Login = true })
		c := t.try(Connect{User: loginUser, Password: "guess"})
		if code := c.connack.code; code != 4 && code != 5 {
			t.Fatalf("got code %02X, want 04 or 05", code)
		}
		c.closed()
	}),
	v311("MQTT-4.1.0-1", "a long absence costs no message", func(t *T) {
		const n = 100
		who := Connect{ID: t.id("s"), Keep: true}
		s, p := t.connect(who), t.connect(Connect{ID: t.id("p")})
		s.subscribe(t.topic("#"), 2)
		s.disconnect()
		want := map[string]int{}
		for i := range n {
			qos := byte(1 + i%2)
			p.publish(Message{Topic: t.topic("a"), Payload: string(rune('A' + i)), QoS: qos})
			want[string(rune('A'+i))] = 1
		}
		s = t.connect(who)
		got := map[string]int{}
		for range n {
			got[s.receive().Payload]++
		}
		t.equal("copies of each message", got, want)
		s.nothing(p)
	}),
	v311("MQTT-4.1.0-2", "a session lives as long as its connection", func(t *T) {
		s, p := t.connect(Connect{ID: t.id("s"), KeepAlive: 1}), t.connect(Connect{ID: t.id("p")})
		s.subscribe(t.topic("a"), 0)
		for range 6 {
			s.silent(500 * time.Millisecond)
			s.ping()
		}
		p.publish(Message{Topic: t.topic("a"), Payload: "late"})
		t.equal("payload", s.receive().Payload, "late")
	}),
}

func sessionIsResumed(t *T) {
	s := t.connect(Connect{Keep: true})
	s.subscribe(t.topic("a"), 1)
	s.disconnect()
	s = t.connect(Connect{Keep: true})
	if t.version >= 4 {
		t.equal("Session Present", s.connack.flags, byte(1))
	}
	s.publish(Message{Topic: t.topic("a"), Payload: "still here", QoS: 1})
	t.equal("payload", s.receive().Payload, "still here")
}

// shortAndLongID connects with identifiers of one character and of 23, which no other case of the suite uses.
func shortAndLongID(t *T) {
	own := string("PQR"[t.version-3])
	for _, id := range []string{own, own + "bcdefghijkLMNOPQRSTUVW", own + "1234567890123456789012"} {
		t.equal("code for client id "+id, t.try(Connect{ID: id}).connack.code, byte(0))
	}
}

// nothingAfterRefusal sends a CONNECT that is refused and a retained PUBLISH in one write.
func nothingAfterRefusal(t *T, connect []byte) {
	good := Connect{ID: t.id("s"), User: loginUser, Password: loginPassword}
	s := t.connect(good)
	s.subscribe(t.topic("#"), 0)
	c := t.dial()
	c.send(connect, Message{Topic: t.topic("a"), Retain: true}.encode(t.version))
	if r := c.takeConnack(); r.code == 0 {
		t.Fatalf("got CONNACK 0 for % X, want a refusal", connect)
	}
	c.connack, c.greeted = reply{}, false
	c.closed()
	s.nothing(s)
	s.subscribe(t.topic("+"), 0)
	s.nothing(s)
}

func keptForTheAbsent(t *T) {
	who := Connect{ID: t.id("s"), Keep: true}
	s, p := t.connect(who), t.connect(Connect{ID: t.id("p")})
	s.subscribe(t.topic("#"), 2)
	s.disconnect()
	p.publish(Message{Topic: t.topic("1"), Payload: "one", QoS: 1})
	p.publish(Message{Topic: t.topic("2"), Payload: "two", QoS: 2})
	s = t.connect(who)
	got := []string{s.receive().Payload, s.receive().Payload}
	slices.Sort(got)
	t.equal("payloads", got, []string{"one", "two"})
	s.nothing(p)
}

func cleanDropsSession(t *T) {
	keep, clean := Connect{ID: t.id("s"), Keep: true}, Connect{ID: t.id("s")}
	s, p := t.connect(keep), t.connect(Connect{ID: t.id("p")})
	s.subscribe(t.topic("a"), 1)
	s.disconnect()
	p.publish(Message{Topic: t.topic("a"), QoS: 1})
	s = t.connect(clean)
	t.equal("Session Present", s.connack.flags, byte(0))
	s.subscribe(t.topic("b"), 1)
	s.disconnect()
	s = t.connect(keep)
	t.equal("Session Present", s.connack.flags, byte(0))
	p.publish(Message{Topic: t.topic("a"), QoS: 1})
	p.publish(Message{Topic: t.topic("b"), QoS: 1})
	s.nothing(p)
}
