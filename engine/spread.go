package engine

import (
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/fanout"
)

// deliverItem gives a message to its receivers on this loop. Most are plain: nothing in the packet is their own but the
// packet identifier, so they get the shared frame without more ado, and what is counted is counted once. The others go
// the long way.
func (l *loop) deliverItem(it *fanout.Item) {
	m := it.Msg
	if m.QoS > 0 {
		l.prepay(m, len(it.Targets))
	}
	var n [3]uint64
	expired := m.Expired(l.now)
	for i, t := range it.Targets {
		var seq uint64
		if it.Seqs != nil {
			seq = it.Seqs[i]
		}
		if s := l.session(t.Slot); s != nil && s.Gen == t.Gen && s.conn != nil && s.conn.plain() && s.conn.roomy() && t.Plain() && m.From != t.Slot && !expired {
			if qos, ok := l.spread(s, m, t, seq); ok {
				n[qos]++
				continue
			}
		}
		l.deliverTo(m, it.Plan, t, seq)
	}
	l.forms.Done(&l.pool)
	if m.QoS > 0 {
		l.prepay(nil, 0)
	}
	for qos, n := range n {
		if n > 0 {
			l.count.publishOut[qos].add(n)
			l.count.packetsOut[mqtt.PUBLISH].add(n)
			l.count.payloadOut.add(n * uint64(len(m.Payload())))
		}
	}
}

// spread sends a message to a plain receiver, if nothing is in its way.
func (l *loop) spread(s *sess, m *fanout.Message, t fanout.Target, seq uint64) (qos byte, sent bool) {
	c := s.conn
	qos = min(m.QoS, t.QoS) // [MQTT-3.8.4-8]
	if qos > 0 && (s.Queue.Len() > 0 || !l.sender(s).CanSend(seq)) {
		return qos, false
	}
	retain := m.Retain && t.Flags&fanout.RetainAsPublished != 0 // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
	f := l.forms.Get(&l.pool, m, fanout.Form{V5: c.version == mqtt.V5, QoS: qos, Retain: retain}, l.now)
	f.Hold()
	o := outItem{frame: f}
	if qos > 0 {
		o.id = l.open(s, seq, qos, session.Open{Msg: m, Retain: retain})
	}
	l.queue(c, o, f.Size())
	return qos, true
}

// prepaid are references of a message that were taken at once for all its receivers: other loops count references of
// the same message at the same time, and a count that goes to and fro between two cores is dear.
type prepaid struct {
	msg *fanout.Message
	n   int32
}

// prepay takes n references, and gives back what is left of those before.
func (l *loop) prepay(m *fanout.Message, n int) {
	if l.paid.n > 0 {
		l.pool.Release(l.paid.msg, l.paid.n)
	}
	if m != nil {
		m.Hold(int32(n))
	}
	l.paid = prepaid{m, int32(n)}
}

// keep takes a reference of a message for a queue or an exchange.
func (l *loop) keep(m *fanout.Message) {
	if l.paid.n > 0 && l.paid.msg == m {
		l.paid.n--
		return
	}
	m.Hold(1)
}

// plain tells that a PUBLISH to the connection is as to any other of its version but for the packet identifier.
func (c *conn) plain() bool { return c.maxPacket == 0 && c.lst.mount == "" && !c.assignsAliases() }
