package faulty

import (
	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func (c *conn) publish(flags byte, body []byte) bool {
	var p mqtt.Publish
	if p.Decode(c.peer(), flags, body) != nil || len(p.Topic) == 0 {
		return false
	}
	var wrong faults
	if p.Topic[0] != '$' {
		wrong = c.broker.event(Stall, SeverSender)
	}
	if wrong.has(Stall) {
		c.broker.stall(wrong[Stall])
	}
	if wrong.has(SeverSender) {
		c.end()
		return true
	}
	m := newMessage(p.Topic, p.Payload, p.QoS, p.Retain)
	if p.QoS == 0 {
		c.broker.route(c.session, m)
		return true
	}
	verdict := c.session.receiver.Publish(p.ID, p.QoS)
	if verdict != flow.New && verdict != flow.Duplicate {
		return false
	}
	wrong = c.broker.event(WithholdAck, WrongAck, RefuseAck, StartlePublisher)
	reason := mqtt.Success
	if wrong.has(RefuseAck) {
		reason = mqtt.QuotaExceeded
	}
	if verdict == flow.New && !reason.Failed() {
		c.broker.route(c.session, m)
	}
	answer := mqtt.PUBACK
	if p.QoS == 2 {
		answer = mqtt.PUBREC
	}
	if wrong.has(StartlePublisher) {
		c.ack(answer, p.ID^0x4000, mqtt.Success)
	}
	switch {
	case wrong.has(WithholdAck):
	case wrong.has(WrongAck):
		c.ack(answer, p.ID^0x4000, reason)
	default:
		c.ack(answer, p.ID, reason)
		c.session.receiver.Acked(p.ID, p.QoS, reason)
	}
	return true
}

func (c *conn) ack(t mqtt.Type, id uint16, reason mqtt.Reason) {
	c.send(func(dst []byte) []byte { return mqtt.AppendAck(dst, t, id, reason, c.version) })
}

func (c *conn) acknowledge(h mqtt.Header, body []byte) bool {
	p := mqtt.Ack{Type: h.Type}
	if p.Decode(c.peer(), h.Flags, body) != nil {
		return false
	}
	s := c.session
	switch h.Type {
	case mqtt.PUBACK:
		s.sender.Puback(p.ID)
	case mqtt.PUBREC:
		switch _, _, step := s.sender.Pubrec(p.ID, p.Reason); step {
		case flow.SendPubrel, flow.Repeated:
			if !c.broker.event(WithholdRel).has(WithholdRel) {
				c.ack(mqtt.PUBREL, p.ID, mqtt.Success)
			}
		case flow.Unknown:
			c.ack(mqtt.PUBREL, p.ID, mqtt.PacketIdentifierNotFound)
		}
	case mqtt.PUBCOMP:
		s.sender.Pubcomp(p.ID)
	case mqtt.PUBREL:
		reason := mqtt.PacketIdentifierNotFound
		if s.receiver.Pubrel(p.ID) {
			reason = mqtt.Success
		}
		if !c.broker.event(WithholdComp).has(WithholdComp) {
			c.ack(mqtt.PUBCOMP, p.ID, reason)
			s.receiver.Completed(p.ID)
		}
	}
	s.pump()
	return true
}
