package engine

import (
	"maps"

	"github.com/cespare/xxhash/v2"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/fanout"
)

// choice is what a strategy may look at for this message.
func (l *loop) choice(m *fanout.Message, publisher *sess) fanout.Choice {
	c := fanout.Choice{Strategy: l.b.strategy.Load().(fanout.Strategy), Loop: l.id, Except: fanout.NoSlot}
	switch c.Strategy {
	case fanout.HashClient:
		if publisher != nil {
			c.ClientHash = xxhash.Sum64String(publisher.ClientID)
		}
	case fanout.HashTopic:
		c.TopicHash = xxhash.Sum64(m.Topic())
	}
	return c
}

// deliverShared gives a message to the member that was chosen for it, or to another if that one's session has ended.
func (l *loop) deliverShared(m *fanout.Message, k *pick) {
	s := l.session(k.target.Slot)
	switch {
	case s == nil && l.pending[k.target.Slot] != nil:
		p := l.pending[k.target.Slot]
		m.Hold(1)
		p.items = append(p.items, waiting{msg: m, target: k.target, seq: k.seq, group: k.group})
	case s == nil && l.b.slots.Owner(k.target.Slot) != l.id && l.b.slots.Gen(k.target.Slot) == k.target.Gen:
		l.toOne(m, k)
	case s == nil || s.Gen != k.target.Gen:
		if !l.redirect(m, k.group, k.target.Slot, false) {
			l.dropped(DropNoMember)
		}
		l.ackStray(k)
	default:
		s.Grouped = true
		d := session.Delivery{
			Open: session.Open{
				Msg: m, Aside: k.group.Aside(), ID: k.target.ID,
				Retain: m.Retain && k.target.Flags&fanout.RetainAsPublished != 0,
			},
			Seq: k.seq, Size: uint32(m.Size()),
			QoS: min(m.QoS, k.target.QoS), // [MQTT-4.8.2-3]
		}
		l.deliver(s, &d)
		l.forms.Done(&l.pool)
	}
}

// groupOf finds the shared subscription of a session that a topic belongs to.
func (l *loop) groupOf(s *sess, topic []byte) *fanout.Group {
	return l.b.groupFor(maps.Keys(s.Subs.Shared()), topic)
}

// redirect sends a shared message to another member. That who had it before has it no longer is recorded behind it, in the
// same batch.
func (l *loop) redirect(m *fanout.Message, g *fanout.Group, except uint32, onlineOnly bool) bool {
	l.cutBatch()
	c := l.choice(m, nil)
	c.Except, c.OnlineOnly = except, onlineOnly
	t, ok := g.Choose(l.b.slots, c)
	if !ok {
		return false
	}
	k := pick{group: g, target: t}
	if min(m.QoS, t.QoS) > 0 {
		k.seq = l.b.slots.NextSeq(t.Slot)
		if l.storeMessage(m, nil, nil, []pick{k}) && m.QoS == 2 { // a crash must not leave it with two members
			l.holdBack(lateDelivery{msg: m, plan: &fanout.Plan{}, to: []pick{k}})
			return true
		}
	}
	l.toOne(m, &k)
	return true
}

// reshare gives what a session was sent by shared subscriptions and has not acknowledged to other members: at the loss
// of the connection to members that are online, at the end of the session to any. A QoS 2 message that was sent once
// stays: it goes to nobody else. [MQTT-4.8.2-4] [MQTT-4.8.2-5]
func (l *loop) reshare(s *sess, ending bool) {
	if !s.Grouped {
		return
	}
	away := func(d *session.Open) bool { return l.redirect(d.Msg, d.Group(), s.Slot, !ending) }
	var moved []uint64
	if s.Send != nil {
		s.Send.Each(func(seq uint64, qos byte, _ bool, d *session.Open) {
			if qos == 1 && d.Group() != nil && away(d) {
				moved = append(moved, seq)
			}
		})
	}
	for _, seq := range moved {
		if d, ok := s.Send.Remove(seq); ok {
			l.storeAck(s, seq)
			l.release(&d)
		}
	}
	l.filterQueue(s, func(d *session.Delivery) bool {
		if d.Group() == nil || d.Msg == nil || d.Again && d.QoS == 2 || !away(&d.Open) {
			return true
		}
		l.storeAck(s, d.Seq)
		l.release(&d.Open)
		return false
	})
}
