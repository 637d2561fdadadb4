package engine

import "time"

// publishWill publishes the session's will, once. The right to do so is asked again when it fires.
// [MQTT-3.1.2-8] [MQTT-3.1.2-10] [MQTT-3.1.2-14] [MQTT-3.1.2-15]
func (l *loop) publishWill(s *sess) {
	w := s.Will
	if w == nil {
		return
	}
	s.Will = nil
	l.cutBatch()
	if !l.mayPublish(s.ident, w.Topic[len(s.mount()):], w.QoS, w.Retain) {
		l.dropped(DropUnauthorized)
		return
	}
	m := l.pool.NewMessageParts(w.Topic, w.Props, w.Payload, w.QoS, w.Retain)
	if w.HasExpiry {
		m.Expires = l.now + max(time.Duration(w.Expiry)*time.Second, 1)
	}
	m.From, m.FromGen = s.Slot, s.Gen
	need := false
	if w.Retain && l.live.Retain.Available {
		need = l.retain(m)
	}
	l.route(m, l.router.Plan(w.Topic), origin{session: s, need: need})
	l.pool.Release(m, 1)
}
