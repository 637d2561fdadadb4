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
	for s.rel != nil && s.rel.waits > 0 {
		if !s.resend(s.rel, visit) {
			return
		}
	}
	for s.pub.waits > 0 && s.quota > 0 {
		if !s.resend(&s.pub, visit) {
			return
		}
	}
}

func (s *Sender[M]) resend(row *order[M], visit func(uint64, byte, bool, *M) bool) bool {
	e := row.nextWaiting()
	id := e.id
	if !visit(s.seq(id), e.qos(), e.isReleased(), &e.m) {
		return false
	}
	i := row.find(id)
	if i >= row.n {
		return true // removed by visit
	}
	e = row.at(i)
	e.bits &^= waiting
	row.waits--
	if s.quota > 0 {
		e.bits |= charged
		s.quota--
	}
	return true
}

// Pending tells whether Resume has still something to resend.
func (s *Sender[M]) Pending() bool { return s.pub.waits > 0 || s.rel != nil && s.rel.waits > 0 }

// Each visits all open exchanges in the order in which Resume would: for hand-over and storage. visit must
// not call the Sender.
func (s *Sender[M]) Each(visit func(seq uint64, qos byte, released bool, m *M)) {
	s.each(func(e *exchange[M]) { visit(s.seq(e.id), e.qos(), e.isReleased(), &e.m) })
}

func (s *Sender[M]) each(visit func(e *exchange[M])) {
	if s.rel != nil {
		s.rel.each(visit)
	}
	s.pub.each(visit)
}

// Gone is an exchange that Restore has ended, with what its owner had attached.
type Gone[M any] struct {
	Seq uint64
	M   M
}

// Restore puts an open exchange back as it came out of Each or of the store, in the same order. It takes no
// quota and waits for Resume.
//
// Of exchanges more than 65,534 sequence numbers apart, which no sender has open at once, the older are over: a store
// that has lost their end may bring them. They are handed back, whichever came first. They are not guessed at: a
// sequence number follows from its identifier only within that distance.
func (s *Sender[M]) Restore(seq uint64, qos byte, isReleased bool, m M) (gone []Gone[M]) {
	switch {
	case s.Len() == 0:
	case seq > s.high:
		gone = s.endBefore(seq)
	case s.high-seq >= Identifiers:
		return []Gone[M]{{seq, m}}
	}
	if !isReleased {
		s.open(seq, qos, m, &s.pub, waiting)
		return gone
	}
	if s.rel == nil {
		s.rel = &order[M]{}
	}
	s.open(seq, 2, m, s.rel, waiting|released)
	return gone
}

// endBefore ends what is too old to be open beside seq.
func (s *Sender[M]) endBefore(seq uint64) (gone []Gone[M]) {
	if seq-s.low < Identifiers || seq-s.oldest() < Identifiers {
		return nil
	}
	s.each(func(e *exchange[M]) {
		if old := s.seq(e.id); seq-old >= Identifiers {
			gone = append(gone, Gone[M]{old, e.m})
		}
	})
	for i := range gone {
		s.Remove(gone[i].Seq)
	}
	return gone
}

// High is a sequence number above which nothing was begun since nothing was open the last time; 0: nothing ever was.
func (s *Sender[M]) High() uint64 { return s.high }

// Clear ends all exchanges and hands each m to release (which may be nil): the session is over.
// The quota starts anew with SetQuota.
func (s *Sender[M]) Clear(release func(m M)) {
	old := *s
	*s = Sender[M]{}
	if release != nil {
		old.Each(func(_ uint64, _ byte, _ bool, m *M) { release(*m) })
	}
}
