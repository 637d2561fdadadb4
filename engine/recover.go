package engine

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

// recovery rebuilds the broker from its store, before anybody is served. Sessions go to the loops in turn; each is
// installed by its own loop.
type recovery struct {
	b        *Broker
	sizes    map[uint64]uint32
	sessions map[uint64]*restored
	clients  map[string]*restored
	order    []*restored
	handed   map[uint64]*store.Message // from the process before: they are in no store
}

// restored is a session that came back.
type restored struct {
	s       *sess
	l       *loop
	rest    store.Lifetime
	delay   store.Lifetime
	online  bool
	past    bool // the client began another one, and the record that says so was not committed
	lastSeq uint64
}

func (x *restored) receiver() *flow.Receiver {
	if x.s.Recv == nil {
		x.s.Recv = &flow.Receiver{}
	}
	return x.s.Recv
}

// recover reads the whole state, of the store and of the process before, and gives it to the loops.
func (b *Broker) recover() error {
	if b.parts.Store == nil && b.parts.State == nil {
		return nil
	}
	b.recovered = b.clock(time.Since(b.began))
	r := &recovery{b: b, sizes: map[uint64]uint32{}, sessions: map[uint64]*restored{}, clients: map[string]*restored{}}
	if s := b.parts.Store; s != nil {
		if err := s.Recover(b.ctx, r.record); err != nil {
			return err
		}
	}
	if b.parts.State != nil {
		r.handed = map[uint64]*store.Message{}
		if err := store.ReadStream(b.parts.State, r.record); err != nil {
			return fmt.Errorf("state of the process before: %w", err)
		}
	}
	b.ids.Store((b.ids.Load()/idBlock + 1) * idBlock)
	if b.parts.Store != nil {
		marked := make(chan struct{})
		b.loops[0].post(func(l *loop) { l.markIDs(b.ids.Load() + idBlock); close(marked) })
		<-marked
	}
	done := make(chan struct{}, len(r.order))
	for _, x := range r.order {
		x.l.post(func(l *loop) { l.install(x, r.handed); done <- struct{}{} })
	}
	for range r.order {
		<-done
	}
	for _, l := range b.loops {
		l.post(func(l *loop) { l.fetched = nil })
	}
	b.log.Info("state recovered", "sessions", len(r.order), "retained", b.retained.Len(), "subscriptions", b.subscriptions.Load())
	return nil
}

func (r *recovery) record(rec *store.Record) error {
	switch rec.Kind {
	case store.RET:
		r.retained(&rec.Message)
		return nil
	case store.MSG:
		m := &rec.Message
		r.sizes[m.ID] = uint32(len(m.Topic) + len(m.Props) + len(m.Payload))
		raise(&r.b.ids, m.ID)
		if r.handed != nil {
			r.handed[m.ID] = &store.Message{
				ID: m.ID, Topic: clone(m.Topic), Props: clone(m.Props), Payload: clone(m.Payload), QoS: m.QoS, Retain: m.Retain, Expiry: m.Expiry,
			}
		}
		return nil
	case store.META:
		if title, ok := strings.CutPrefix(string(rec.Key), ticketMeta); ok {
			r.b.takeTickets(title, rec.Value)
			return nil
		}
		if mark, n := binary.Uvarint(rec.Value); n > 0 && string(rec.Key) == idMark {
			raise(&r.b.ids, mark)
		}
		return nil
	case store.SES:
		return r.session(&rec.Session)
	case store.ENQ:
		for i := range rec.Deliveries {
			if err := r.delivery(rec.Message.ID, &rec.Deliveries[i]); err != nil {
				return err
			}
		}
		return nil
	}
	x := r.sessions[rec.Session.ID]
	if x == nil || x.past {
		return nil // a kind that says nothing to the engine
	}
	switch rec.Kind {
	case store.SUB:
		r.subscription(x, &rec.Subscription)
	case store.QIN:
		x.receiver().Restore(rec.PacketID)
	case store.REL:
		r.released(x, rec.Seq)
	}
	return nil
}

func raise(v *atomic.Uint64, to uint64) {
	if v.Load() < to {
		v.Store(to)
	}
}

func (r *recovery) retained(m *store.Message) {
	v := retainedValue(nil, m.QoS, r.deadline(m.Expiry), m.Props, m.Payload)
	r.b.retained.Set(m.Topic, v)
}

// deadline turns what was left when it was written down into monotonic time. The time in between is not taken off: a
// clock that jumped would end what is still wanted.
func (r *recovery) deadline(t store.Lifetime) time.Duration {
	if t.Left == 0 {
		return 0
	}
	return r.b.recovered + time.Duration(t.Left)*time.Second
}

func (r *recovery) session(rec *store.Session) error {
	b := r.b
	x := &restored{l: b.pick(), rest: rec.Rest, online: rec.Online}
	r.sessions[rec.ID] = x
	id := string(rec.ClientID)
	raise(&b.ids, rec.ID)
	slot := uint32(0)
	switch old := r.clients[id]; {
	case old == nil:
		slot = b.directory.claim(id, x.l.id).slot
	case old.s.ID > rec.ID:
		x.past, x.s = true, &sess{}
		x.s.ID = rec.ID
		r.order = append(r.order, x)
		return nil
	default:
		old.past, x.l = true, old.l
		slot = old.s.Slot
		x.l.unsubscribeAll(old.s)
		b.slots.Renew(slot)
	}
	r.clients[id] = x
	s := &sess{created: uint32(rec.Created)}
	s.ClientID, s.Principal, s.Slot, s.Gen = id, string(rec.Principal), slot, b.slots.Gen(slot)
	if b.parts.Store != nil {
		s.ID = rec.ID
		b.slots.SetName(slot, rec.ID)
	}
	s.Parted = rec.Online && r.handed != nil
	s.Version, s.Expiry = rec.Version, rec.Expiry
	if name := string(rec.Username); name != "" || s.Principal != "" || b.parts.Authorizer != nil {
		s.ident = &auth.Identity{Principal: s.Principal, ClientID: id, Username: name} // whose right to a will is asked
	}
	if rec.HasWill {
		w := &rec.Will
		s.Will = &session.Will{
			Topic: clone(w.Topic), Props: clone(w.Props), Payload: clone(w.Payload), QoS: w.QoS, Retain: w.Retain,
			Delay: w.Delay, Expiry: w.Expiry, HasExpiry: w.HasExpiry,
		}
		x.delay = w.Rest
	}
	x.s = s
	r.order = append(r.order, x)
	return nil
}

func clone(b []byte) []byte { return append([]byte(nil), b...) }

func (r *recovery) subscription(x *restored, rec *store.Subscription) {
	f := mqtt.Subscription{Filter: rec.Filter, Options: rec.Options}
	t := fanout.Target{Slot: x.s.Slot, Gen: x.s.Gen, QoS: f.QoS(), ID: rec.ID}
	if f.NoLocal() {
		t.Flags |= fanout.NoLocal
	}
	if f.RetainAsPublished() {
		t.Flags |= fanout.RetainAsPublished
	}
	if group, filter, shared, _ := trie.SplitShared(rec.Filter); shared {
		x.l.joinGroup(x.s, group, filter, t, false)
	} else {
		x.l.addSubscription(x.s, rec.Filter, t, false)
	}
}

// delivery queues a message that was on its way, by its position in the store.
func (r *recovery) delivery(id uint64, d *store.Delivery) error {
	x := r.sessions[d.Session]
	if x == nil {
		return fmt.Errorf("a delivery to session %d, which does not exist", d.Session)
	}
	if x.past {
		return nil
	}
	aside := &fanout.Aside{Ref: id}
	q := session.Delivery{
		Open: session.Open{Aside: aside, Retain: d.Retain, Again: true, Shared: d.Shared},
		Seq:  d.Seq, Size: r.sizes[id], QoS: d.QoS,
	}
	x.s.Grouped = x.s.Grouped || d.Shared
	switch len(d.SubIDs) {
	case 0:
	case 1:
		q.ID = d.SubIDs[0]
	default:
		aside.IDs = append([]uint32(nil), d.SubIDs...)
	}
	x.s.Queue.Push(q)
	x.lastSeq = max(x.lastSeq, d.Seq)
	return nil
}

// released moves a delivery that got its PUBREC from the queue to the open exchanges: only the PUBREL is sent again.
func (r *recovery) released(x *restored, seq uint64) {
	// The store names it right behind its delivery.
	d := x.s.Queue.PopLast()
	x.s.Sender().Restore(seq, d.QoS, true, d.Open)
}

// install puts a session that came back into its loop. A connection that it had is lost: the will is due.
func (l *loop) install(x *restored, handed map[uint64]*store.Message) {
	s := x.s
	if x.past {
		l.hold.batch.DropSession(s.ID)
		return
	}
	if handed != nil {
		l.fetch(s, handed)
	}
	l.b.slots.SetSeq(s.Slot, x.lastSeq)
	l.setSession(s.Slot, s)
	l.count.sessions.add(1)
	if x.online {
		l.leaveOffline(s)
		return
	}
	if x.rest.Left > 0 {
		s.expireAt = l.after(time.Duration(x.rest.Left) * time.Second)
	}
	if s.Will != nil && x.delay.Left > 0 {
		s.willAt = l.after(time.Duration(x.delay.Left) * time.Second)
	}
	l.setSessionTimer(s)
}

// fetch gives the deliveries of a session the messages that were handed over: each is made once a loop.
func (l *loop) fetch(s *sess, handed map[uint64]*store.Message) {
	if l.fetched == nil {
		l.fetched = map[uint64]*fanout.Message{}
	}
	s.Queue.Filter(func(d *session.Delivery) bool {
		m := handed[d.Aside.Ref]
		if m == nil {
			l.dropped(DropLost)
			return false
		}
		if d.Msg = l.fetched[m.ID]; d.Msg == nil {
			d.Msg = l.messageOf(m)
			l.fetched[m.ID] = d.Msg
		} else {
			d.Msg.Hold(1)
		}
		l.settleAside(s, d)
		return true
	})
}

// messageOf makes a message of its record.
func (l *loop) messageOf(m *store.Message) *fanout.Message {
	made := l.pool.NewMessageParts(m.Topic, m.Props, m.Payload, m.QoS, m.Retain)
	if m.Expiry.Left > 0 {
		made.Expires = l.b.recovered + time.Duration(m.Expiry.Left)*time.Second // however late it is made
	}
	return made
}

// settleAside turns what a delivery knew of its message in the store into what it has to know with the message there.
func (l *loop) settleAside(s *sess, d *session.Delivery) {
	if d.Aside = d.Aside.Loaded(); d.Shared {
		if g := l.groupOf(s, d.Msg.Topic()); g != nil {
			d.Aside = g.Aside()
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
	s.Queue.Each(func(d *session.Delivery) {
		if d.Msg == nil && len(refs) < loadBatch {
			refs, seqs = append(refs, store.Ref(d.Aside.Ref)), append(seqs, d.Seq)
		}
	})
	slot, gen := s.Slot, s.Gen
	l.b.parts.Store.Load(refs, func(msgs []store.Message, err error) {
		l.post(func(l *loop) { l.loaded(slot, gen, seqs, msgs, err) })
	})
}

// loaded takes messages that were read. The session may have moved: then its new owner asks for itself.
func (l *loop) loaded(slot uint32, gen uint16, seqs []uint64, msgs []store.Message, err error) {
	s := l.session(slot)
	if s == nil || s.Gen != gen {
		return
	}
	s.Loading = false
	if err != nil {
		l.log.Error("load queued messages", "client", s.ClientID, "err", err)
		return
	}
	bySeq := map[uint64]*store.Message{}
	for i := range msgs {
		bySeq[seqs[i]] = &msgs[i]
	}
	s.Queue.Filter(func(d *session.Delivery) bool {
		m := bySeq[d.Seq]
		if d.Msg != nil || m == nil {
			return true
		}
		if m.ID == 0 {
			l.dropped(DropLost)
			return false
		}
		d.Msg = l.messageOf(m)
		l.settleAside(s, d)
		return true
	})
	l.pump(s)
}
