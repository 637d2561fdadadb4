package faulty

import (
	"bytes"
	"slices"
	"time"
)

// swapLimit is how long a delivery waits for the one it changes places with.
const swapLimit = 500 * time.Millisecond

// deliver is where deliveries go wrong.
func (b *Broker) deliver(s *session, m *message, qos byte, retain bool) {
	d := delivery{message: m, qos: qos, retain: retain}
	if m.topic[0] == '$' {
		s.put(d)
		return
	}
	wrong := b.event(Drop, Double, DoubleDup, Swap, Corrupt, Truncate, Extend, Retopic, Stray, ChangeQoS, FlipRetain, Malformed, Sever)
	switch {
	case wrong.has(Drop):
		s.release(d)
		return
	case wrong.has(Sever):
		if s.conn != nil {
			s.conn.end()
		}
		return
	case wrong.has(Malformed) && s.conn != nil:
		s.conn.send(func(dst []byte) []byte { return append(dst, 0x36, 5, 0, 1, 'x', 0, 1) }) // QoS 3
	}
	d = d.damage(wrong)
	if wrong.has(Swap) {
		s.hold(d)
		return
	}
	d.again = wrong.has(DoubleDup)
	s.put(d)
	if wrong.has(Double) {
		s.put(d)
	}
	s.release(d)
	if wrong.has(Stray) {
		if who := b.stranger(m.topic); who != nil {
			who.put(d)
		}
	}
}

// damage returns the delivery with another content.
func (d delivery) damage(wrong faults) delivery {
	m := *d.message
	m.topic, m.payload = bytes.Clone(m.topic), bytes.Clone(m.payload)
	if n := len(m.payload); n > 0 && wrong.has(Corrupt) {
		m.payload[n/2] ^= 0x20
	}
	if n := len(m.payload); n > 0 && wrong.has(Truncate) {
		m.payload = m.payload[:n-1]
	}
	if wrong.has(Extend) {
		m.payload = append(m.payload, 'x')
	}
	if wrong.has(Retopic) {
		m.topic[len(m.topic)-1] ^= 1
	}
	d.message = &m
	if wrong.has(ChangeQoS) {
		d.qos = map[byte]byte{0: 1, 1: 0, 2: 0}[d.qos]
	}
	d.retain = d.retain != wrong.has(FlipRetain)
	return d
}

// hold keeps a delivery until the next one of its topic has gone. When none comes for a while it goes by itself, in its order, and
// nothing was wrong.
func (s *session) hold(d delivery) {
	kept := &d
	s.held = append(s.held, kept)
	time.AfterFunc(swapLimit, func() {
		s.broker.mu.Lock()
		defer s.broker.mu.Unlock()
		if i := slices.Index(s.held, kept); i >= 0 {
			s.held = slices.Delete(s.held, i, i+1)
			s.put(*kept)
			s.broker.undone(Swap)
		}
	})
}

// release sends what was held for a delivery of the same topic, behind which it now comes.
func (s *session) release(behind delivery) {
	s.held = slices.DeleteFunc(s.held, func(kept *delivery) bool {
		same := bytes.Equal(kept.topic, behind.topic)
		if same {
			s.put(*kept)
		}
		return same
	})
}
