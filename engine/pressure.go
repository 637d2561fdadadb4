package engine

import (
	"fmt"
	"slices"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
)

// pressure is how the store keeps up at this moment: what a loop takes in before it sees that there is no room has to find room.
func (l *loop) pressure() store.Pressure {
	if !l.stores() {
		return store.Ok
	}
	return l.hold.store.Pressure()
}

// samplePressure asks the store how it keeps up; publishers that waited for it go on.
func (l *loop) samplePressure() {
	if !l.stores() {
		return
	}
	if len(l.lagging) > 0 && l.pressure() != store.Slow {
		list := l.lagging
		l.lagging = nil
		l.goOnAll(list)
	}
}

// awaitStore stops reading from a connection whose message the store has to keep, until it keeps up. What was read already
// is taken: so much may come for each connection. Who publishes nothing that is stored is not held up.
func (l *loop) awaitStore(c *conn) {
	if c.state == connected && !c.has(slowed) { // else it waits for other loops, and comes here again after that
		c.pause()
		c.flags |= slowed
		l.lagging = append(l.lagging, c)
	}
}

// underPressure decides about a PUBLISH that would have to be stored: a store without room, and one that has failed, take
// nothing more; one that lags makes its publishers wait. It tells whether the PUBLISH was answered.
func (l *loop) underPressure(c *conn, p *mqtt.Publish, plan *fanout.Plan) bool {
	pressure := l.pressure()
	if pressure == store.Ok || !l.wouldStore(c.sess, p.QoS, p.Retain, len(p.Payload), plan) {
		return false
	}
	why, text, n := DropStoreFull, whyStoreFull, noticeStoreFull
	switch pressure {
	case store.Slow:
		l.awaitStore(c)
		return false
	case store.Failed:
		why, text, n = DropStoreFailed, whyStoreFailed, noticeStoreFailed
	}
	l.notice(n, "client", c.sess.ClientID)
	if p.QoS == 0 { // nobody waits for an answer: it is delivered, and not kept
		p.Retain = false
		l.dropped(why)
		return false
	}
	l.turnAway(c, p, why, text)
	return true
}

// turnAway refuses a PUBLISH above QoS 0 for want of room. 3.x has no answer for that: the connection ends without an
// acknowledgement, so that the client sends the message again.
func (l *loop) turnAway(c *conn, p *mqtt.Publish, why Drop, text string) {
	l.dropped(why)
	// The exchange ends here: what comes with the identifier is a new message, also in the next connection.
	c.sess.Recv.Acked(p.ID, p.QoS, mqtt.QuotaExceeded)
	if c.version != mqtt.V5 {
		c.disconnect(mqtt.QuotaExceeded)
		return
	}
	l.answer(c, l.refusedAck(c, answerTo(p), p.ID, mqtt.QuotaExceeded, text), false)
}

// noRoom is the answer to an embedder whose message would have to be stored, or would go to a full queue.
func (l *loop) noRoom(m *Message) error {
	plan := l.router.Plan(m.Topic)
	why := ""
	switch pressure := l.pressure(); {
	case pressure >= store.Full && l.wouldStore(nil, m.QoS, m.Retain, len(m.Payload), plan):
		why = whyStoreFull
		if pressure == store.Failed {
			why = whyStoreFailed
		}
	case m.QoS > 0 && l.live.Session.QueuePolicy == Refuse && l.wouldOverfill(nil, plan):
		why = whyQueueFull
	default:
		return nil
	}
	return fmt.Errorf("engine: publish to %q: %s: %w", m.Topic, why, mqtt.QuotaExceeded)
}

// wouldStore tells whether taking a message over would put anything into the store that needs room. To take a retained
// message back needs none, but a store that works. s is the publisher; nil: it is none of the clients.
func (l *loop) wouldStore(s *sess, qos byte, retain bool, payload int, plan *fanout.Plan) bool {
	if retain && (payload > 0 || l.pressure() == store.Failed) || qos == 2 && s != nil && s.ID != 0 {
		return true
	}
	stored := func(t fanout.Target) bool { return t.QoS > 0 && l.b.slots.Name(t.Slot) != 0 }
	return qos > 0 && (l.receives(s, plan, stored) ||
		slices.ContainsFunc(plan.Groups, func(g *fanout.Group) bool { return g.Any(stored) }))
}

// receives tells whether there is any such receiver, shared subscriptions aside. s is the publisher; nil: there is none.
func (l *loop) receives(s *sess, plan *fanout.Plan, is func(t fanout.Target) bool) bool {
	for _, targets := range plan.ByLoop {
		for _, t := range targets {
			if s != nil && t.Slot == s.Slot && t.Gen == s.Gen {
				var ok bool
				if t, ok = plan.Own(t); !ok {
					continue
				}
			}
			if is(t) {
				return true
			}
		}
	}
	return false
}

// closeUnkept ends a connection that asks for what cannot be kept, where the version has no answer that says so.
func (l *loop) closeUnkept(c *conn) {
	l.notice(noticeStoreFailed, "client", c.sess.ClientID)
	c.disconnect(mqtt.ImplementationSpecificError)
}

// refuseUnkept refuses a CONNECT that asks for a session to be begun, taken up or ended, none of which could be kept.
func (l *loop) refuseUnkept(c *conn) {
	l.notice(noticeStoreFailed, "client", c.opening.clientID)
	c.refuse(mqtt.ServerUnavailable, whyStoreFailed)
}
