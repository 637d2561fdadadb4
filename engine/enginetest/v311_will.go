package enginetest

import "time"

// Sections 3.1.2.5 to 3.1.2.10 and 3.14 of 3.1.1: wills, keep alive, DISCONNECT.
var v311Will = []Case{
	v311("MQTT-3.1.2-8", "a cut connection publishes its will", willAfterCut),
	v311("MQTT-3.1.2-8", "a protocol violation publishes the will", func(t *T) {
		s := t.connect(Connect{ID: t.id("s")})
		s.subscribe(t.topic("#"), 0)
		c := t.connect(Connect{Will: &Will{Topic: t.topic("w"), Payload: "gone"}})
		c.send(u8(0x00, 0x00))
		c.closed()
		t.equal("payload", s.receive().Payload, "gone")
	}),
	v311("MQTT-3.1.2-8", "an empty will message is published", func(t *T) {
		s := t.connect(Connect{ID: t.id("s")})
		s.subscribe(t.topic("#"), 0)
		t.connect(Connect{Will: &Will{Topic: t.topic("w")}}).cut()
		s.expect(packetOf(0x30, str(t.topic("w")))...)
	}),
	v311("MQTT-3.1.2-10", "a will is published once", func(t *T) {
		s := t.connect(Connect{ID: t.id("s")})
		s.subscribe(t.topic("#"), 0)
		t.connect(Connect{Will: &Will{Topic: t.topic("w"), Payload: "gone"}}).cut()
		t.equal("payload", s.receive().Payload, "gone")
		s.nothing(t.connect(Connect{}).leave())
	}),
	v311("MQTT-3.1.2-10", "a will deleted by DISCONNECT does not come back", func(t *T) {
		s := t.connect(Connect{ID: t.id("s")})
		s.subscribe(t.topic("#"), 0)
		t.connect(Connect{Will: &Will{Topic: t.topic("w"), Payload: "gone"}, Keep: true}).disconnect()
		s.nothing(t.connect(Connect{Keep: true}).leave())
	}),
	v311("MQTT-3.1.2-12", "a connection without will ends without one", func(t *T) {
		s := t.connect(Connect{ID: t.id("s")})
		s.subscribe(t.topic("#"), 0)
		s.nothing(t.connect(Connect{}).leave())
	}),
	v311("MQTT-3.1.2-16", "a will without will retain is not retained", func(t *T) {
		s, late := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("late")})
		s.subscribe(t.topic("#"), 0)
		t.connect(Connect{Will: &Will{Topic: t.topic("w"), Payload: "gone"}}).cut()
		t.equal("RETAIN of the live will", s.receive().Retain, false)
		late.subscribe(t.topic("w"), 0)
		late.nothing(late)
	}),
	v311("MQTT-3.1.2-17", "a will with will retain is retained", willIsRetained),
	v311("MQTT-3.1.2-24", "silence beyond one and a half keep alive closes and publishes the will", keepAliveRunsOut),
	v311("MQTT-3.1.2-24", "any packet counts as a sign of life", func(t *T) {
		c := t.connect(Connect{KeepAlive: 1})
		for range 5 {
			c.silent(600 * time.Millisecond)
			c.publish(Message{Topic: t.topic("a")})
		}
		c.ping()
	}),
	v311("MQTT-3.1.2-24", "keep alive 0 asks for no sign of life", func(t *T) {
		c := t.connect(Connect{})
		c.silent(4 * time.Second)
		c.ping()
	}),
	v311("MQTT-3.14.1-1", "a DISCONNECT with reserved flags is none", func(t *T) {
		s := t.connect(Connect{ID: t.id("s")})
		s.subscribe(t.topic("#"), 0)
		c := t.connect(Connect{Will: &Will{Topic: t.topic("w"), Payload: "gone"}})
		c.send(packetOf(0xE1))
		c.closed()
		t.equal("payload", s.receive().Payload, "gone")
	}),
	v311("MQTT-3.14.4-2", "what follows a DISCONNECT is ignored", func(t *T) {
		s := t.connect(Connect{ID: t.id("s")})
		s.subscribe(t.topic("#"), 0)
		c := t.connect(Connect{})
		c.send(packetOf(0xE0), Message{Topic: t.topic("a")}.encode(4))
		c.closed()
		s.nothing(t.connect(Connect{}))
	}),
	v311("MQTT-3.14.4-3", "DISCONNECT discards the will", willAfterDisconnect),
}

func keepAliveRunsOut(t *T) {
	s := t.connect(Connect{ID: t.id("s")})
	s.subscribe(t.topic("#"), 0)
	c := t.connect(Connect{KeepAlive: 2, Will: &Will{Topic: t.topic("w"), Payload: "silent"}})
	limit := 6 * time.Second
	if t.hall.foreign { // mosquitto 2.0.11 looks at its clients every five seconds
		limit = patience
	}
	start := time.Now()
	c.closed()
	if d := time.Since(start); d < 2500*time.Millisecond || d > limit {
		t.Fatalf("closed after %v, want about 3 s", d)
	}
	t.equal("payload", s.receive().Payload, "silent")
}

func willAfterCut(t *T) {
	s := t.connect(Connect{ID: t.id("s")})
	s.subscribe(t.topic("#"), 2)
	for qos := byte(0); qos <= 2; qos++ {
		t.connect(Connect{Will: &Will{Topic: t.topic("w"), Payload: "gone", QoS: qos}}).cut()
		m := s.receive()
		t.equal("will", Message{Topic: m.Topic, Payload: m.Payload, QoS: m.QoS}, Message{Topic: t.topic("w"), Payload: "gone", QoS: qos})
	}
}

func willAfterDisconnect(t *T) {
	s := t.connect(Connect{ID: t.id("s")})
	s.subscribe(t.topic("#"), 0)
	t.connect(Connect{Will: &Will{Topic: t.topic("w"), Payload: "gone"}}).disconnect()
	s.nothing(t.connect(Connect{}).leave())
}

func willIsRetained(t *T) {
	s, late := t.connect(Connect{ID: t.id("s")}), t.connect(Connect{ID: t.id("late")})
	s.subscribe(t.topic("#"), 0)
	t.connect(Connect{Will: &Will{Topic: t.topic("w"), Payload: "gone", QoS: 1, Retain: true}}).cut()
	t.equal("RETAIN of the live will", s.receive().Retain, false)
	late.subscribe(t.topic("w"), 1)
	m := late.receive()
	t.equal("payload of the retained will", m.Payload, "gone")
	t.equal("its RETAIN", m.Retain, true)
	t.equal("its QoS", m.QoS, byte(1))
}
