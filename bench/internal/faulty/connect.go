package faulty

import (
	"fmt"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func (c *conn) connect(flags byte, body []byte) bool {
	var p mqtt.Connect
	if p.Decode(flags, body) != nil || p.Version < mqtt.V311 {
		return false
	}
	c.version = p.Version
	wrong := c.broker.event(RefuseConnect, MuteConnect, WrongConnect, FalsePresent)
	switch {
	case wrong.has(RefuseConnect):
		refused := mqtt.Connack{Reason: mqtt.NotAuthorized}
		c.send(func(dst []byte) []byte { return refused.AppendTo(dst, c.version, 0) })
		c.end()
		return true // until the client closes, or the writer does
	case wrong.has(MuteConnect):
		return true
	case wrong.has(WrongConnect):
		c.send(mqtt.AppendPingresp)
		return true
	}
	ack := mqtt.Connack{}
	id := string(p.ClientID)
	if id == "" {
		c.broker.named++
		id = fmt.Sprintf("given-%d", c.broker.named)
		ack.Props.AssignedClientID = []byte(id)
		ack.Props.Set(mqtt.PropAssignedClientID)
	}
	s := c.broker.claim(id, p.CleanStart)
	ack.SessionPresent = s.known != wrong.has(FalsePresent)
	s.known, s.conn = true, c
	s.kept = p.Version < mqtt.V5 && !p.CleanStart || p.Props.Has(mqtt.PropSessionExpiry) && p.Props.SessionExpiry > 0
	c.session = s
	if p.HasWill {
		c.will = newMessage(p.Will.Topic, p.Will.Payload, p.Will.QoS, p.Will.Retain)
	}
	c.send(func(dst []byte) []byte { return ack.AppendTo(dst, c.version, 0) })
	quota := 65535
	if p.Props.Has(mqtt.PropReceiveMaximum) {
		quota = int(p.Props.ReceiveMaximum)
	}
	s.resume(quota)
	return true
}

// claim finds the session of a client identifier, or makes one, and ends the connection it had.
func (b *Broker) claim(id string, clean bool) *session {
	s := b.sessions[id]
	if s != nil && s.conn != nil {
		s.conn.session = nil
		s.conn.end()
		s.conn = nil
		if !s.kept {
			b.forget(s)
			s = nil
		}
	}
	if s != nil && (clean || b.event(ForgetSession).has(ForgetSession)) {
		b.forget(s)
		s = nil
	}
	if s == nil {
		s = &session{broker: b}
		b.sessions[id] = s
		b.order = append(b.order, s)
		s.id = id
	}
	return s
}

func (b *Broker) forget(s *session) {
	delete(b.sessions, s.id)
	for i, other := range b.order {
		if other == s {
			b.order = append(b.order[:i], b.order[i+1:]...)
			return
		}
	}
}
