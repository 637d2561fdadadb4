package crash

// reading is one look at what is retained on a topic.
type reading struct {
	topic string
	at    int64 // the SUBSCRIBE was sent
}

// read begins a look at a topic.
func (l *Ledger) read(topic string) reading { return reading{topic, l.Now()} }

// stands tells whether a write can be what is retained at the time of a reading: no other write came wholly after it
// and was acknowledged before.
func (l *Ledger) stands(r reading, w *message, all []*message) bool {
	for _, other := range all {
		if other != w && !other.refused && w.acked != 0 && other.sent > w.acked && l.taken(other) && other.acked < r.at {
			return false
		}
	}
	return true
}

// found judges a retained message that a reading has given.
func (l *Ledger) found(r reading, k key, intact bool) {
	l.lock()
	defer l.mu.Unlock()
	m := l.message(k)
	if m == nil || !m.retain || m.topic != r.topic || !intact || m.erases || m.refused {
		l.fault(Alien, "message %v is retained on %q, intact: %v", k, r.topic, intact)
		return
	}
	if all := l.retained[r.topic]; !l.stands(r, m, all) {
		l.fault(Regress, "message %v is retained on %q at %d; it was acknowledged at %d, and others after it", k, r.topic, r.at, m.acked)
	}
}

// mayBeNone tells whether nothing can be retained at the time of a reading: nothing was written before that stands, or
// what may stand cleared it.
func (l *Ledger) mayBeNone(r reading) bool {
	l.lock()
	defer l.mu.Unlock()
	all := l.retained[r.topic]
	none := true
	for _, w := range all {
		if w.erases && l.stands(r, w, all) {
			return true
		}
		if l.taken(w) && w.acked < r.at {
			none = false
		}
	}
	return none
}
