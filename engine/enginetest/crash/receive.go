package crash

import "slices"

// arrival is one PUBLISH at a subscriber.
type arrival struct {
	key
	topic  string
	qos    byte
	fresh  bool // not the repeat of an exchange that the subscriber has open
	intact bool // the payload is the one that was sent
}

// received judges a PUBLISH and enters it.
func (l *Ledger) received(s *Session, a arrival) {
	now := l.lock()
	defer l.mu.Unlock()
	l.counts.Received++
	m := l.message(a.key)
	switch {
	case m == nil:
		l.fault(Alien, "%s got message %v on %q, which nobody has sent", s.name, a.key, a.topic)
		return
	case m.topic != a.topic || !a.intact:
		l.fault(Alien, "%s got message %v of %q on %q, intact: %v", s.name, a.key, m.topic, a.topic, a.intact)
		return
	case m.refused:
		l.fault(Alien, "%s got message %v on %q, which was refused", s.name, a.key, a.topic)
	case m.will != nil && !m.will.may:
		l.fault(Willed, "%s got the will %v of %s, which is not due", s.name, a.key, m.will.name)
	}
	if a.qos == 0 || !a.fresh {
		return
	}
	if !l.expected(s, m, a.qos, now) {
		l.fault(Alien, "%s got message %v on %q at QoS %d, for which it has no subscription", s.name, a.key, a.topic, a.qos)
	}
	if s.group == nil {
		l.ordered(s, m)
		l.count(s.got, s.name, m, a.qos, now)
		return
	}
	l.count(s.group.got, s.name, m, a.qos, now)
}

func (l *Ledger) message(k key) *message {
	if k.source < 0 || k.source >= len(l.sources) || int(k.seq) >= len(l.sources[k.source].sent) {
		return nil
	}
	return l.sources[k.source].sent[k.seq]
}

// expected tells whether a subscription explains that a message came at this QoS. One that another member of the group left may
// go to a member that came later.
func (l *Ledger) expected(s *Session, m *message, qos byte, now int64) bool {
	if s.group != nil {
		return slices.ContainsFunc(s.group.members, func(s *Session) bool { return l.explained(s, m, qos, now) })
	}
	return l.explained(s, m, qos, now)
}

func (l *Ledger) explained(s *Session, m *message, qos byte, now int64) bool {
	for _, sub := range s.subs {
		if min(sub.qos, m.qos) == qos && l.covered(sub.filter, m.topic) && l.may(sub, m, now) {
			return true
		}
	}
	// A crash that took the clean start brings the session before back.
	return s.past != nil && l.doubtful(s.asked, s.begun) && l.explained(s.past, m, qos, now)
}

// ordered holds that of a topic, which has one publisher and one QoS, messages come first in the order in which they were
// sent. A message that was sent twice may have found a subscription the second time only, when a later one had before.
func (l *Ledger) ordered(s *Session, m *message) {
	if s.got[m.key] != nil {
		return
	}
	last, any := s.last[m.topic]
	if !any || m.seq > last || m.again && l.filling {
		s.last[m.topic] = max(last, m.seq)
		return
	}
	for _, sub := range s.subs {
		if l.kept(sub.granted) && sub.granted < m.sent && sub.leaving == 0 && l.covered(sub.filter, m.topic) {
			l.fault(Disorder, "%s got message %v on %q for the first time after %d", s.name, m.key, m.topic, last)
			return
		}
	}
}

// count holds that a QoS 2 message is delivered once.
func (l *Ledger) count(got map[key]*receipt, who string, m *message, qos byte, now int64) {
	r := got[m.key]
	if r == nil {
		r = &receipt{who: who, qos: qos, first: now}
		got[m.key] = r
	} else if (qos == 2 || r.qos == 2) && !l.doubtful(r.first, r.closed) {
		l.fault(Doubled, "%s got message %v on %q again, at QoS %d; %s had it at QoS %d", who, m.key, m.topic, qos, r.who, r.qos)
	}
	r.qos = max(r.qos, qos)
	if qos == 2 {
		r.exchanges++
		r.closed = 0
	}
}

// hung judges exchanges that the broker does not go on with: it may have lost them.
func (l *Ledger) hung(who string, began map[uint16]key) {
	now := l.lock()
	defer l.mu.Unlock()
	if !l.doubtful(0, now) {
		l.fault(Stuck, "%s waits for PUBRELs or another answer: %v", who, began)
	}
}

// closed notes the PUBREL of an exchange.
func (l *Ledger) closed(s *Session, k key) {
	now := l.lock()
	defer l.mu.Unlock()
	got := s.got
	if s.group != nil {
		got = s.group.got
	}
	if r := got[k]; r != nil {
		r.closed = now
	}
}
