package enginetest

// Section 3.1.2: protocol name and level, connect flags. What the flags and properties bring about is in v5_connect_session.go.
var v5Connect = []Case{
	v5("MQTT-3.1.0-1", "a first packet other than CONNECT ends the connection", func(t *T) {
		for _, packet := range [][]byte{
			packetOf(0xC0), packetOf(0xE0), authWith(0x18, pStr(propAuthMethod, "x")),
			publish5("a", "x"), subscribe5("a", 0), unsubscribe(5, 1, "a"), ack(0x40, 1), ack(0x62, 1),
		} {
			t.refuses(packet)
		}
	}),
	v5("MQTT-3.1.0-2", "a second CONNECT ends the connection", func(t *T) {
		c := t.client("c")
		c.send(Connect{Level: 5, ID: t.id("c"), Keep: true}.encode())
		c.closed(0x82)
	}),
	v5("MQTT-3.1.0-2", "a second CONNECT behind the first ends the connection", func(t *T) {
		connect := Connect{Level: 5, ID: t.id("c")}.encode()
		c := t.dial()
		c.send(connect, connect)
		c.takeConnack()
		c.closed(0x82)
	}),
	v5("MQTT-3.1.2-1", "a protocol name other than MQTT is refused", func(t *T) {
		for _, name := range []string{"MQTX", "mqtt", "MQTT5", "", "MQIsdp"} {
			c := t.dial()
			c.send(packetOf(0x10, str(name), u8(5, 0x02), u16(0), u8(0), str(t.id("c"))))
			c.unserved()
		}
	}),
	v5("MQTT-3.1.2-2", "an unknown protocol version is refused", func(t *T) {
		for _, level := range []byte{0, 1, 2, 6, 7, 0x7F, 0xFF} {
			c := t.dial()
			c.send(packetOf(0x10, str("MQTT"), u8(level, 0x02), u16(0), u8(0), str(t.id("c"))))
			c.unserved()
		}
	}),
	v5("MQTT-3.1.2-3", "a set reserved connect flag is malformed", func(t *T) {
		t.refuses(connectRaw(5, 0x03, 0, nil, str(t.id("c"))), 0x81)
	}),
	v5("MQTT-3.1.2-9", "a Will Flag without will fields is refused", func(t *T) {
		t.refuses(connectRaw(5, 0x06, 0, nil, str(t.id("c"))), 0x81)
		t.refuses(connectRaw(5, 0x06, 0, nil, str(t.id("c")), propBlock()), 0x81)
		t.refuses(connectRaw(5, 0x06, 0, nil, str(t.id("c")), propBlock(), str("w")), 0x81)
		t.refuses(connectRaw(5, 0x02, 0, nil, str(t.id("c")), propBlock(), str("w"), str("gone")), 0x81)
	}),
	v5("MQTT-3.1.2-11", "a Will QoS without Will Flag is refused", func(t *T) {
		t.refuses(connectRaw(5, 0x0A, 0, nil, str(t.id("c"))), 0x81, 0x82)
		t.refuses(connectRaw(5, 0x12, 0, nil, str(t.id("c"))), 0x81, 0x82)
	}),
	v5("MQTT-3.1.2-12", "Will QoS 3 is malformed", func(t *T) {
		t.refuses(connectRaw(5, 0x1E, 0, nil, str(t.id("c")), propBlock(), str("w"), str("gone")), 0x81)
	}),
	v5("MQTT-3.1.2-12", "Will QoS 0, 1 and 2 are taken", func(t *T) {
		for _, qos := range []byte{0, 1, 2} {
			t.connect(Connect{Will: &Will{Topic: t.topic("w"), QoS: qos}}).disconnect()
		}
	}),
	v5("MQTT-3.1.2-13", "Will Retain without Will Flag is refused", func(t *T) {
		t.refuses(connectRaw(5, 0x22, 0, nil, str(t.id("c"))), 0x81, 0x82)
	}),
	v5("MQTT-3.1.2-16", "a user name without User Name Flag is refused", func(t *T) {
		t.refuses(connectRaw(5, 0x02, 0, nil, str(t.id("c")), str("alice")), 0x81, 0x82)
	}),
	v5("MQTT-3.1.2-17", "a User Name Flag without user name is refused", func(t *T) {
		t.refuses(connectRaw(5, 0x82, 0, nil, str(t.id("c"))), 0x81)
	}),
	v5("MQTT-3.1.2-18", "a password without Password Flag is refused", func(t *T) {
		t.refuses(connectRaw(5, 0x82, 0, nil, str(t.id("c")), str("alice"), str("secret")), 0x81, 0x82)
	}),
	v5("MQTT-3.1.2-19", "a Password Flag without password is refused", func(t *T) {
		t.refuses(connectRaw(5, 0x42, 0, nil, str(t.id("c"))), 0x81)
		t.refuses(connectRaw(5, 0xC2, 0, nil, str(t.id("c")), str("alice")), 0x81)
	}),
	v5("MQTT-3.1.2-19", "a password may come without a user name", func(t *T) {
		t.connect(Connect{Password: "secret"})
	}),
	v5("MQTT-3.1.2-30", "a PUBLISH during the authentication exchange ends the connection", func(t *T) {
		c := t.startAuth()
		c.send(publish5(t.topic("a"), "early"))
		c.closed(0x82)
	}),
	v5("MQTT-3.1.2-30", "a DISCONNECT during the authentication exchange ends it", func(t *T) {
		c := t.startAuth()
		c.send(packetOf(0xE0))
		c.closed()
	}),
}

// unserved waits for the end of a connection whose protocol version the broker does not know. Before it there may be a CONNACK
// of either form that says so: no version is common ground.
func (c *conn) unserved() {
	c.t.Helper()
	p, err := c.read(patience)
	if err == nil {
		old := p.first == typConnack && len(p.body) == 2 && p.body[0] == 0 && p.body[1] == 1
		if !old && (p.first != typConnack || len(p.body) < 3 || p.body[0] != 0 || p.body[1] != 0x84) {
			c.fatalf("got %v, want a CONNACK with code 84, or 01 in the form of 3.x", p)
		}
		p, err = c.read(patience)
	}
	if !isClosed(err) {
		c.fatalf("got %v, %v, want the connection closed", p, err)
	}
}
