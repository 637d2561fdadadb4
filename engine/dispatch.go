package engine

import "github.com/penstock-mqtt/penstock/codec/mqtt"

// Violations that no single packet shows: they lie in the order of packets.
var (
	errFirst    = &mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-3.1.0-1", Detail: "the first packet is not a CONNECT"}
	errSecond   = &mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-3.1.0-2", Detail: "second CONNECT"}
	errExchange = &mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-3.1.2-30", Detail: "only AUTH and DISCONNECT may come before the CONNACK"}
)

// dispatch finds the step for a packet and says what is legal when.
func (l *loop) dispatch(c *conn, h mqtt.Header, body []byte) {
	l.cutBatch()
	switch c.state {
	case awaitConnect:
		if h.Type != mqtt.CONNECT { // [MQTT-3.1.0-1]
			c.fail(errFirst)
			return
		}
		l.connect(c, h, body)
	case exchanging:
		if h.Type != mqtt.AUTH && h.Type != mqtt.DISCONNECT { // [MQTT-3.1.2-30]
			c.fail(errExchange)
			return
		}
		if err := h.Check(c.peer()); err != nil {
			c.fail(err)
			return
		}
		if h.Type == mqtt.AUTH {
			l.authPacket(c, h, body)
			return
		}
		l.hangUpEarly(c, h.Flags, body)
	case connected:
		if err := h.Check(c.peer()); err != nil {
			c.fail(err)
			return
		}
		l.step(c, h, body)
	}
}

// step is the table of what a connected client may send; Header.Check has refused all else.
func (l *loop) step(c *conn, h mqtt.Header, body []byte) {
	switch h.Type {
	case mqtt.PUBLISH:
		l.publish(c, h.Flags, body)
	case mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP:
		l.acknowledgement(c, h, body)
	case mqtt.SUBSCRIBE:
		l.subscribe(c, h.Flags, body)
	case mqtt.UNSUBSCRIBE:
		l.unsubscribe(c, h.Flags, body)
	case mqtt.PINGREQ:
		l.pingreq(c, h.Flags, body)
	case mqtt.DISCONNECT:
		l.disconnectPacket(c, h.Flags, body)
	case mqtt.AUTH:
		l.authPacket(c, h, body)
	case mqtt.CONNECT: // [MQTT-3.1.0-2]
		c.fail(errSecond)
	}
}

// pingreq answers a PINGREQ. [MQTT-3.12.4-1]
func (l *loop) pingreq(c *conn, flags byte, body []byte) {
	if err := mqtt.DecodePing(c.peer(), flags, body); err != nil {
		c.fail(err)
		return
	}
	l.push(c, outItem{typ: mqtt.PINGRESP})
}
