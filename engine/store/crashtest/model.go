package crashtest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// script says what a model writes: legs of batches, each drawn from a seed of its own. A store that goes on from an earlier
// position than it had before begins another leg, so that batches which were lost once are not written again by chance.
type script struct {
	big   int  // bytes of a message that is larger than a segment
	keeps bool // little is taken back, so that there is nothing to reclaim
	legs  []leg
}

type leg struct {
	Seed uint64
	From uint64 // the position that it begins behind
	Gone []byte // records that have overtaken what was behind it then
}

// from gives the script that goes on behind a position with batches of another seed.
func (s script) from(position, seed uint64) script {
	n := len(s.legs)
	for n > 0 && s.legs[n-1].From >= position {
		n--
	}
	return script{big: s.big, keeps: s.keeps, legs: append(slices.Clone(s.legs[:n]), leg{Seed: seed, From: position})}
}

// at gives the model at a position.
func (s script) at(position uint64) *model {
	m := newModel(s)
	var b store.Batch
	for m.position < position {
		b.Reset()
		m.next(&b)
	}
	for _, l := range s.legs {
		if l.From == position {
			m.takeBack(l.Gone)
		}
	}
	return m
}

// mark is the value of the META record that each batch has: it tells the leg, too.
func (s script) mark(position uint64) string {
	seed := uint64(0)
	for _, l := range s.legs {
		if l.From < position {
			seed = l.Seed
		}
	}
	return fmt.Sprintf("%d of %x", position, seed)
}

// model is what has been written so far and is not taken back: a naive twin of what a store keeps. Its contents are the encoded
// records, as Recover gives them.
type model struct {
	script
	r        *rand.Rand
	position uint64 // batches so far
	gone     []byte // what of later ones was carried out already
	lastID   uint64
	scratch  store.Batch

	meta     map[string]string
	retained map[string]string
	messages map[uint64]*message
	sessions []*session // ascending by ID
	over     []uint64   // sessions that have ended
	loose    []uint64   // messages of this batch, and those whose last delivery ended in it
}

type message struct {
	record string
	refs   int
}

type session struct {
	id       uint64
	seq      uint64
	record   string
	subs     map[string]string
	incoming map[uint16]string
	queue    []delivery // ascending by seq
}

type delivery struct {
	seq, message     uint64
	record, released string
}

func newModel(s script) *model {
	return &model{script: s, meta: map[string]string{}, retained: map[string]string{}, messages: map[uint64]*message{}}
}

// next writes the batch behind the position.
func (m *model) next(b *store.Batch) {
	for _, l := range m.legs {
		if l.From == m.position {
			m.r = rand.New(rand.NewPCG(l.Seed, m.position))
			m.takeBack(l.Gone)
		}
	}
	m.gone = nil
	m.position++
	for range 1 + m.r.IntN(12) {
		m.step(b)
	}
	m.note(b, "position", m.mark(m.position))
	m.dropLoose()
}

// encoded gives the record that write appends, as a string of its own.
func (m *model) encoded(write func(b *store.Batch)) string {
	m.scratch.Reset()
	write(&m.scratch)
	return string(m.scratch.Bytes())
}

// note keeps a META record; an empty value takes it back.
func (m *model) note(b *store.Batch, key, value string) {
	b.Meta([]byte(key), []byte(value))
	if value == "" {
		delete(m.meta, key)
		return
	}
	m.meta[key] = m.encoded(func(b *store.Batch) { b.Meta([]byte(key), []byte(value)) })
}

// session picks one, mostly a living one.
func (m *model) session() (id uint64, s *session) {
	if len(m.sessions) == 0 || len(m.over) > 0 && m.r.IntN(20) == 0 {
		if len(m.over) == 0 {
			return 1 << 60, nil
		}
		return m.over[m.r.IntN(len(m.over))], nil
	}
	s = m.sessions[m.r.IntN(len(m.sessions))]
	return s.id, s
}

func (m *model) id() uint64 { m.lastID++; return m.lastID }

// ended takes account of a delivery that is over.
func (m *model) ended(d delivery) {
	if msg := m.messages[d.message]; msg != nil {
		if msg.refs--; msg.refs == 0 {
			m.loose = append(m.loose, d.message)
		}
	}
}

// state is what Recover has to give.
func (m *model) state() state {
	out := state{}
	for key, record := range m.meta {
		out["META "+key] = record
	}
	for topic, record := range m.retained {
		out["RET "+topic] = record
	}
	for id, msg := range m.messages {
		out[messageName(id)] = msg.record
	}
	for _, s := range m.sessions {
		out[sessionName(s.id)] = s.record
		for filter, record := range s.subs {
			out[subName(s.id, filter)] = record
		}
		for pid, record := range s.incoming {
			out[incomingName(s.id, pid)] = record
		}
		for _, d := range s.queue {
			out[queueName(s.id, d.seq)] = d.record
			if d.released != "" {
				out[releaseName(s.id, d.seq)] = d.released
			}
		}
	}
	return out
}
