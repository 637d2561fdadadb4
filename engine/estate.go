package engine

import (
	"iter"
	"slices"
	"time"

	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

// A session that ends leaves what shared subscriptions have sent it to other members. What it has in memory goes at once,
// see reshare. What lies in the store only has to be read first, and until then the store keeps it: the session's record
// says with a Session Expiry Interval of 0 that it is over, and goes with the last of its messages. So a crash in between
// loses none, and the session does not rise again. The record stays as long, too, as messages for it may come from loops that
// chose it before it was over: their publishers may have been answered already, and the message is recorded for it alone
// until another member has it. [MQTT-4.8.2-5]

// estate is what such a session has left.
type estate struct {
	id     uint64 // the session's name in the store; 0: it is in another process's, which has handed over
	sent   uint64 // up to this number its client may have been sent some of it
	groups []string
	list   []bequest
	busy   bool // some of it is being read
	slot   uint32
	gen    uint16
	awaits int // loops from which messages for the session may still come
}

// bequest is one message of it.
type bequest struct {
	ref, seq uint64
	msg      *store.Message // that was handed over; nil: it is in the store
}

// inheritable tells whether a delivery may go to another member: a QoS 2 message that was sent once stays with its client.
func inheritable(o *session.Open, qos uint8) bool { return o.Shared && (!o.Again || qos != 2) }

// bequeath lists what a session that ends leaves in the store; nil: nothing.
func (l *loop) bequeath(s *sess) *estate {
	if !l.stores() || s.ID == 0 || len(s.Subs.Shared()) == 0 {
		return nil
	}
	e := &estate{id: s.ID, sent: s.Sent(), slot: s.Slot, gen: s.Gen}
	s.Queue.Unread(s.Queue.Len(), func(x *session.Stored) {
		if d := x.Delivery(); inheritable(&d.Open, d.QoS) {
			e.list = append(e.list, bequest{ref: x.Ref, seq: x.Seq})
		}
	})
	// Nothing is on its way, or next to nothing, since a store without room has publishers refused: the end of a session is to
	// make room, and not to need some.
	if len(e.list) == 0 && (len(l.b.loops) == 1 && !l.uncommitted() || l.pressure() >= store.Full) {
		return nil
	}
	for name := range s.Subs.Shared() {
		e.groups = append(e.groups, name)
	}
	return e
}

// keepEstate records that a session is over but for what it leaves.
func (l *loop) keepEstate(s *sess, e *estate) {
	l.hold.batch.Session(&store.Session{ID: s.ID, ClientID: []byte(s.ClientID), Version: s.Version, Created: int64(s.created), Sent: e.sent})
	l.hold.ended = append(l.hold.ended, s.ClientID)
	s.ID = 0
	l.b.slots.SetName(s.Slot, 0)
	l.estates = append(l.estates, e)
	l.awaitStrays(e)
	l.settleEstate(e)
}

// awaitStrays asks all loops for an answer that comes behind what they have routed to the session, and behind the commits
// that some of it waits for.
func (l *loop) awaitStrays(e *estate) {
	e.awaits = len(l.b.loops)
	answer := func(l *loop) { e.awaits--; l.settleEstate(e) }
	ask := func(o *loop) {
		o.whenSettled(func(o *loop) { o.tell(l.id, fanout.Item{Kind: itemCall, Arg: answer}) })
	}
	for _, o := range l.b.loops {
		l.tell(o.id, fanout.Item{Kind: itemCall, Arg: ask})
	}
}

// ackStray takes back what is recorded of a message for a session that was over when it came.
func (l *loop) ackStray(k *pick) {
	for _, e := range l.estates {
		if e.slot == k.target.Slot && e.gen == k.target.Gen && e.id != 0 && e.awaits > 0 && k.seq != 0 {
			l.hold.batch.Ack(e.id, k.seq)
		}
	}
}

// settleEstates goes on with what sessions have left.
func (l *loop) settleEstates() {
	for _, e := range slices.Clone(l.estates) {
		l.settleEstate(e)
	}
}

// settleEstate reads the next messages, or ends the session's record behind the last. Nothing is given away while the state
// is recovered or handed over: then it is the next process's, or waits.
func (l *loop) settleEstate(e *estate) {
	if e.busy || l.frozen || !slices.Contains(l.estates, e) {
		return
	}
	if len(e.list) == 0 {
		if e.awaits > 0 {
			return
		}
		if e.id != 0 {
			l.hold.batch.DropSession(e.id)
		}
		l.estates = slices.DeleteFunc(l.estates, func(o *estate) bool { return o == e })
		return
	}
	list := e.list[:min(loadBatch, len(e.list))]
	if list[0].msg != nil {
		msgs := make([]store.Message, len(list))
		for i := range list {
			msgs[i] = *list[i].msg
		}
		l.inherit(e, list, msgs, nil)
		return
	}
	e.busy = true
	refs := make([]store.Ref, len(list))
	for i, x := range list {
		refs[i] = store.Ref(x.ref)
	}
	l.b.parts.Store.Load(refs, func(msgs []store.Message, err error) {
		l.post(func(l *loop) { l.inherit(e, list, msgs, err) })
	})
}

// inherit gives messages that were read to other members.
func (l *loop) inherit(e *estate, list []bequest, msgs []store.Message, err error) {
	e.busy = false
	if err != nil {
		l.notice(noticeLoad, "session", e.id, "err", err)
		time.AfterFunc(loadPause, func() {
			if l.b.ctx.Err() == nil {
				l.post(func(l *loop) { l.settleEstate(e) })
			}
		})
		return
	}
	if l.frozen {
		return
	}
	for i := range list {
		l.inheritOne(e, &msgs[i])
		if e.id != 0 { // behind that, so that a crash between two batches loses nothing
			l.hold.batch.Ack(e.id, list[i].seq)
		}
	}
	e.list = e.list[len(list):]
	l.settleEstate(e)
}

func (l *loop) inheritOne(e *estate, x *store.Message) {
	if x.ID == 0 {
		l.dropped(DropLost)
		return
	}
	m := l.messageOf(x)
	switch g := l.b.groupFor(slices.Values(e.groups), m.Topic()); {
	case m.Expired(l.now):
		l.dropped(DropExpired)
	case g == nil || !l.redirect(m, g, fanout.NoSlot, false):
		l.dropped(DropNoMember)
	}
	l.pool.Release(m, 1)
}

// groupFor finds the shared subscription, among those named, that a topic belongs to; nil: it has no member any more.
func (b *Broker) groupFor(names iter.Seq[string], topic []byte) *fanout.Group {
	for name := range names {
		if _, filter, _, _ := trie.SplitShared([]byte(name)); trie.Matches(filter, topic) {
			if g := b.groups.Named(name); g != nil {
				return g
			}
		}
	}
	return nil
}

// installEstate takes up what a session has left that was over when the process before ended.
func (l *loop) installEstate(x *restored, handed map[uint64]*store.Message) {
	e := &estate{id: x.name, groups: x.groups}
	if x.handed {
		e.id = 0
	} else {
		handed = nil
	}
	x.s.Queue.Restore(x.queue, nil)
	x.s.Queue.Each(func(d *session.Delivery) {
		b := bequest{ref: d.Aside.Ref, seq: d.Seq, msg: handed[d.Aside.Ref]}
		if inheritable(&d.Open, d.QoS) && (b.msg != nil || !x.handed) {
			e.list = append(e.list, b)
		}
	})
	if len(e.groups) > 0 && len(e.list) > 0 {
		l.estates = append(l.estates, e)
	} else if e.id != 0 {
		l.hold.batch.DropSession(e.id)
	}
}
