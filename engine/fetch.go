package engine

import (
	"slices"
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
	s.Queue.Unread(loadBatch, func(d *session.Stored) {
		refs, seqs = append(refs, store.Ref(d.Ref)), append(seqs, d.Seq)
	})
	slot, gen := s.Slot, s.Gen
	l.b.parts.Store.Load(refs, func(msgs []store.Message, err error) {
		l.post(func(l *loop) { l.loaded(slot, gen, seqs, msgs, err) })
	})
}

// loaded takes messages that were read. The session may have moved: then its new owner asks for itself. Some of those that
// were asked for may be gone meanwhile.
func (l *loop) loaded(slot uint32, gen uint16, seqs []uint64, msgs []store.Message, err error) {
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
	l.backlog.less(s)
	s.Queue.Read(seqs[len(seqs)-1], func(d *session.Delivery) bool {
		i, asked := slices.BinarySearch(seqs, d.Seq)
		if !asked || msgs[i].ID == 0 {
			l.dropped(DropLost)
			l.storeAck(s, d.Seq)
			return false
		}
		d.Msg = l.messageOf(&msgs[i])
		l.settleAside(s, &d.Open)
		return true
	})
	l.backlog.more(s)
	l.noteRoom(s)
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
