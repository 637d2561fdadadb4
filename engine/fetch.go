package engine

import (
	"time"

	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
)

// What came back knows its messages by name: those of the process before are at hand, those of a store are read when they
// are about to be sent.

// fetch gives the deliveries of a session the messages that were handed over: each is made once a loop.
func (l *loop) fetch(s *sess, handed map[uint64]*store.Message) {
	if l.fetched == nil {
		l.fetched = map[uint64]*fanout.Message{}
	}
	if s.Send != nil {
		var lost []uint64
		s.Send.Each(func(seq uint64, _ byte, released bool, o *session.Open) {
			switch {
			case released:
				o.Aside = o.Aside.Loaded()
			case !l.fetchOne(s, o, handed):
				lost = append(lost, seq)
			}
		})
		for _, seq := range lost {
			s.Send.Remove(seq)
		}
	}
	s.Queue.Filter(func(d *session.Delivery) bool { return l.fetchOne(s, &d.Open, handed) })
}

// fetchOne gives a delivery its message; false when that is not there.
func (l *loop) fetchOne(s *sess, o *session.Open, handed map[uint64]*store.Message) bool {
	m := handed[o.Aside.Ref]
	if m == nil || len(m.Topic) == 0 {
		l.dropped(DropLost)
		return false
	}
	if o.Msg = l.fetched[m.ID]; o.Msg == nil {
		o.Msg = l.messageOf(m)
		l.fetched[m.ID] = o.Msg
	} else {
		o.Msg.Hold(1)
	}
	l.settleAside(s, o)
	return true
}

// messageOf makes a message of its record.
func (l *loop) messageOf(m *store.Message) *fanout.Message {
	made := l.pool.NewMessageParts(m.Topic, m.Props, m.Payload, m.QoS, m.Retain)
	if m.Expiry.Left > 0 {
		made.Expires = max(l.b.deadline(m.Expiry), 1)
	}
	return made
}

// settleAside turns what a delivery knew of its message in the store into what it has to know with the message there.
func (l *loop) settleAside(s *sess, o *session.Open) {
	if o.Aside = o.Aside.Loaded(); o.Shared {
		if g := l.groupOf(s, o.Msg.Topic()); g != nil {
			o.Aside = g.Aside()
		}
	}
}

// loadBatch is how many queued messages are read from the store at a time, ahead of the window.
const loadBatch = 64

// loadAhead reads the next queued messages that are in the store only, so that the delivery never waits for it.
func (l *loop) loadAhead(s *sess) {
	if s.Loading {
		return
	}
	s.Loading = true
	var refs []store.Ref
	var seqs []uint64
	at, reach := 0, 0
	s.Queue.Each(func(d *session.Delivery) {
		if at++; d.Msg == nil && len(refs) < loadBatch {
			refs, seqs, reach = append(refs, store.Ref(d.Aside.Ref)), append(seqs, d.Seq), at
		}
	})
	slot, gen := s.Slot, s.Gen
	l.b.parts.Store.Load(refs, func(msgs []store.Message, err error) {
		l.post(func(l *loop) { l.loaded(slot, gen, reach, seqs, msgs, err) })
	})
}

// loaded takes messages that were read: they are among the first of the queue, so many that the rest of a long one is left
// alone. The session may have moved: then its new owner asks for itself.
func (l *loop) loaded(slot uint32, gen uint16, reach int, seqs []uint64, msgs []store.Message, err error) {
	s := l.session(slot)
	if s == nil || s.Gen != gen {
		return
	}
	s.Loading = false
	if err != nil {
		l.notice(noticeLoad, "client", s.ClientID, "err", err)
		l.loadAgain(slot, gen)
		return
	}
	bySeq := map[uint64]*store.Message{}
	for i := range msgs {
		bySeq[seqs[i]] = &msgs[i]
	}
	reach = min(reach, s.Queue.Len())
	stay := s.Queue.Sweep(0, reach, func(d *session.Delivery) bool {
		m := bySeq[d.Seq]
		if d.Msg != nil || m == nil {
			return true
		}
		if m.ID == 0 {
			l.dropped(DropLost)
			l.backlog.sub(d)
			return false
		}
		d.Msg = l.messageOf(m)
		l.settleAside(s, &d.Open)
		return true
	})
	if stay < reach {
		l.noteRoom(s)
	}
	l.pump(s)
}

// loadPause is after how long messages that could not be read are asked for again: they wait in the store meanwhile.
const loadPause = time.Second

func (l *loop) loadAgain(slot uint32, gen uint16) {
	time.AfterFunc(loadPause, func() {
		if l.b.ctx.Err() != nil {
			return
		}
		l.post(func(l *loop) {
			if s := l.session(slot); s != nil && s.Gen == gen {
				l.pump(s)
			}
		})
	})
}
