package seglog

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// scribe makes up what a busy broker appends. It only names what it has seen begin, and sometimes what is over.
type scribe struct {
	r        *rand.Rand
	next     uint64
	seq      map[uint64]uint64
	used     map[[2]uint64]bool // session and number: those are given once
	over     map[uint64]bool
	sessions []uint64 // some of them are over
	queued   []store.Delivery
	messages []uint64 // of queued
}

func newScribe(seed uint64) *scribe {
	return &scribe{r: rand.New(rand.NewPCG(seed, 1)), seq: map[uint64]uint64{}, used: map[[2]uint64]bool{}, over: map[uint64]bool{}}
}

func (s *scribe) id() uint64 { s.next++; return s.next }

func (s *scribe) session() uint64 { return s.sessions[s.r.IntN(len(s.sessions))] }

func (s *scribe) batch(b *store.Batch) {
	for range 1 + s.r.IntN(8) {
		s.step(b)
	}
}

func (s *scribe) step(b *store.Batch) {
	r := s.r
	if len(s.sessions) == 0 || r.IntN(40) == 0 {
		id := s.id()
		s.sessions = append(s.sessions, id)
		b.Session(&store.Session{ID: id, ClientID: fmt.Append(nil, "c", id), Version: 5, Expiry: r.Uint32()})
		return
	}
	switch n := r.IntN(30); {
	case n == 0 && len(s.sessions) > 4:
		i := r.IntN(len(s.sessions))
		b.DropSession(s.sessions[i])
		s.over[s.sessions[i]] = true
		if r.IntN(2) == 0 { // else loops go on for a while that have not heard of it
			s.sessions = append(s.sessions[:i], s.sessions[i+1:]...)
		}
	case n < 11:
		s.fanout(b)
	case n < 19:
		s.acknowledge(b)
	case n == 19:
		if id := s.session(); !s.over[id] {
			b.Session(&store.Session{ID: id, ClientID: []byte("again"), Version: 4, Expiry: r.Uint32()})
		}
	case n < 23:
		topic := fmt.Append(nil, "t", r.IntN(12))
		if r.IntN(3) == 0 {
			b.Unretain(topic)
		} else {
			b.Retain(&store.Message{Topic: topic, Payload: fmt.Append(nil, r.Uint32())})
		}
	case n < 26:
		filter := fmt.Append(nil, "f", r.IntN(5))
		if r.IntN(3) == 0 {
			b.Unsubscribe(s.session(), filter)
		} else {
			b.Subscribe(s.session(), &store.Subscription{Filter: filter, Options: byte(r.IntN(3)), ID: r.Uint32N(9)})
		}
	case n < 29:
		if pid := uint16(1 + r.IntN(6)); r.IntN(2) == 0 {
			b.Receive(s.session(), pid)
		} else {
			b.Complete(s.session(), pid)
		}
	default:
		key := fmt.Append(nil, "k", r.IntN(4))
		if r.IntN(4) == 0 {
			b.Meta(key, nil)
		} else {
			b.Meta(key, fmt.Append(nil, r.Uint32()))
		}
	}
}

// fanout takes numbers of a session not quite in their order, as loops do.
func (s *scribe) fanout(b *store.Batch) {
	id := s.id()
	var to []store.Delivery
	seen := map[uint64]bool{}
	for range s.r.IntN(4) {
		session := s.session()
		if seen[session] {
			continue
		}
		seen[session] = true
		s.seq[session] += 10
		d := store.Delivery{Session: session, Seq: s.seq[session] - uint64(s.r.IntN(3)), QoS: byte(1 + s.r.IntN(2)), Retain: s.r.IntN(2) == 0,
			Shared: s.r.IntN(3) == 0}
		if d.Seq > 30 && s.r.IntN(4) == 0 {
			d.Seq -= uint64(s.r.IntN(3))*10 + 5
		}
		if s.used[[2]uint64{session, d.Seq}] {
			continue
		}
		s.used[[2]uint64{session, d.Seq}] = true
		for range s.r.IntN(3) {
			d.SubIDs = append(d.SubIDs, 1+s.r.Uint32N(300))
		}
		to = append(to, d)
		s.queued, s.messages = append(s.queued, d), append(s.messages, id)
	}
	b.Message(&store.Message{ID: id, Topic: []byte("t"), Payload: make([]byte, s.r.IntN(200)), QoS: 1})
	b.Enqueue(id, to)
}

func (s *scribe) acknowledge(b *store.Batch) {
	if len(s.queued) == 0 {
		return
	}
	i := s.r.IntN(len(s.queued))
	if s.r.IntN(3) > 0 {
		i = s.r.IntN(min(len(s.queued), 5))
	}
	d := &s.queued[i]
	if s.r.IntN(4) == 0 {
		b.Release(d.Session, d.Seq)
		return
	}
	if s.r.IntN(8) == 0 && !s.over[d.Session] { // it moves to another session, in one batch
		to := s.session()
		s.seq[to] += 10
		moved := store.Delivery{Session: to, Seq: s.seq[to], QoS: 1, Shared: true}
		b.Enqueue(s.messages[i], []store.Delivery{moved})
		b.Ack(d.Session, d.Seq)
		s.queued[i] = moved
		return
	}
	b.Ack(d.Session, d.Seq)
	s.queued = append(s.queued[:i], s.queued[i+1:]...)
	s.messages = append(s.messages[:i], s.messages[i+1:]...)
}

func TestReplayAgreesWithTheFoldWhateverWasReclaimed(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			p, m, s := newPaper(t, 8<<10), store.NewMemory(), newScribe(seed)
			for round := range 40 {
				for range 30 {
					p.commit(int(seed)*60, func(b *store.Batch) {
						s.batch(b)
						m.Append(b, nil)
					})
				}
				want := listedStore(t, m)
				r := p.replayed()
				same(t, fmt.Sprintf("seed %d, round %d, replay of %d segments", seed, round, len(r.parts)), listed(t, r.index), want)
				if round%3 == 2 {
					p.restart()
				}
				if g, w := counted(r.index), counted(p.x); g != w {
					t.Fatalf("seed %d, round %d: replay counts %s, the index %s", seed, round, g, w)
				}
			}
			if first := p.x.segments[0].id; (first > 5) != (seed > 0) {
				t.Errorf("seed %d: the first segment is %d of %d", seed, first, p.head().id)
			}
		})
	}
}

func counted(x *index) string {
	var s store.Stats
	x.counts(&s)
	return fmt.Sprintf("%+v", s)
}
