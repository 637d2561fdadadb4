package enginetest

var v311Connect = []Case{
	v311("MQTT-3.1.2-2", "an unknown protocol level gets code 01 and is closed", func(t *T) {
		c := t.dial()
		c.send(connectRaw(9, 0x02, 0, nil, str(t.id("c")))) // level 9: with a property block, as 5.0 has
		c.expect(0x20, 0x02, 0x00, 0x01)
		c.closed()
	}),
	v311("MQTT-3.12.4-1", "PINGREQ is answered", func(t *T) {
		c := t.connect(Connect{})
		c.send(packetOf(0xC0))
		c.expect(0xD0, 0x00)
	}),
	v311("MQTT-3.1.2-8", "will after a cut", func(t *T) {
		s := t.connect(Connect{ID: t.id("s")})
		s.subscribe(t.topic("#"), 1)
		c := t.connect(Connect{Will: &Will{Topic: t.topic("w"), Payload: "gone"}})
		c.cut()
		t.equal("payload", s.receive().Payload, "gone")
		s.nothing(s)
	}),
}
