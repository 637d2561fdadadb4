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
	expires  map[uint64]time.Duration // of messages that do
	sessions map[uint64]*restored
	clients  map[string]*restored
	order    []*restored
	parted   bool                             // another process has handed over to this one
	handed   map[uint64]*store.Message        // its messages, while its state is read: they are in no store
	again    bool                             // what it has handed over may have been sent: it is of its store
	old      struct{ sessions, retained int } // of our store, when there is a process before
	time     timeline
}

// restored is a session that came back.
type restored struct {
	s       *sess
	l       *loop
	rest    store.Lifetime
	delay   store.Lifetime
	grace   time.Duration // to add to delay
	online  bool
	past    bool   // the client began another one, and the record that says so was not committed
	handed  bool   // by the process before, not the store
	sent    uint64 // so many of the deliveries that come next were sent already
	sentTo  uint64 // those up to this number may have been sent, where a store says it
	lastSeq uint64
	lowest  uint64 // of the exchanges that are open
	highest uint64
	over    []uint64 // deliveries that cannot have been open beside others: a store has lost their ends
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
	b.onLoops(func(l *loop) { l.frozen = true }) // nothing ends before all is there
	r := &recovery{
		b: b, parted: b.parts.State != nil,
		sizes: map[uint64]uint32{}, expires: map[uint64]time.Duration{}, sessions: map[uint64]*restored{}, clients: map[string]*restored{},
	}
	if s := b.parts.Store; s != nil {
		b.opened = true
		if err := s.Recover(b.ctx, r.record); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		r.doubt()
	}
	if r.parted {
		r.old.sessions, r.old.retained = len(r.order), b.retained.Len()
		if err := r.takeOver(b.parts.State); err != nil {
			return err
		}
	}
	r.beginClock()
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
	ended := 0
	for _, x := range r.order {
		ended += len(x.over)
		<-done
	}
	if ended > 0 {
		b.log.Warn("exchanges that cannot have been open at once: the older are over", "exchanges", ended)
	}
	for _, l := range b.loops {
		l.post(func(l *loop) {
			l.fetched, l.frozen = nil, false
			l.absent.order(l.tick)
			if len(r.order) > 0 {
				l.grace = l.now + offlineGrace
			}
		})
	}
	b.log.Info("state recovered", "sessions", len(r.order), "retained", b.retained.Len(), "subscriptions", b.subscriptions.Load())
	return nil
}

func (r *recovery) record(rec *store.Record) error {
	r.retime(rec)
	switch rec.Kind {
	case store.RET:
		return r.retained(&rec.Message)
	case store.MSG:
		m := &rec.Message
		if len(m.Topic) > 0 && !trie.ValidName(m.Topic) {
			return fmt.Errorf("message %d has the topic %q", m.ID, m.Topic)
		}
		if m.Expiry.Left > 0 {
			r.expires[m.ID] = max(r.b.deadline(m.Expiry), 1)
		}
		r.sizes[m.ID] = uint32(len(m.Topic) + len(m.Props) + len(m.Payload))
		raise(&r.b.ids, m.ID)
		if r.handed != nil {
			r.handed[m.ID] = &store.Message{
				ID: m.ID, Topic: clone(m.Topic), Props: clone(m.Props), Payload: clone(m.Payload), QoS: m.QoS, Retain: m.Retain, Expiry: m.Expiry,
			}
		}
		return nil
	case store.META:
		if string(rec.Key) == clockMark {
			r.clock(rec.Value)
			return nil
		}
		if r.handed != nil {
			r.note(string(rec.Key), rec.Value)
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
		return r.subscription(x, &rec.Subscription)
	case store.QIN:
		x.receiver().Restore(rec.PacketID)
	case store.REL:
		return r.released(x, rec.Seq)
	}
	return nil
}

// note takes up what goes along in a hand-over alone.
func (r *recovery) note(key string, value []byte) {
	if title, ok := strings.CutPrefix(key, ticketMeta); ok {
		r.b.takeTickets(title, value)
		return
	}
	if title, ok := strings.CutPrefix(key, fileMeta); ok {
		for _, lst := range r.b.listeners {
			lst.ownsFile = lst.ownsFile || lst.title == title
		}
		return
	}
	named := func(prefix string) *restored {
		name, ok := strings.CutPrefix(key, prefix)
		id, n := binary.Uvarint([]byte(name))
		if !ok || n <= 0 {
			return nil
		}
		return r.sessions[id]
	}
	if x := named(sentMeta); x != nil {
		x.sent, _ = binary.Uvarint(value)
	}
	if x := named(ownerMeta); x != nil && len(value) > 0 {
		r.owner(x.s, value[0]&ownerSuperuser != 0, string(value[1:]))
	}
}

// owner restores what the right to a will depends on.
func (r *recovery) owner(s *sess, superuser bool, title string) {
	if s.ident != nil {
		s.ident.Superuser = superuser
	}
	for _, lst := range r.b.listeners {
		if w := s.Will; title != "" && lst.title == title && w != nil && strings.HasPrefix(string(w.Topic), lst.mount) {
			s.lst = lst
		}
	}
}

func raise(v *atomic.Uint64, to uint64) {
	if v.Load() < to {
		v.Store(to)
	}
}

func (r *recovery) retained(m *store.Message) error {
	if !trie.ValidName(m.Topic) {
		return fmt.Errorf("a retained message has the topic %q", m.Topic)
	}
	expires := time.Duration(0)
	if m.Expiry.Left > 0 {
		expires = max(r.b.deadline(m.Expiry), 1)
	}
	v := retainedValue(nil, m.QoS, expires, m.Props, m.Payload)
	r.b.retained.Set(m.Topic, v)
	return nil
}

func (r *recovery) session(rec *store.Session) error {
	b := r.b
	if rec.HasWill && !trie.ValidName(rec.Will.Topic) {
		return fmt.Errorf("the will of session %d has the topic %q", rec.ID, rec.Will.Topic)
	}
	x := &restored{l: b.pick(), rest: rec.Rest, online: rec.Online, handed: r.handed != nil, sentTo: rec.Sent}
	if rec.Online { // nobody has written down what it was sent since
		x.sentTo = store.SentUnknown
	}
	r.sessions[rec.ID] = x
	id := string(rec.ClientID)
	raise(&b.ids, rec.ID)
	slot := uint32(0)
	switch old := r.clients[id]; {
	case old == nil:
		slot = b.directory.claim(id, x.l.id).slot
	case old.s.ID > rec.ID && !x.handed:
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
	if !x.handed {
		s.ID = rec.ID
		b.slots.SetName(slot, rec.ID)
	}
	s.Parted = rec.Parted || rec.Online && r.parted // the latter of a process of before
	s.Version, s.Expiry = rec.Version, rec.Expiry
	if name := string(rec.Username); name != "" || s.Principal != "" || rec.Superuser || b.parts.Authorizer != nil {
		s.ident = &auth.Identity{Principal: s.Principal, ClientID: id, Username: name} // whose right to a will is asked
	}
	if rec.HasWill {
		w := &rec.Will
		s.Will = &session.Will{
			Topic: clone(w.Topic), Props: clone(w.Props), Payload: clone(w.Payload), QoS: w.QoS, Retain: w.Retain,
			Delay: w.Delay, Expiry: w.Expiry, HasExpiry: w.HasExpiry,
		}
		r.owner(s, rec.Superuser, string(rec.Listener))
		if x.delay = w.Rest; s.Parted { // that nobody served is not the client's doing
			x.grace = r.time.down
		}
	}
	x.s = s
	r.order = append(r.order, x)
	return nil
}

func clone(b []byte) []byte { return append([]byte(nil), b...) }

func (r *recovery) subscription(x *restored, rec *store.Subscription) error {
	group, filter, shared, ok := trie.SplitShared(rec.Filter)
	if !ok || !trie.ValidFilter(filter) || rec.Options&3 == 3 {
		return fmt.Errorf("a subscription of session %d to %q, options %d", rec.ID, rec.Filter, rec.Options)
	}
	f := mqtt.Subscription{Filter: rec.Filter, Options: rec.Options}
	t := fanout.Target{Slot: x.s.Slot, Gen: x.s.Gen, QoS: f.QoS(), ID: rec.ID}
	if f.NoLocal() {
		t.Flags |= fanout.NoLocal
	}
	if f.RetainAsPublished() {
		t.Flags |= fanout.RetainAsPublished
	}
	if shared {
		x.l.joinGroup(x.s, group, filter, t, false)
	} else {
		x.l.addSubscription(x.s, filter, t, false)
	}
	return nil
}

// delivery takes up a message that was on its way, by its position in the store: what was sent last time is to be
// repeated before what waits. A store knows of what was sent only how far that went, so all of it waits, and goes out as a
// repeat up to there.
func (r *recovery) delivery(id uint64, d *store.Delivery) error {
	x := r.sessions[d.Session]
	if x == nil {
		return fmt.Errorf("a delivery to session %d, which does not exist", d.Session)
	}
	if x.past {
		return nil
	}
	aside := &fanout.Aside{Ref: id, Expires: r.expires[id]}
	q := session.Delivery{
		Open: session.Open{Aside: aside, Retain: d.Retain, Again: (!x.handed || r.again) && d.Seq <= x.sentTo, Shared: d.Shared},
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
	x.lastSeq = max(x.lastSeq, d.Seq)
	if x.sent > 0 {
		x.sent--
		q.Again = true
		return x.open(&q, false)
	}
	x.s.Queue.Push(q)
	return nil
}

// released moves a delivery that got its PUBREC from the queue to the open exchanges: only the PUBREL is sent again. Its
// record is right behind that of the delivery.
func (r *recovery) released(x *restored, seq uint64) error {
	if x.s.Queue.Len() == 0 {
		return fmt.Errorf("delivery %d is released and does not exist", seq)
	}
	d := x.s.Queue.PopLast()
	switch {
	case d.Seq != seq || d.QoS != 2:
		return fmt.Errorf("delivery %d is released and was not sent last", seq)
	case x.handed && !r.again:
		return x.open(&d, true)
	}
	d.Aside = d.Aside.Loaded() // nobody asks for its message again
	for _, gone := range x.s.Sender().Restore(seq, 2, true, d.Open) {
		x.over = append(x.over, gone.Seq)
	}
	return nil
}

// open puts an exchange of the process before back. What no sender could have open at once is not believed.
func (x *restored) open(d *session.Delivery, released bool) error {
	send := x.s.Sender()
	low, high := min(x.lowest, d.Seq), max(x.highest, d.Seq)
	if send.Len() == 0 {
		low, high = d.Seq, d.Seq
	}
	if _, _, taken := send.Find(flow.ID(d.Seq)); taken || high-low >= flow.Identifiers || d.QoS == 0 {
		return fmt.Errorf("delivery %d at QoS %d is open beside %d others, %d to %d", d.Seq, d.QoS, send.Len(), x.lowest, x.highest)
	}
	x.lowest, x.highest = low, high
	send.Restore(d.Seq, d.QoS, released, d.Open)
	return nil
}

// install puts a session that came back into its loop. A connection that it had is lost: the will is due.
func (l *loop) install(x *restored, handed map[uint64]*store.Message) {
	s := x.s
	if x.past {
		if s.ID != 0 {
			l.hold.batch.DropSession(s.ID)
		}
		return
	}
	if x.handed {
		l.fetch(s, handed)
	}
	if x.sentTo != store.SentUnknown {
		x.lastSeq = max(x.lastSeq, x.sentTo)
	}
	l.b.slots.SetSeq(s.Slot, x.lastSeq)
	for _, seq := range x.over {
		l.storeAck(s, seq)
	}
	l.setSession(s.Slot, s)
	l.count.sessions.add(1)
	if x.online && x.rest.Left == 0 && x.delay.Left == 0 {
		l.leaveOffline(s)
		return
	}
	l.goAway(s, l.wasAway(s, x.rest))
	if s.Will != nil && x.delay.Left > 0 {
		s.willAt = l.after(max(l.b.deadline(x.delay)+x.grace-l.now, 0))
	}
	l.setSessionTimer(s)
}
