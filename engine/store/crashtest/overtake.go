package crashtest

import (
	"slices"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// A store that has no room for a batch may carry out what later batches take back before it: acknowledgements, ends of sessions
// and of retained messages. What it recovers is then the state at one position without some of what the batches behind that,
// as far as they were appended, take back.

// overtaken gives the records behind a position that take back something of want which got does not have.
func (t *story) overtaken(position uint64, got, want state) []byte {
	m := t.at(position)
	var b, out store.Batch
	var r store.Record
	for m.position < t.written {
		b.Reset()
		m.next(&b)
		store.Each(b.Bytes(), &r, func(r *store.Record) error {
			name := ""
			switch r.Kind {
			case store.ACK:
				name = queueName(r.Session.ID, r.Seq)
			case store.SESDEL:
				name = sessionName(r.Session.ID)
			case store.RETDEL:
				name = "RET " + string(r.Message.Topic)
			}
			if want[name] != "" && got[name] == "" {
				out.Record(r)
			}
			return nil
		})
	}
	return out.Bytes()
}

// takeBack carries out what has overtaken the batches behind the position.
func (m *model) takeBack(records []byte) {
	m.gone = records
	var r store.Record
	store.Each(records, &r, func(r *store.Record) error {
		i := slices.IndexFunc(m.sessions, func(s *session) bool { return s.id == r.Session.ID })
		switch {
		case r.Kind == store.RETDEL:
			delete(m.retained, string(r.Message.Topic))
		case i < 0:
		case r.Kind == store.ACK:
			s := m.sessions[i]
			if k := slices.IndexFunc(s.queue, func(d delivery) bool { return d.seq == r.Seq }); k >= 0 {
				m.ended(s.queue[k])
				s.queue = slices.Delete(s.queue, k, k+1)
			}
		case r.Kind == store.SESDEL:
			m.over = append(m.over, r.Session.ID)
			m.endSession(i)
		}
		return nil
	})
	m.dropLoose()
}

// endSession ends all that belongs to a session.
func (m *model) endSession(i int) {
	for _, d := range m.sessions[i].queue {
		m.ended(d)
	}
	m.sessions = slices.Delete(m.sessions, i, i+1)
}

// dropLoose drops messages that no delivery names any more.
func (m *model) dropLoose() {
	for _, id := range m.loose {
		if msg := m.messages[id]; msg != nil && msg.refs == 0 {
			delete(m.messages, id)
		}
	}
	m.loose = m.loose[:0]
}
