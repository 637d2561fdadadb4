package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// random writes what a busy broker writes, with restarts, and compares with the plainest model there is: the
// records that were not taken back, kept as text.
func random(h *harness) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 7))
		m := model{r: r, base: (seed + 1) << 32, sessions: map[uint64]*modelSession{}, retained: map[string]string{}}
		for round := range 6 {
			for range 40 {
				h.commit(func(b *store.Batch) {
					for range 1 + r.IntN(20) {
						m.step(b)
					}
				})
			}
			got, want := h.restart(), m.lines()
			if !slices.Equal(got, want) {
				h.Logf("seed %d, round %d", seed, round)
				h.compare(got, want)
			}
		}
		h.commit(m.clear)
	}
	h.wantAfterRestart()
}

type model struct {
	r        *rand.Rand
	base     uint64 // of the IDs of this seed
	next     uint64
	sessions map[uint64]*modelSession
	retained map[string]string
}

type modelSession struct {
	seq   uint64
	queue []modelDelivery
	subs  map[string]byte
	in    map[uint16]bool
}

type modelDelivery struct {
	message, seq uint64
	released     bool
}

func (m *model) id() uint64 { m.next++; return m.base + m.next }

// ids lists the sessions in order, so that a seed means the same in each run.
func (m *model) ids() []uint64 { return slices.Sorted(maps.Keys(m.sessions)) }

// any picks a session, sometimes one that is over.
func (m *model) any() (uint64, *modelSession) {
	for _, id := range m.ids() {
		if m.r.IntN(4) == 0 {
			return id, m.sessions[id]
		}
	}
	return m.base + 1<<31, nil
}

func (m *model) step(b *store.Batch) {
	id, s := m.any()
	switch n := m.r.IntN(20); {
	case n == 0 && len(m.sessions) < 8 || len(m.sessions) < 3:
		id := m.id()
		m.sessions[id] = &modelSession{subs: map[string]byte{}, in: map[uint16]bool{}}
		b.Session(ses(id))
	case n == 0:
		delete(m.sessions, id)
		b.DropSession(id)
	case n < 7:
		m.fanout(b)
	case n < 14:
		m.acknowledge(b, id, s)
	case n < 16:
		topic, payload := fmt.Sprint("t", m.r.IntN(10)), fmt.Sprint(m.r.Uint32())
		if m.r.IntN(3) == 0 {
			delete(m.retained, topic)
			b.Unretain([]byte(topic))
			return
		}
		m.retained[topic] = payload
		b.Retain(ret(topic, payload))
	case n < 18:
		pid, comes := uint16(1+m.r.IntN(5)), m.r.IntN(2) == 0
		if comes {
			b.Receive(id, pid)
		} else {
			b.Complete(id, pid)
		}
		if s != nil {
			s.in[pid] = comes
		}
	default:
		filter, options := fmt.Sprint("f", m.r.IntN(5)), byte(m.r.IntN(3))
		if m.r.IntN(3) == 0 {
			b.Unsubscribe(id, []byte(filter))
			if s != nil {
				delete(s.subs, filter)
			}
			return
		}
		b.Subscribe(id, &store.Subscription{Filter: []byte(filter), Options: options})
		if s != nil {
			s.subs[filter] = options
		}
	}
}

// fanout sends one message to some sessions, in a batch of its own record and one ENQ.
func (m *model) fanout(b *store.Batch) {
	id := m.id()
	var to []store.Delivery
	for _, session := range m.ids() {
		if s := m.sessions[session]; m.r.IntN(2) == 0 {
			s.seq += 1 + uint64(m.r.IntN(3))
			to = append(to, store.Delivery{Session: session, Seq: s.seq, QoS: 1})
			s.queue = append(s.queue, modelDelivery{message: id, seq: s.seq})
		}
	}
	send(b, id, to...)
}

func (m *model) acknowledge(b *store.Batch, id uint64, s *modelSession) {
	if s == nil || len(s.queue) == 0 {
		b.Ack(id, 1<<40)
		return
	}
	for range 1 + m.r.IntN(4) {
		if len(s.queue) == 0 {
			return
		}
		i := m.r.IntN(min(3, len(s.queue)))
		if d := &s.queue[i]; m.r.IntN(4) == 0 {
			d.released = true
			b.Release(id, d.seq)
			continue
		}
		b.Ack(id, s.queue[i].seq)
		s.queue = slices.Delete(s.queue, i, i+1)
	}
}

func (m *model) clear(b *store.Batch) {
	for _, id := range m.ids() {
		b.DropSession(id)
	}
	for topic := range m.retained {
		b.Unretain([]byte(topic))
	}
}

// lines is the model's state as live writes it.
func (m *model) lines() []string {
	var retained, messages, out []string
	for topic, payload := range m.retained {
		retained = append(retained, retLine(topic, payload))
	}
	seen := map[uint64]bool{}
	for _, s := range m.sessions {
		for _, d := range s.queue {
			if !seen[d.message] {
				seen[d.message] = true
				messages = append(messages, msgLine(d.message))
			}
		}
	}
	slices.Sort(retained)
	slices.Sort(messages)
	out = append(retained, messages...)
	for _, id := range m.ids() {
		out = append(out, m.sessions[id].lines(id)...)
	}
	return out
}

func (s *modelSession) lines(id uint64) []string {
	var subs, in, queue []string
	for filter, options := range s.subs {
		subs = append(subs, subLine(id, store.Subscription{Filter: []byte(filter), Options: options}))
	}
	for pid, open := range s.in {
		if open {
			in = append(in, qinLine(id, pid))
		}
	}
	for _, d := range s.queue {
		queue = append(queue, enqLine(d.message, id, d.seq))
		if d.released {
			queue = append(queue, relLine(id, d.seq))
		}
	}
	slices.Sort(subs)
	slices.Sort(in)
	return slices.Concat([]string{sesLine(id)}, subs, in, queue)
}
