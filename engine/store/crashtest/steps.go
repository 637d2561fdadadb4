package crashtest

import (
	"fmt"
	"slices"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

const (
	mostSessions = 10
	longQueue    = 30 // deliveries; from there on more is acknowledged than comes
)

// step writes what one packet makes a broker write.
func (m *model) step(b *store.Batch) {
	n := m.r.IntN(100)
	if m.keeps && (n < 8 || n >= 35 && n < 80) && m.r.IntN(8) > 0 {
		n = 10
	}
	switch {
	case len(m.sessions) < 3 || n < 2 && len(m.sessions) < mostSessions:
		m.connect(b)
	case n < 4:
		m.end(b)
	case n < 8:
		m.update(b)
	case n < 35:
		m.publish(b)
	case n < 68:
		m.acknowledge(b)
	case n < 70:
		m.move(b)
	case n < 80:
		m.retain(b)
	case n < 88:
		m.receive(b)
	case n < 96:
		m.subscribe(b)
	default:
		m.note(b, fmt.Sprint("key ", m.r.IntN(5)), fmt.Sprint("value ", m.r.IntN(100))[:7*m.r.IntN(2)])
	}
}

func (m *model) connect(b *store.Batch) {
	s := &session{id: m.id(), subs: map[string]string{}, incoming: map[uint16]string{}}
	m.sessions = append(m.sessions, s)
	m.write(b, s)
}

// write writes a session down as its client may be now.
func (m *model) write(b *store.Batch, s *session) {
	rec := store.Session{ID: s.id, ClientID: fmt.Append(nil, "client-", s.id), Principal: m.text(8), Username: m.text(8), Version: mqtt.V5,
		Clean: m.r.IntN(2) == 0, Online: m.r.IntN(2) == 0, Expiry: m.r.Uint32(), Created: m.r.Int64N(1 << 40), Sent: s.seq}
	if m.r.IntN(3) == 0 {
		rec.HasWill = true
		rec.Will = store.Will{Topic: m.text(20), Payload: m.text(300), QoS: byte(m.r.IntN(3)), Retain: m.r.IntN(2) == 0, Delay: m.r.Uint32()}
	}
	b.Session(&rec)
	s.record = m.encoded(func(b *store.Batch) { b.Session(&rec) })
}

func (m *model) update(b *store.Batch) {
	if _, s := m.session(); s != nil {
		m.write(b, s)
	}
}

func (m *model) end(b *store.Batch) {
	id, s := m.session()
	b.DropSession(id)
	if s == nil {
		return
	}
	m.endSession(slices.Index(m.sessions, s))
	m.over = append(m.over, id)
}

// publish sends a message to some sessions, to one of them twice now and then, and to some that are over.
func (m *model) publish(b *store.Batch) {
	rec := store.Message{ID: m.id(), Topic: m.text(30), Props: m.text(10), Payload: m.payload(), QoS: byte(m.r.IntN(3)), Retain: m.r.IntN(2) == 0,
		Publisher: m.r.Uint64N(20)}
	if m.r.IntN(4) == 0 {
		rec.Expiry = store.Lifetime{Left: 1 + m.r.Uint32N(1000), Wall: 1_800_000_000}
	}
	b.Message(&rec)
	msg := &message{record: m.encoded(func(b *store.Batch) { b.Message(&rec) })}
	m.messages[rec.ID] = msg
	m.loose = append(m.loose, rec.ID)
	var to []store.Delivery
	for range m.r.IntN(5) {
		id, s := m.session()
		if s != nil && len(s.queue) > longQueue && !m.keeps {
			continue
		}
		to = append(to, m.enqueue(rec.ID, msg, id, s))
	}
	b.Enqueue(rec.ID, to)
}

// enqueue makes a delivery and puts it into the session's queue.
func (m *model) enqueue(id uint64, msg *message, sessionID uint64, s *session) store.Delivery {
	d := store.Delivery{Session: sessionID, QoS: byte(1 + m.r.IntN(2)), Retain: m.r.IntN(5) == 0, Shared: m.r.IntN(5) == 0}
	for range m.r.IntN(3) * m.r.IntN(10) {
		d.SubIDs = append(d.SubIDs, m.r.Uint32N(1<<28))
	}
	if s == nil {
		d.Seq = 1<<50 + m.id()
		return d
	}
	s.seq += 1 + m.r.Uint64N(2)*m.r.Uint64N(200)
	d.Seq = s.seq
	msg.refs++
	s.queue = append(s.queue, delivery{seq: d.Seq, message: id,
		record: m.encoded(func(b *store.Batch) { b.Enqueue(id, []store.Delivery{d}) })})
	return d
}

// acknowledge ends deliveries, mostly the oldest ones, or lets them go half of the way.
func (m *model) acknowledge(b *store.Batch) {
	id, s := m.session()
	if s == nil || len(s.queue) == 0 {
		b.Ack(id, 1+m.r.Uint64N(50)+1<<40) // of what is not there
		return
	}
	n := 1 + m.r.IntN(4)
	if len(s.queue) > longQueue {
		n *= 4
	}
	for range min(n, len(s.queue)) {
		i := 0
		if m.r.IntN(4) == 0 {
			i = m.r.IntN(len(s.queue))
		}
		d := &s.queue[i]
		if m.r.IntN(4) == 0 {
			b.Release(id, d.seq)
			d.released = m.encoded(func(b *store.Batch) { b.Release(id, d.seq) })
			continue
		}
		b.Ack(id, d.seq)
		m.ended(*d)
		s.queue = slices.Delete(s.queue, i, i+1)
	}
}

// move gives a delivery to another session, as when a member of a shared group has left.
func (m *model) move(b *store.Batch) {
	id, s := m.session()
	to, other := m.session()
	if s == nil || len(s.queue) == 0 {
		return
	}
	i := m.r.IntN(len(s.queue))
	d := s.queue[i]
	ack := func() {
		b.Ack(id, d.seq)
		m.ended(d)
		i := slices.IndexFunc(s.queue, func(o delivery) bool { return o.seq == d.seq })
		s.queue = slices.Delete(s.queue, i, i+1)
	}
	first := m.r.IntN(2) == 0
	if first {
		ack()
	}
	b.Enqueue(d.message, []store.Delivery{m.enqueue(d.message, m.messages[d.message], to, other)})
	if !first {
		ack()
	}
}

func (m *model) retain(b *store.Batch) {
	topic := fmt.Sprint("retained/", m.r.IntN(40))
	if m.r.IntN(3) == 0 {
		b.Unretain([]byte(topic))
		delete(m.retained, topic)
		return
	}
	rec := store.Message{Topic: []byte(topic), Payload: m.text(1 + 4000*m.r.IntN(2)*m.r.IntN(2)), QoS: byte(m.r.IntN(3)), Retain: true, Publisher: m.r.Uint64N(20)}
	b.Retain(&rec)
	m.retained[topic] = m.encoded(func(b *store.Batch) { b.Retain(&rec) })
}

func (m *model) receive(b *store.Batch) {
	id, s := m.session()
	pid, comes := uint16(1+m.r.IntN(6)), m.r.IntN(2) == 0
	if comes {
		b.Receive(id, pid)
	} else {
		b.Complete(id, pid)
	}
	if s == nil {
		return
	}
	delete(s.incoming, pid)
	if comes {
		s.incoming[pid] = m.encoded(func(b *store.Batch) { b.Receive(id, pid) })
	}
}

func (m *model) subscribe(b *store.Batch) {
	id, s := m.session()
	rec := store.Subscription{Filter: fmt.Append(nil, "filter/", m.r.IntN(6)), Options: byte(m.r.IntN(3)), ID: m.r.Uint32N(3)}
	if m.r.IntN(3) == 0 {
		b.Unsubscribe(id, rec.Filter)
		if s != nil {
			delete(s.subs, string(rec.Filter))
		}
		return
	}
	b.Subscribe(id, &rec)
	if s != nil {
		s.subs[string(rec.Filter)] = m.encoded(func(b *store.Batch) { b.Subscribe(id, &rec) })
	}
}

// payload is mostly small, and now and then larger than a segment.
func (m *model) payload() []byte {
	switch n := m.r.IntN(1000); {
	case n < 100:
		return nil
	case n < 800:
		return m.text(200)
	case n < 997 || m.big == 0:
		return m.text(4000)
	}
	return m.text(2 * m.big)
}

// text is up to so many bytes that no other has.
func (m *model) text(most int) []byte {
	b := make([]byte, m.r.IntN(most))
	for i := 0; i < len(b); i += 8 {
		v := m.r.Uint64()
		for k := i; k < min(i+8, len(b)); k++ {
			b[k] = byte(v >> (8 * (k - i)))
		}
	}
	return b
}
