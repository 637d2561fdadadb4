package flow

// Resume resends what was open before this connection, and what came from storage: it visits PUBRELs in the
// order of their PUBRECs, then PUBLISHes (to go out with DUP 1) in the order of their first transmission
// [MQTT-4.4.0-1] [MQTT-4.6.0-1]. A PUBLISH needs quota; those beyond it wait for a later call, after
// acknowledgements. A PUBREL needs none but takes one if there is one, and goes first: a peer
// that still counts its exchange is then never sent too many.
//
// visit returns false to stop: the exchange it was shown counts as not resent and is shown again by
// the next Resume. It may Remove the exchange it is shown and no other; m is good until it returns.
func (s *Sender[M]) Resume(visit func(seq uint64, qos byte, released bool, m *M) bool) {
	for s.rel.cursor != 0 {
		if !s.resend(&s.rel, visit) {
			return
		}
	}
	for s.pub.cursor != 0 && s.quota > 0 {
		if !s.resend(&s.pub, visit) {
			return
		}
	}
}

func (s *Sender[M]) resend(c *chain, visit func(uint64, byte, bool, *M) bool) bool {
	id := c.cursor
	e := s.ids.find(id)
	seq := e.seq
	if !visit(seq, e.qos(), e.isReleased(), &e.m) {
		return false
	}
	if e = s.ids.find(id); e == nil || e.seq != seq {
		return true // removed by visit, and the cursor with it
	}
	e.bits &^= waiting
	if s.quota > 0 {
		e.bits |= charged
		s.quota--
	}
	c.cursor = s.nextWaiting(e)
	return true
}

// Pending tells whether Resume has still something to resend.
func (s *Sender[M]) Pending() bool { return s.pub.cursor|s.rel.cursor != 0 }

// Each visits all open exchanges in the order in which Resume would: for hand-over and storage. visit must
// not call the Sender.
func (s *Sender[M]) Each(visit func(seq uint64, qos byte, released bool, m *M)) {
	for _, id := range [2]uint16{s.rel.head, s.pub.head} {
		for id != 0 {
			e := s.ids.find(id)
			visit(e.seq, e.qos(), e.isReleased(), &e.m)
			id = e.next
		}
	}
}

// Restore puts an open exchange back as it came out of Each or of the store, in the same order. It takes no
// quota and waits for Resume.
func (s *Sender[M]) Restore(seq uint64, qos byte, isReleased bool, m M) {
	id := ID(seq)
	e := s.open(id, seq, qos, m)
	e.bits |= waiting
	c := &s.pub
	if isReleased {
		e.bits |= released | isQoS2
		c = &s.rel
	}
	s.append(c, id, e)
}

// Clear ends all exchanges and hands each m to release (which may be nil): the session is over.
// The quota starts anew with SetQuota.
func (s *Sender[M]) Clear(release func(m M)) {
	old := *s
	*s = Sender[M]{}
	if release != nil {
		old.Each(func(_ uint64, _ byte, _ bool, m *M) { release(*m) })
	}
}
