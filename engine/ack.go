package engine

import (
	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// acknowledgement is a PUBACK, PUBREC or PUBCOMP about what the broker sent, or a PUBREL about what the client sent.
func (l *loop) acknowledgement(c *conn, h mqtt.Header, body []byte) {
	p := &l.in.ack
	p.Type = h.Type
	if err := p.Decode(c.peer(), h.Flags, body); err != nil {
		c.fail(err)
		return
	}
	switch h.Type {
	case mqtt.PUBACK:
		l.puback(c, p)
	case mqtt.PUBREC:
		l.pubrec(c, p)
	case mqtt.PUBCOMP:
		l.pubcomp(c, p)
	default:
		l.pubrel(c, p)
	}
	if s := c.sess; s != nil && h.Type != mqtt.PUBREL && l.waiting(s) {
		l.pump(s)
	}
}

// puback ends a QoS 1 delivery. [MQTT-4.3.2-3] [MQTT-4.4.0-2]
func (l *loop) puback(c *conn, p *mqtt.Ack) {
	if c.sess.Send == nil {
		return
	}
	seq, d, ok := c.sess.Send.Puback(p.ID)
	if !ok {
		return // a repeat, or of an exchange that ended with an earlier session
	}
	if p.Reason >= 0x80 { // discarded, and offered to nobody else [MQTT-4.8.2-6]
		l.dropped(DropRefused)
	}
	l.storeAck(c.sess, seq)
	l.release(&d)
}

// pubrec is the first answer to a QoS 2 delivery. [MQTT-4.3.3-4]
func (l *loop) pubrec(c *conn, p *mqtt.Ack) {
	step := flow.Unknown
	if c.sess.Send != nil {
		seq, d, s := c.sess.Send.Pubrec(p.ID, p.Reason)
		switch step = s; step {
		case flow.Ended: // [MQTT-4.4.0-2] [MQTT-4.8.2-6]
			l.dropped(DropRefused)
			l.storeAck(c.sess, seq)
			l.release(&d)
			return
		case flow.SendPubrel:
			l.answer(c, outItem{typ: mqtt.PUBREL, id: p.ID}, l.storeReleased(c.sess, seq))
			return
		case flow.Repeated:
			if l.unkept(c.sess) {
				l.closeInDoubt(c)
				return
			}
			l.answerRepeat(c, outItem{typ: mqtt.PUBREL, id: p.ID})
			return
		}
	}
	if p.Reason < 0x80 {
		l.answer(c, outItem{typ: mqtt.PUBREL, id: p.ID, code: mqtt.PacketIdentifierNotFound}, false)
	}
}

// pubcomp ends a QoS 2 delivery. [MQTT-4.3.3-5]
func (l *loop) pubcomp(c *conn, p *mqtt.Ack) {
	if c.sess.Send == nil {
		return
	}
	if seq, d, ok := c.sess.Send.Pubcomp(p.ID); ok {
		l.storeAck(c.sess, seq)
		l.release(&d)
	}
}

// pubrel ends a QoS 2 publish of the client. [MQTT-4.3.3-11] [MQTT-4.3.3-12]
func (l *loop) pubrel(c *conn, p *mqtt.Ack) {
	if c.sess.Recv == nil || !c.sess.Recv.Pubrel(p.ID) {
		l.answer(c, outItem{typ: mqtt.PUBCOMP, id: p.ID, code: mqtt.PacketIdentifierNotFound}, false)
		return
	}
	l.answer(c, outItem{typ: mqtt.PUBCOMP, id: p.ID}, l.storeCompleted(c.sess, p.ID))
}
