package engine

import (
	"bytes"

	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/fanout"
)

// deliverTo gives a message to one receiver, wherever its session is by now.
func (l *loop) deliverTo(m *fanout.Message, plan *fanout.Plan, t fanout.Target, seq uint64) {
	s := l.session(t.Slot)
	if s == nil {
		l.stray(m, plan, t, seq)
		return
	}
	if s.Gen != t.Gen {
		return // the session that subscribed has ended
	}
	if m.From == t.Slot && m.FromGen == t.Gen {
		var ok bool
		if t, ok = plan.Own(t); !ok { // [MQTT-3.8.3-3]
			return
		}
	}
	d := session.Delivery{
		Open: session.Open{
			Msg:    m,
			Retain: m.Retain && t.Flags&fanout.RetainAsPublished != 0, // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
		},
		Seq: seq, Size: uint32(m.Size()), QoS: min(m.QoS, t.QoS), // [MQTT-3.8.4-8]
	}
	if aside := plan.Aside(t); aside != nil {
		d.Aside = aside
	} else {
		d.ID = t.ID
	}
	l.deliver(s, &d)
}

// stray is a message for a session that is not here: on its way here, gone, or moved away meanwhile.
func (l *loop) stray(m *fanout.Message, plan *fanout.Plan, t fanout.Target, seq uint64) {
	if p := l.pending[t.Slot]; p != nil {
		// Above QoS 0 publishers wait for the same commit as the session, if it waits for one.
		if min(m.QoS, t.QoS) == 0 && len(p.items) >= l.live.Session.MaxQueuedMessages {
			l.dropped(DropQueueFull)
			return
		}
		m.Hold(1)
		p.items = append(p.items, waiting{msg: m, plan: plan, target: t, seq: seq})
		return
	}
	if owner := l.b.slots.Owner(t.Slot); owner != l.id && l.b.slots.Gen(t.Slot) == t.Gen {
		m.Hold(1)
		l.tell(owner, fanout.Item{Msg: m, Plan: plan, Targets: []fanout.Target{t}, Seqs: seqList(seq)})
	}
}

func seqList(seq uint64) []uint64 {
	if seq == 0 {
		return nil
	}
	return []uint64{seq}
}

func (l *loop) deliverWaiting(items []waiting) {
	for i := range items {
		w := &items[i]
		if w.group != nil {
			l.deliverShared(w.msg, &pick{group: w.group, target: w.target, seq: w.seq})
		} else {
			l.deliverTo(w.msg, w.plan, w.target, w.seq)
			l.forms.Done(&l.pool)
		}
		l.pool.Release(w.msg, 1)
	}
	clear(items)
}

// deliver gives a message to a session: out at once when the window and the socket allow it, else into the queue.
// d.Msg is the caller's reference; what stays here takes its own.
func (l *loop) deliver(s *sess, d *session.Delivery) {
	if s.Sink {
		l.give(s.Slot, d.Msg)
		return
	}
	c := s.conn
	if d.Msg.Expired(l.now) { // on its way between loops, or while its commit was awaited [MQTT-3.3.2-5]
		l.dropped(DropExpired)
		l.storeAck(s, d.Seq)
		return
	}
	if d.QoS == 0 {
		switch {
		case c != nil:
			l.sendQoS0(c, d)
		case l.live.Session.QueueQoS0 && s.Persistent():
			l.enqueue(s, d)
		default:
			l.dropped(DropOffline)
		}
		return
	}
	if c != nil && s.Queue.Len() == 0 && c.roomy() && l.sender(s).CanSend(d.Seq) {
		l.start(c, s, d)
		return
	}
	l.enqueue(s, d)
}

// sender is the session's sending half, with the window of the present connection.
func (l *loop) sender(s *sess) *flow.Sender[session.Open] {
	if s.Send == nil {
		s.Sender().SetQuota(int(s.conn.window))
	}
	return s.Send
}

// start opens an exchange: the message is sent for the first time and kept until it is acknowledged.
// [MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.3-1] [MQTT-4.3.3-2] [MQTT-2.2.1-4]
func (l *loop) start(c *conn, s *sess, d *session.Delivery) {
	f := l.fitting(c, d)
	if f == nil { // [MQTT-3.1.2-25]
		l.storeAck(s, d.Seq)
		return
	}
	id := l.open(s, d.Seq, d.QoS, d.Open)
	l.sendFrame(c, f, id, d.Msg, d.QoS)
}

// open begins an exchange and gives its packet identifier.
func (l *loop) open(s *sess, seq uint64, qos byte, o session.Open) uint16 {
	l.keep(o.Msg)
	id := s.Send.Start(seq, qos, o)
	if s.Send.Quota() == 0 {
		l.setBusy(s, true)
	}
	return id
}

// fitting gives the frame for a connection, or nil when it is larger than the client takes or lies outside of its
// mountpoint: then the message counts as delivered. [MQTT-3.1.2-24]
func (l *loop) fitting(c *conn, d *session.Delivery) *fanout.Frame {
	if m := c.sess.mount(); m != "" && !within(m, d.Msg.Topic()) {
		return nil
	}
	f := l.frame(c, d, true)
	if c.fits(f) {
		return f
	}
	l.pool.ReleaseFrame(f)
	if c.assignsAliases() { // an alias takes three bytes, without which it may fit
		c.x.alias.takeBack(l.alias)
		if f = l.frame(c, d, false); c.fits(f) {
			return f
		}
		l.pool.ReleaseFrame(f)
	}
	l.dropped(DropTooLarge)
	return nil
}

func (l *loop) sendFrame(c *conn, f *fanout.Frame, id uint16, m *fanout.Message, qos uint8) {
	l.count.publishOut[qos].add(1)
	l.count.payloadOut.add(uint64(len(m.Payload())))
	l.push(c, outItem{frame: f, id: id})
}

// sendQoS0 writes a message that nobody acknowledges, or drops it when the client reads too slowly.
func (l *loop) sendQoS0(c *conn, d *session.Delivery) {
	if !c.roomy() {
		l.dropped(DropOutbound)
		return
	}
	if f := l.fitting(c, d); f != nil {
		l.sendFrame(c, f, 0, d.Msg, 0)
	}
}

// frame gives the encoding of a delivery for a connection, with one reference: a shared one when nothing differs by
// receiver.
func (l *loop) frame(c *conn, d *session.Delivery, aliased bool) *fanout.Frame {
	form := fanout.Form{V5: c.version == mqtt.V5, QoS: d.QoS, Retain: d.Retain, Dup: d.Again}
	plain := !d.Again && c.sess.mount() == ""
	if plain && (!form.V5 || d.ID == 0 && (d.Aside == nil || d.Aside.IDs == nil) && !c.assignsAliases()) {
		f := l.forms.Get(&l.pool, d.Msg, form, l.now)
		f.Hold()
		return f
	}
	x := fanout.Extra{Strip: mountLen(c.sess.mount(), d.Msg)}
	if form.V5 {
		l.ids = d.IDs(l.ids[:0])
		x.IDs = l.ids
		if aliased && c.assignsAliases() {
			x.Alias, x.NoTopic = c.x.alias.assign(d.Msg.Topic()[x.Strip:])
			if l.alias = 0; !x.NoTopic {
				l.alias = x.Alias
			}
		}
	}
	return l.pool.Encode(d.Msg, form, &x, l.now)
}

// mountLen is what of the topic is the listener's prefix, which its clients do not see.
func mountLen(mount string, m *fanout.Message) int {
	if t := m.Topic(); len(t) > len(mount) && string(t[:len(mount)]) == mount {
		return len(mount)
	}
	return 0
}

// within tells whether a listener's clients may see a topic. A filter below its mountpoint can match another: site/# is
// for site as well, and a session may have been begun on a listener with another mountpoint.
func within(mount string, topic []byte) bool {
	return len(topic) > len(mount) && string(topic[:len(mount)]) == mount || bytes.HasPrefix(topic, sysPrefix)
}

// waiting tells whether pump has anything to do for a session.
func (l *loop) waiting(s *sess) bool {
	return s.Queue.Len() > 0 || s.Send != nil && s.Send.Pending() || s.conn != nil && s.conn.replay() != nil || s.Busy
}

// setBusy tells whoever chooses among members of shared subscriptions. The session keeps a copy: publishers on other loops
// write beside the flag each time they take a sequence number, so that to read it costs a message to their core.
func (l *loop) setBusy(s *sess, busy bool) {
	switch {
	case busy == s.Busy:
		return
	case busy:
		l.b.slots.SetFlags(s.Slot, fanout.SlotBusy, 0)
	default:
		l.b.slots.SetFlags(s.Slot, 0, fanout.SlotBusy)
	}
	s.Busy = busy
}

// pump sends what waits, as far as the window and the socket allow.
func (l *loop) pump(s *sess) {
	c := s.conn
	if c == nil {
		return
	}
	if s.Send != nil && s.Send.Pending() {
		l.resend(c, s, true)
	}
	for s.Queue.Len() > 0 && c.roomy() && c.state == connected {
		front := s.Queue.Front()
		if front.Msg == nil {
			l.loadAhead(s)
			break
		}
		if l.expired(front) { // [MQTT-3.3.2-5]
			d := l.dequeue(s)
			l.dropped(DropExpired)
			l.storeAck(s, d.Seq)
			l.pool.Release(d.Msg, 1)
			continue
		}
		if front.QoS > 0 && (!l.sender(s).CanSend(front.Seq) || s.Send.Pending()) {
			break
		}
		d := l.dequeue(s)
		if d.QoS == 0 {
			l.sendQoS0(c, &d)
		} else {
			l.start(c, s, &d)
		}
		l.forms.Done(&l.pool)
		l.pool.Release(d.Msg, 1)
	}
	if s.Queue.Len() == 0 && (s.Send == nil || s.Send.Quota() > 0) {
		l.setBusy(s, false)
	}
	l.noteRoom(s)
	if c.replay() != nil {
		l.replayMore(c)
	}
}

// release gives back what a delivery holds.
func (l *loop) release(d *session.Open) {
	if d.Msg != nil {
		l.pool.ReleaseLater(d.Msg)
		d.Msg = nil
	}
}

// resend repeats what was open when the connection before ended: PUBLISH with DUP, or PUBREL, in the order of their
// first transmission, as far as the window allows. [MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.3.3-6]
//
// doubt says that a PUBREC of the connection before may not be committed yet. The PUBREL waits then: a client that was
// released would take the PUBLISH for a new one if the broker crashed and began with that again.
func (l *loop) resend(c *conn, s *sess, doubt bool) {
	if s.Send == nil {
		return
	}
	s.Send.Resume(func(seq uint64, qos byte, released bool, open *session.Open) bool {
		id := flow.ID(seq)
		if released {
			if o := (outItem{typ: mqtt.PUBREL, id: id}); doubt {
				l.answerRepeat(c, o)
			} else {
				l.push(c, o)
			}
			return true
		}
		if !c.roomy() {
			return false
		}
		open.Again = true
		d := open.Delivery(seq, qos)
		f := l.fitting(c, &d)
		if f == nil { // the client takes less than before [MQTT-3.1.2-25]
			if gone, ok := s.Send.Remove(seq); ok {
				l.storeAck(s, seq)
				l.release(&gone)
			}
			return true
		}
		l.sendFrame(c, f, id, d.Msg, qos)
		return true
	})
}
