package crash

import "fmt"

// missing names what the broker still owes, up to a few of each subscriber.
func (l *Ledger) missing() (list []string) {
	l.lock()
	defer l.mu.Unlock()
	seen := map[*group]bool{}
	for _, s := range l.sessions {
		switch {
		case s.over != 0:
		case s.group == nil:
			list = append(list, l.owed(s)...)
		case !seen[s.group]:
			seen[s.group] = true
			list = append(list, l.owedTo(s.group)...)
		}
	}
	for _, w := range l.wills {
		if w.must && l.kept(w.sure) && l.awaited(w) && !l.anyoneGot(w.m) {
			list = append(list, fmt.Sprintf("nobody got the will %v of %s", w.m.key, w.name))
		}
	}
	return list
}

// Owes is how many messages a client has not got.
func (l *Ledger) Owes(name string) (n int) {
	l.lock()
	defer l.mu.Unlock()
	for _, s := range l.sessions {
		if s.name == name && s.over == 0 {
			l.each(func(m *message) {
				if m.will == nil && s.got[m.key] == nil && l.entitled(s, m) {
					n++
				}
			})
		}
	}
	return n
}

// some is how many of a subscriber's missing messages are named.
const some = 3

// owed is what a session has not got.
func (l *Ledger) owed(s *Session) (list []string) {
	n := 0
	l.each(func(m *message) {
		if m.will != nil || s.got[m.key] != nil || !l.entitled(s, m) {
			return
		}
		if n++; n <= some {
			list = append(list, fmt.Sprintf("%s has not got message %v on %q, sent at %d, acknowledged at %d", s.name, m.key, m.topic, m.sent, m.acked))
		}
	})
	if n > some {
		list = append(list, fmt.Sprintf("%s has not got %d other messages", s.name, n-some))
	}
	return list
}

// owedTo is what no member of a group has got.
func (l *Ledger) owedTo(g *group) (list []string) {
	n := 0
	l.each(func(m *message) {
		if m.will != nil || g.got[m.key] != nil {
			return
		}
		for _, s := range g.members {
			if s.over == 0 && l.entitled(s, m) {
				if n++; n <= some {
					list = append(list, fmt.Sprintf("no member of %s has got message %v on %q, sent at %d, acknowledged at %d", g.name, m.key, m.topic, m.sent, m.acked))
				}
				return
			}
		}
	})
	if n > some {
		list = append(list, fmt.Sprintf("no member of %s has got %d other messages", g.name, n-some))
	}
	return list
}

// entitled tells whether a message was acknowledged while a session was subscribed to it.
func (l *Ledger) entitled(s *Session, m *message) bool {
	for _, sub := range s.subs {
		if l.must(sub, m) && l.covered(sub.filter, m.topic) {
			return true
		}
	}
	return false
}

// each visits all messages that were acknowledged.
func (l *Ledger) each(visit func(m *message)) {
	for _, s := range l.sources {
		for _, m := range s.sent {
			if m.acked != 0 && !m.erases {
				visit(m)
			}
		}
	}
}

// awaited tells whether somebody is subscribed to a will since before it was known.
func (l *Ledger) awaited(w *Will) bool {
	for _, s := range l.sessions {
		for _, sub := range s.subs {
			if s.over == 0 && l.kept(sub.granted) && sub.granted < w.sure && l.covered(sub.filter, w.m.topic) {
				return true
			}
		}
	}
	return false
}

func (l *Ledger) anyoneGot(m *message) bool {
	for _, s := range l.sessions {
		if s.got[m.key] != nil {
			return true
		}
	}
	return false
}
