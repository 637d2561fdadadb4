package store

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
)

// state is what a log says once everything that was taken back is left out. The rules of folding are here
// and nowhere else; all it holds are copies that never change.
type state struct {
	meta     map[string][]byte
	retained map[string]Message
	messages map[uint64]*stored
	sessions map[uint64]*folded
	loose    []uint64 // messages of this batch, and those whose last delivery ended in it
}

type stored struct {
	m    Message
	refs int // deliveries that name it
}

type folded struct {
	s        Session
	subs     map[string]Subscription
	incoming map[uint16]struct{}
	queue    map[uint64]queued
}

type queued struct {
	message  uint64
	d        Delivery
	released bool
}

func newState() *state {
	return &state{meta: map[string][]byte{}, retained: map[string]Message{}, messages: map[uint64]*stored{}, sessions: map[uint64]*folded{}}
}

// fold takes in one batch, whole: its records were decoded once without an error.
func (st *state) fold(batch []byte, r *Record) {
	Each(batch, r, func(r *Record) error { st.record(r); return nil })
	// Only now: a delivery may move from one session to another within a batch.
	for _, id := range st.loose {
		if m := st.messages[id]; m != nil && m.refs == 0 {
			delete(st.messages, id)
		}
	}
	st.loose = st.loose[:0]
}

// record takes in one record. What belongs to a session that is over, or acknowledges what is not there, says nothing:
// loops learn of each other's doings later than the store.
func (st *state) record(r *Record) {
	switch r.Kind {
	case META:
		if len(r.Value) == 0 {
			delete(st.meta, string(r.Key))
		} else {
			st.meta[string(r.Key)] = bytes.Clone(r.Value)
		}
	case RET:
		st.retained[string(r.Message.Topic)] = cloneMessage(&r.Message)
	case RETDEL:
		delete(st.retained, string(r.Message.Topic))
	case MSG:
		if st.messages[r.Message.ID] == nil {
			st.messages[r.Message.ID] = &stored{m: cloneMessage(&r.Message)}
			st.loose = append(st.loose, r.Message.ID)
		}
	case SES:
		if f := st.sessions[r.Session.ID]; f != nil {
			f.s = cloneSession(&r.Session)
		} else {
			st.sessions[r.Session.ID] = &folded{s: cloneSession(&r.Session)}
		}
	case ENQ:
		st.enqueue(r)
	default:
		if f := st.sessions[r.Session.ID]; f != nil {
			st.ofSession(f, r)
		}
	}
}

// ofSession takes in a record about a session that exists.
func (st *state) ofSession(f *folded, r *Record) {
	switch r.Kind {
	case SESDEL:
		for seq := range f.queue {
			st.drop(f, seq)
		}
		delete(st.sessions, r.Session.ID)
	case SUB:
		put(&f.subs, string(r.Subscription.Filter), Subscription{
			Filter: bytes.Clone(r.Subscription.Filter), Options: r.Subscription.Options, ID: r.Subscription.ID})
	case UNSUB:
		delete(f.subs, string(r.Subscription.Filter))
	case QIN:
		put(&f.incoming, r.PacketID, struct{}{})
	case QINDEL:
		delete(f.incoming, r.PacketID)
	case ACK:
		st.drop(f, r.Seq)
	case REL:
		if q, ok := f.queue[r.Seq]; ok {
			q.released = true
			f.queue[r.Seq] = q
		}
	}
}

func (st *state) enqueue(r *Record) {
	m := st.messages[r.Message.ID]
	if m == nil {
		return
	}
	for _, d := range r.Deliveries {
		f := st.sessions[d.Session]
		if f == nil {
			continue
		}
		if _, twice := f.queue[d.Seq]; !twice {
			put(&f.queue, d.Seq, queued{message: r.Message.ID, d: d}) // SubIDs were made for this record
			m.refs++
		}
	}
}

// drop ends a delivery.
func (st *state) drop(f *folded, seq uint64) {
	q, ok := f.queue[seq]
	if !ok {
		return
	}
	delete(f.queue, seq)
	if m := st.messages[q.message]; m.refs > 1 {
		m.refs--
	} else {
		m.refs = 0
		st.loose = append(st.loose, q.message)
	}
}

// put makes the map on first use: most sessions have no queue and no open exchange.
func put[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = v
}

// visit gives the state in the order that Recover promises, and sorted where that leaves it open, so that two equal
// states look the same.
func (st *state) visit(visit func(*Record) error) error {
	v := visitor{visit: visit}
	for _, key := range slices.Sorted(maps.Keys(st.meta)) {
		v.tell(Record{Kind: META, Key: []byte(key), Value: st.meta[key]})
	}
	for _, topic := range slices.Sorted(maps.Keys(st.retained)) {
		v.tell(Record{Kind: RET, Message: st.retained[topic]})
	}
	for _, id := range slices.Sorted(maps.Keys(st.messages)) {
		v.tell(Record{Kind: MSG, Message: st.messages[id].m})
	}
	for _, id := range slices.Sorted(maps.Keys(st.sessions)) {
		v.session(id, st.sessions[id])
	}
	return v.err
}

// visitor stops at the first error.
type visitor struct {
	visit func(*Record) error
	err   error
}

func (v *visitor) tell(r Record) {
	if v.err == nil {
		r.Version = versions[r.Kind]
		v.err = v.visit(&r)
	}
}

func (v *visitor) session(id uint64, f *folded) {
	name := Session{ID: id}
	v.tell(Record{Kind: SES, Session: f.s})
	for _, filter := range slices.Sorted(maps.Keys(f.subs)) {
		v.tell(Record{Kind: SUB, Session: name, Subscription: f.subs[filter]})
	}
	for _, pid := range slices.Sorted(maps.Keys(f.incoming)) {
		v.tell(Record{Kind: QIN, Session: name, PacketID: pid})
	}
	queue := slices.SortedFunc(maps.Values(f.queue), func(a, b queued) int { return cmp.Compare(a.d.Seq, b.d.Seq) })
	for _, q := range queue {
		v.tell(Record{Kind: ENQ, Message: Message{ID: q.message}, Deliveries: []Delivery{q.d}})
		if q.released {
			v.tell(Record{Kind: REL, Session: name, Seq: q.d.Seq})
		}
	}
}

func cloneMessage(m *Message) Message {
	c := *m
	c.Topic, c.Props, c.Payload = bytes.Clone(m.Topic), bytes.Clone(m.Props), bytes.Clone(m.Payload)
	return c
}

func cloneSession(s *Session) Session {
	c := *s
	c.ClientID, c.Principal, c.Username = bytes.Clone(s.ClientID), bytes.Clone(s.Principal), bytes.Clone(s.Username)
	c.Listener = bytes.Clone(s.Listener)
	c.Will.Topic, c.Will.Props, c.Will.Payload = bytes.Clone(s.Will.Topic), bytes.Clone(s.Will.Props), bytes.Clone(s.Will.Payload)
	return c
}
