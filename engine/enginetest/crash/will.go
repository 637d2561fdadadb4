package crash

// Will is the will of one connection.
type Will struct {
	name string
	m    *message
	sure int64 // it is in the broker's log
	may  bool  // it may be published
	must bool  // it must, in the end
}

// will enters the will of a CONNECT that is about to be sent. may: nobody will come back to prevent it.
func (l *Ledger) will(m *message, name string, may bool) *Will {
	l.send(m)
	l.lock()
	defer l.mu.Unlock()
	m.will = &Will{name: name, m: m, may: may}
	l.wills = append(l.wills, m.will)
	return m.will
}

// due notes that a will may be published from now on, and has to be if it is known to the broker's log.
func (l *Ledger) due(w *Will) {
	l.lock()
	defer l.mu.Unlock()
	w.may, w.must = true, true
}

// willed notes that a will is in the broker's log, since a subscription behind it is.
func (l *Ledger) willed(w *Will, behind *Sub) {
	l.lock()
	defer l.mu.Unlock()
	w.sure = behind.granted
}
