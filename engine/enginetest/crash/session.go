package crash

import "strings"

// Session is one session of a client, from the clean start, or the first connection, to the next clean start.
type Session struct {
	name  string
	group *group   // of a member of a shared subscription, which has no other
	past  *Session // the client's session before; nil: none
	asked int64    // the CONNECT that began it was sent
	begun int64    // the CONNACK of a clean start came; 0: not yet
	sure  int64    // something that came behind it in the broker's log was acknowledged; 0: not yet
	over  int64    // the next clean start was sent; 0: it lives
	subs  []*Sub
	last  map[string]uint32 // by topic: the number of the newest message so far
	got   map[key]*receipt
}

// Sub is one subscription from its SUBSCRIBE to its UNSUBACK. 0: not yet.
type Sub struct {
	filter                        string // without $share
	qos                           byte
	asked, granted, leaving, gone int64
}

// group is the members of a shared subscription together.
type group struct {
	name    string
	members []*Session
	got     map[key]*receipt
}

// receipt is what a session, or a group, has received of a message.
type receipt struct {
	who           string
	qos           byte
	exchanges     int   // at QoS 2, as a new one each
	first, closed int64 // first arrival, and the PUBREL of the last exchange
}

// session enters a session whose CONNECT is about to be sent.
func (l *Ledger) session(name string, g *group, past *Session) *Session {
	now := l.lock()
	defer l.mu.Unlock()
	s := &Session{name: name, group: g, past: past, asked: now, last: map[string]uint32{}, got: map[key]*receipt{}}
	if g != nil {
		g.members = append(g.members, s)
	}
	l.sessions = append(l.sessions, s)
	return s
}

func newGroup(name string) *group { return &group{name: name, got: map[key]*receipt{}} }

// ending notes that a CONNECT is about to be sent that throws the session away.
func (l *Ledger) ending(s *Session) {
	now := l.lock()
	defer l.mu.Unlock()
	if s.over == 0 {
		s.over = now
	}
}

// present judges the Session Present of a CONNACK for a CONNECT that was not to begin anew.
func (l *Ledger) present(s *Session, present bool) {
	l.lock()
	defer l.mu.Unlock()
	if !present && l.kept(s.sure) {
		l.fault(Ended, "the session of %s is gone; it was there at %d", s.name, s.sure)
	}
}

// absent judges it where a clean start, or time, has ended the session, and the broker said so between two times.
func (l *Ledger) absent(name string, present bool, from, to int64) {
	l.lock()
	defer l.mu.Unlock()
	if present && !l.doubtful(from, to) {
		l.fault(Risen, "the session of %s is there again, which ended at %d", name, to)
	}
}

// anew notes that a clean start was acknowledged.
func (l *Ledger) anew(s *Session) {
	now := l.lock()
	defer l.mu.Unlock()
	if s.begun == 0 {
		s.begun = now
	}
}

// subscribe enters a subscription whose SUBSCRIBE is about to be sent.
func (l *Ledger) subscribe(s *Session, filter string, qos byte) *Sub {
	now := l.lock()
	defer l.mu.Unlock()
	sub := &Sub{filter: filter, qos: qos, asked: now}
	s.subs = append(s.subs, sub)
	return sub
}

// granted notes the SUBACK.
func (l *Ledger) granted(s *Session, sub *Sub) {
	now := l.lock()
	defer l.mu.Unlock()
	if !l.kept(sub.granted) {
		sub.granted = now
	}
	if !l.kept(s.sure) {
		s.sure = now
	}
}

// leaving notes that an UNSUBSCRIBE is about to be sent.
func (l *Ledger) leaving(sub *Sub) {
	now := l.lock()
	defer l.mu.Unlock()
	if sub.leaving == 0 {
		sub.leaving = now
	}
}

// left notes the UNSUBACK.
func (l *Ledger) left(sub *Sub) {
	now := l.lock()
	defer l.mu.Unlock()
	if !l.kept(sub.gone) {
		sub.gone = now
	}
}

// lapsed notes that the session of a client was lost with a crash, lawfully or not: the client has begun another.
func (l *Ledger) lapsed(s *Session) {
	now := l.lock()
	defer l.mu.Unlock()
	s.over = now
	s.sure = 0
}

// may tells whether a subscription can have been there at any time while a message was taken over, seen at now.
func (l *Ledger) may(sub *Sub, m *message, now int64) bool {
	end := now
	if m.acked != 0 {
		end = m.acked
	}
	return sub.asked < end && (!l.kept(sub.gone) || sub.gone > m.sent)
}

// taken tells whether a message is surely the broker's. One at QoS 2 that was sent before a crash and acknowledged after it may
// have been taken for another one: its identifier may be that of an exchange whose end the broker has lost.
func (l *Ledger) taken(m *message) bool {
	return l.kept(m.acked) && !(m.qos == 2 && m.again && l.doubtful(m.sent, m.acked))
}

// must tells whether a subscription was there all the time while a message was taken over, and the broker has said so.
func (l *Ledger) must(sub *Sub, m *message) bool {
	return l.taken(m) && l.kept(sub.granted) && sub.granted < m.sent && (sub.leaving == 0 || sub.leaving > m.acked)
}

// covered tells whether a filter covers a topic.
func (l *Ledger) covered(filter, topic string) bool {
	pair := [2]string{filter, topic}
	yes, known := l.covers[pair]
	if !known {
		yes = matches(filter, topic)
		l.covers[pair] = yes
	}
	return yes
}

// matches tells whether a filter covers a topic.
func matches(filter, topic string) bool {
	f, t := strings.Split(filter, "/"), strings.Split(topic, "/")
	for i, level := range f {
		switch {
		case level == "#":
			return true
		case i >= len(t) || level != "+" && level != t[i]:
			return false
		}
	}
	return len(f) == len(t)
}
