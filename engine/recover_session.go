package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

// restored is a session that comes back.
type restored struct {
	name    uint64 // as its records say
	s       *sess
	l       *loop
	rest    store.Lifetime
	delay   store.Lifetime
	grace   time.Duration // to add to delay
	online  bool
	past    bool     // it is over, or the client began another one and the record that says so was not committed
	groups  []string // its shared subscriptions, if it is past
	handed  bool     // by the process before, not the store
	sent    uint64   // so many of the deliveries that come next were sent already
	sentTo  uint64   // those up to this number may have been sent, where a store says it
	lastSeq uint64
	lowest  uint64 // of the exchanges that are open
	highest uint64
	queue   []session.Stored
	ids     map[uint64][]uint32 // subscription identifiers of deliveries that have several
	over    []uint64            // deliveries that cannot have been open beside others: a store has lost their ends
}

func (x *restored) receiver() *flow.Receiver {
	if x.s.Recv == nil {
		x.s.Recv = &flow.Receiver{}
	}
	return x.s.Recv
}

// session begins a session. Where its client has one already, the later of the store's counts, and what was handed over
// before those.
func (r *recovery) session(rec *store.Session) error {
	b := r.b
	if rec.HasWill && !trie.ValidName(rec.Will.Topic) {
		return fmt.Errorf("the will of session %d has the topic %q", rec.ID, rec.Will.Topic)
	}
	x := &restored{name: rec.ID, rest: rec.Rest, online: rec.Online, handed: r.handed != nil, sentTo: rec.Sent}
	if rec.Online { // nobody has written down what it was sent since
		x.sentTo = store.SentUnknown
	}
	raise(&b.ids, rec.ID)
	s := &sess{created: uint32(rec.Created)}
	x.s = s
	s.ClientID = string(rec.ClientID)
	if rec.Expiry == 0 && (!x.handed || r.again) { // of a store: it is over, but for what it has left
		x.l, x.past, r.x = b.pick(), true, x
		return nil
	}
	if slot, home, known := b.directory.lookup(s.ClientID); known {
		x.l = b.loops[home]
		if !x.handed && b.slots.Name(slot) > rec.ID {
			x.past, r.x = true, x
			return nil
		}
		r.replace(x.l, slot)
		s.Slot = slot
	} else {
		x.l = b.pick()
		s.Slot = b.directory.claim(s.ClientID, x.l.id).slot
	}
	r.x = x
	r.n++
	s.Principal, s.Gen = string(rec.Principal), b.slots.Gen(s.Slot)
	if !x.handed {
		s.ID = rec.ID
		b.slots.SetName(s.Slot, rec.ID)
	}
	s.Parted = rec.Parted || rec.Online && r.parted // the latter of a process of before
	s.Version, s.Expiry = rec.Version, rec.Expiry
	if name := string(rec.Username); name != "" || s.Principal != "" || rec.Superuser || b.parts.Authorizer != nil {
		s.ident = &auth.Identity{Principal: s.Principal, ClientID: s.ClientID, Username: name} // whose right to a will is asked
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
	return nil
}

// replace ends the session that a client had before the one that comes now.
func (r *recovery) replace(l *loop, slot uint32) {
	r.install()
	done := make(chan struct{})
	l.post(func(l *loop) {
		if s := l.session(slot); s != nil {
			s.Will = nil // it was published when the session ended
			l.endSession(s, false)
		}
		close(done)
	})
	<-done
	r.n--
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

func (r *recovery) subscription(x *restored, rec *store.Subscription) error {
	group, filter, shared, ok := trie.SplitShared(rec.Filter)
	if !ok || !trie.ValidFilter(filter) || rec.Options&3 == 3 {
		return fmt.Errorf("a subscription of session %d to %q, options %d", x.name, rec.Filter, rec.Options)
	}
	if x.past {
		if shared {
			x.groups = append(x.groups, sharedName(group, filter))
		}
		return nil
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

// delivery takes up a message that was on its way. What was sent last time is to be repeated before what waits. A store
// knows of what was sent only how far that went, so all of it waits, and goes out as a repeat up to there.
func (r *recovery) delivery(x *restored, message uint64, d *store.Delivery) error {
	x.s.Grouped = x.s.Grouped || d.Shared
	x.lastSeq = max(x.lastSeq, d.Seq)
	again := (!x.handed || r.again) && d.Seq <= x.sentTo
	if x.handed {
		q := session.Delivery{
			Open: session.Open{Aside: &fanout.Aside{Ref: message}, Retain: d.Retain, Again: again, Shared: d.Shared}, Seq: d.Seq, QoS: d.QoS,
		}
		if m := r.handed[message]; m != nil {
			q.Size = sizeOf(m)
		}
		if len(d.SubIDs) > 1 {
			q.Aside.IDs = slices.Clone(d.SubIDs)
		} else if len(d.SubIDs) == 1 {
			q.ID = d.SubIDs[0]
		}
		if x.sent > 0 {
			x.sent--
			q.Again = true
			return x.open(&q, false)
		}
		x.s.Queue.Push(q)
		return nil
	}
	w := r.outlines[message]
	q := session.Stored{
		Ref: message, Seq: d.Seq, Size: w.size, Expires: w.expires, QoS: d.QoS, Retain: d.Retain, Again: again, Shared: d.Shared,
	}
	if len(d.SubIDs) > 1 {
		if x.ids == nil {
			x.ids = map[uint64][]uint32{}
		}
		x.ids[d.Seq] = slices.Clone(d.SubIDs)
	} else if len(d.SubIDs) == 1 {
		q.ID = d.SubIDs[0]
	}
	r.queue = append(r.queue, q)
	return nil
}

// released moves a delivery that got its PUBREC from the queue to the open exchanges: only the PUBREL is sent again. Its
// record is right behind that of the delivery.
func (r *recovery) released(x *restored, seq uint64) error {
	var d session.Delivery
	if x.handed && x.s.Queue.Len() > 0 {
		d = x.s.Queue.PopLast()
	} else if n := len(r.queue); !x.handed && n > 0 {
		q := &r.queue[n-1]
		d = session.Delivery{Open: session.Open{ID: q.ID, Retain: q.Retain, Shared: q.Shared}, Seq: q.Seq, QoS: q.QoS}
		r.queue = r.queue[:n-1]
		delete(x.ids, seq)
	} else {
		return fmt.Errorf("delivery %d is released and does not exist", seq)
	}
	switch {
	case d.Seq != seq || d.QoS != 2:
		return fmt.Errorf("delivery %d is released and was not sent last", seq)
	case x.handed && !r.again:
		return x.open(&d, true)
	}
	d.Aside = nil // nobody asks for its message again
	for _, gone := range x.s.Sender().Restore(seq, 2, true, d.Open) {
		x.over = append(x.over, gone.Seq)
		r.over++
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

// finish passes the session whose records have come on to its loop.
func (r *recovery) finish() {
	x := r.x
	if r.x = nil; x == nil {
		return
	}
	if len(r.queue) > 0 {
		byNumber := func(a, b session.Stored) int { return cmp.Compare(a.Seq, b.Seq) }
		if !slices.IsSortedFunc(r.queue, byNumber) {
			slices.SortFunc(r.queue, byNumber)
		}
		x.queue = make([]session.Stored, len(r.queue))
		copy(x.queue, r.queue)
		r.queue = r.queue[:0]
	}
	if x.handed {
		r.later = append(r.later, x)
		return
	}
	list := append(r.ready[x.l.id], x)
	if r.ready[x.l.id] = list; len(list) >= installAtOnce {
		r.post(x.l, list)
		r.ready[x.l.id] = nil
	}
}

// install has all loops install what is ready, and waits for them.
func (r *recovery) install() {
	r.finish()
	for _, x := range r.later {
		r.ready[x.l.id] = append(r.ready[x.l.id], x)
	}
	r.later = nil
	for i, list := range r.ready {
		for part := range slices.Chunk(list, installAtOnce) {
			r.post(r.b.loops[i], part)
		}
		r.ready[i] = nil
	}
	r.posted.Wait()
}

func (r *recovery) post(l *loop, list []*restored) {
	r.posted.Add(1)
	l.post(func(l *loop) {
		for _, x := range list {
			l.install(x, r.handed)
		}
		r.posted.Done()
	})
}

// install puts a session that came back into its loop. A connection that it had is lost: the will is due.
func (l *loop) install(x *restored, handed map[uint64]*store.Message) {
	s := x.s
	if x.past {
		l.installEstate(x, handed)
		return
	}
	if x.handed {
		l.fetch(s, handed)
	}
	s.Queue.Restore(x.queue, x.ids)
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
		l.beginAway(s)
		l.unwritten = append(l.unwritten, s.Slot)
		return
	}
	l.goAway(s, l.wasAway(s, x.rest))
	if s.Will != nil && x.delay.Left > 0 {
		s.willAt = l.after(max(l.b.deadline(x.delay)+x.grace-l.now, 0))
	}
	l.setSessionTimer(s)
}

// writeDown records, many at a time, that sessions have lost their connections which had one when the broker died. Until
// that is committed they count as connected: another crash gives them their whole time again.
func (l *loop) writeDown() {
	n := min(len(l.unwritten), installAtOnce)
	for _, slot := range l.unwritten[:n] {
		if s := l.session(slot); s != nil && s.conn == nil {
			l.storeSession(s)
		}
	}
	if l.unwritten = l.unwritten[n:]; len(l.unwritten) > 0 {
		l.post((*loop).writeDown)
	} else {
		l.unwritten = nil
	}
}
