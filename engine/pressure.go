package engine

import (
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
)

// pressure is how the store keeps up, as of the last commit or tick.
func (l *loop) pressure() store.Pressure {
	if !l.stores() {
		return store.Ok
	}
	return l.hold.pressure
}

// underPressure decides about a PUBLISH that would have to be stored: a store without room takes nothing more, one that
// lags makes its publishers wait. It tells whether the PUBLISH was answered.
func (l *loop) underPressure(c *conn, p *mqtt.Publish, plan *fanout.Plan) bool {
	pressure := l.pressure()
	if pressure == store.Ok || !l.wouldStore(c.sess, p, plan) {
		return false
	}
	if pressure == store.Slow {
		l.throttled, l.behind = true, true
		return false
	}
	if p.QoS == 0 { // nobody waits for an answer: it is delivered, and not kept
		p.Retain = false
		l.dropped(DropStoreFull)
		return false
	}
	if c.version != mqtt.V5 { // 3.x has no refusal: without an acknowledgement the client sends it again
		c.disconnect(mqtt.QuotaExceeded)
		return true
	}
	c.sess.Recv.Acked(p.ID, p.QoS, mqtt.QuotaExceeded) // the exchange ends here
	typ := mqtt.PUBACK
	if p.QoS == 2 {
		typ = mqtt.PUBREC
	}
	l.dropped(DropStoreFull)
	l.answer(c, l.refusedAck(c, typ, p.ID, mqtt.QuotaExceeded), false)
	return true
}

// samplePressure asks the store how it keeps up; publishers that waited for it go on.
func (l *loop) samplePressure() {
	if !l.stores() {
		return
	}
	l.hold.pressure = l.hold.store.Pressure()
	if l.behind && l.hold.pressure != store.Slow {
		l.behind = false
		l.relax()
	}
}

// wouldStore tells whether taking a PUBLISH over would put anything into the store.
func (l *loop) wouldStore(s *sess, p *mqtt.Publish, plan *fanout.Plan) bool {
	if p.Retain || p.QoS == 2 && s.ID != 0 {
		return true
	}
	if p.QoS == 0 {
		return false
	}
	for _, targets := range plan.ByLoop {
		for _, t := range targets {
			if t.QoS > 0 && l.b.slots.NameOf(t.Slot, t.Gen) != 0 {
				return true
			}
		}
	}
	return len(plan.Groups) > 0
}
