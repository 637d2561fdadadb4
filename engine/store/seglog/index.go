package seglog

import (
	"hash/maphash"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// index knows which records of the log count and where they lie. It holds numbers, not contents: a topic, a filter or a key is
// a hash in it, with a seed of this process alone, so that nobody can choose names that meet.
//
// It keeps the rules of package store's fold, with one more: a record that comes again from another segment has moved there,
// and what it was there before is dead. While a log is replayed whose beginning was reclaimed, or a part of which is
// lost, it is lenient besides (index_replay.go).
type index struct {
	segments []*segment // ascending and contiguous; the last one is written to
	live     int64      // bytes of the records that count, of all segments

	seed          maphash.Seed
	notes         map[uint64]place // META by its key
	retained      map[uint64]place // RET by its topic
	messages      map[uint64]message
	sessions      map[uint64]*session
	subscriptions int
	deliveries    int

	newest    newest
	loose     []uint64 // messages that have no delivery in the course of this frame
	shrinking shrinking
	replay    *leniency
	scratch   []store.Delivery
	briefs    []brief // of one record
	touched   int
}

// message is where a message lies, and how many deliveries name it.
type message struct {
	at   place // len 0: its MSG was not met yet
	refs uint32
}

// refMoved is a bit of refs: a lenient replay met a MSG that may have been moved, so deliveries may yet come which are older than it.
const refMoved = 1 << 31

// unnamed tells whether no delivery names it.
func (m *message) unnamed() bool { return m.refs&^refMoved == 0 }

// session is what belongs to one.
type session struct {
	queue    deliveries
	at       place                 // of its SES; len 0: it was not met yet
	subs     small[uint64, place]  // SUB by its filter
	incoming small[uint16, uint32] // open QINs: packet identifier, segment
}

// What counts as live of records that lie in a record together with others, or are a part of the index alone: about what
// they take when they are written again.
const (
	deliveryBytes = 16
	incomingBytes = 7
)

func newIndex() *index {
	return &index{
		seed: maphash.MakeSeed(), notes: map[uint64]place{}, retained: map[uint64]place{},
		messages: map[uint64]message{}, sessions: map[uint64]*session{},
	}
}

// endFrame follows the records of each frame: messages that they left without a delivery are over.
func (x *index) endFrame() {
	x.flush()
	for _, id := range x.loose {
		if m, ok := x.messages[id]; ok && m.unnamed() && (m.refs == 0 || !x.lenient()) {
			x.dropMessage(id, m)
		}
	}
	if x.loose = x.loose[:0]; cap(x.loose) > keepBriefs {
		x.loose = nil
	}
	x.shrink()
}

func (x *index) hash(b []byte) uint64 { return hash(x.seed, b) }

func hash(seed maphash.Seed, b []byte) uint64 { return maphash.Bytes(seed, b) }

// move says that what counts under a key is now the record at this place.
func (x *index) move(m map[uint64]place, key uint64, at place) {
	x.free(m[key])
	m[key] = at
	x.use(at)
}

func (x *index) end(m map[uint64]place, key uint64) {
	x.free(m[key])
	delete(m, key)
}

// begin takes in SES.
func (x *index) begin(id uint64, at place) {
	s := x.sessions[id]
	if s == nil {
		s = &session{}
		x.sessions[id] = s
		x.revive(id)
	}
	x.free(s.at)
	s.at = at
	x.use(at)
}

// session is the session that a record is about; nil: the record says nothing.
func (x *index) session(id uint64) *session {
	if s := x.sessions[id]; s != nil || !x.lenient() {
		return s
	}
	return x.ghost(id)
}

// ofSession takes in what a record says about a session.
func (x *index) ofSession(b *brief, at place) {
	adds := b.kind == store.SUB || b.kind == store.QIN
	s := x.sessions[b.id]
	if s == nil && adds {
		s = x.session(b.id)
	}
	if s == nil {
		return
	}
	switch b.kind {
	case store.SUB:
		old, was := s.subs.get(b.sub)
		x.free(old)
		s.subs.put(b.sub, at)
		x.use(at)
		if !was {
			x.subscriptions++
		}
	case store.UNSUB:
		if old, ok := s.subs.get(b.sub); ok {
			x.unsubscribe(s, b.sub, old)
		}
	case store.QIN:
		if seg, ok := s.incoming.get(uint16(b.sub)); ok {
			x.count(seg, -incomingBytes)
		}
		s.incoming.put(uint16(b.sub), at.seg)
		x.count(at.seg, incomingBytes)
	case store.QINDEL:
		if seg, ok := s.incoming.get(uint16(b.sub)); ok {
			x.complete(s, uint16(b.sub), seg)
		}
	case store.ACK:
		if where, ok := s.queue.find(b.sub); ok {
			d := *s.queue.entry(where)
			s.queue.remove(where)
			x.dropDelivery(&d)
		}
	case store.REL:
		if d := s.queue.get(b.sub); d != nil {
			d.bits |= bitsReleased
		}
	}
}

func (x *index) unsubscribe(s *session, filter uint64, at place) {
	s.subs.remove(filter)
	x.subscriptions--
	x.free(at)
}

func (x *index) complete(s *session, id uint16, seg uint32) {
	s.incoming.remove(id)
	x.count(seg, -incomingBytes)
}

// dropSession takes in SESDEL.
func (x *index) dropSession(id uint64) {
	if s := x.sessions[id]; s != nil {
		x.empty(s)
		x.free(s.at)
		delete(x.sessions, id)
	}
	x.bury(id)
}

// empty ends all that belongs to a session.
func (x *index) empty(s *session) {
	s.queue.all(func(d *delivery) bool { x.dropDelivery(d); return true })
	s.queue = deliveries{}
	s.subs.all(func(filter uint64, at place) { x.unsubscribe(s, filter, at) })
	s.incoming.all(func(id uint16, seg uint32) { x.complete(s, id, seg) })
}
