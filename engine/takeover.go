package engine

import (
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/fanout"
)

// A session moves between loops like this. A CONNECT on loop B claims the client identifier; the directory names the
// home before, A, and B is the home from now on. B tells A to detach. A closes the old connection and, if the session
// lives on, makes B its owner and sends a fence to every loop; what other loops told A under the old owner arrives
// before their answers, so when all have answered, and the store has committed what A stored, A hands the session to
// B. Items that reach B meanwhile wait in pending and follow. Claims that come while B waits queue behind its own, and
// a loop may wait for more than one tenure: it had the session, lost it, and claimed it again.

// pending is a session on its way to this loop, and what waits for it.
type pending struct {
	clientID string
	tenures  []tenure // the next first
	items    []waiting
}

// refuse turns away the connections that wait for the session; it tells whether there were any.
func (p *pending) refuse(reason mqtt.Reason) (any bool) {
	for _, t := range p.tenures {
		for _, c := range t.conns {
			if c.state == attaching {
				c.refuse(reason, "")
				any = true
			}
		}
	}
	return any
}

// tenure is one stay of a session on this loop: the connections that want it, in their order, and the loop that has
// asked for it next.
type tenure struct {
	number uint32
	conns  []*conn // each still wants it while its state is attaching
	next   *detach
}

// waiting is a message for a session on its way. It holds a reference.
type waiting struct {
	msg    *fanout.Message
	plan   *fanout.Plan
	group  *fanout.Group // the shared subscription that chose it
	target fanout.Target
	seq    uint64
}

// detach asks the home of a session to give it up.
type detach struct {
	tenure uint32 // the stay that is to end
	to     uint32 // the loop that asks
	clean  bool   // the session is to be thrown away
}

// fence is a loop's round of questions to all others. One round covers all sessions that were detached before it.
type fence struct {
	answers int // still to come
	moving  []moving
	next    []moving // detached during the round: they need the next one
}

// moving is a session that is to be handed over.
type moving struct {
	s     *sess // nil: there is none any more
	slot  uint32
	to    uint32
	batch uint64        // what is stored up to here has to be committed first
	then  func(l *loop) // in place of a session
}

// claim gets the session for a connection: made anew, taken over here, or fetched from another loop.
func (l *loop) claim(c *conn) {
	o := c.opening
	a := l.b.directory.claim(o.clientID, l.id)
	p := l.pending[a.slot]
	switch {
	case a.fresh:
		l.begin(c, a.slot, false)
	case a.home == l.id && p == nil:
		l.takeOver(c, a.slot, true)
	case a.home == l.id:
		c.state = attaching
		last := &p.tenures[len(p.tenures)-1]
		last.conns = append(last.conns, c)
	default:
		c.state = attaching
		if p == nil {
			p = &pending{clientID: o.clientID}
			l.pending[a.slot] = p
		}
		p.tenures = append(p.tenures, tenure{number: a.tenure, conns: []*conn{c}})
		l.tell(a.home, fanout.Item{Kind: itemDetach, Slot: a.slot, Arg: detach{tenure: a.before, to: l.id, clean: o.cleanStart}})
	}
}

// takeOver continues or replaces a session that this loop has. ended: if there is none, its end may not be committed.
func (l *loop) takeOver(c *conn, slot uint32, ended bool) {
	s := l.session(slot)
	if s == nil && l.b.doubtful.has(c.opening.clientID) || s != nil && l.unkept(s) {
		l.refuseUnkept(c)
		return
	}
	had := s == nil && ended || s != nil && s.created != 0
	if s != nil {
		s = l.evict(s, c.opening.cleanStart)
	}
	if s == nil {
		l.begin(c, slot, had)
		return
	}
	l.connectTo(c, s, true, false)
}

// evict takes a session from its connection because the client came back elsewhere. nil: the session ended.
// [MQTT-3.1.4-3] [MQTT-3.1.4-2]
func (l *loop) evict(s *sess, clean bool) *sess {
	if s.Parted { // it is back: that its connection ended was our doing
		s.Will, s.Parted = nil, false
	}
	ends := clean || s.Expiry == 0
	if c := s.conn; c != nil {
		c.flags |= takenOver
		if !ends && s.Will != nil && s.Will.Delay > 0 { // not sent: the client is back [MQTT-3.1.3-9]
			c.flags |= willCleared
		}
		c.disconnect(mqtt.SessionTakenOver)
	}
	if l.session(s.Slot) != s { // it ended with its connection
		return nil
	}
	if ends {
		l.endSession(s, false)
		return nil
	}
	l.clearSessionTimer(s)
	s.Will = nil // [MQTT-3.1.2-8] [MQTT-3.1.3-9]
	return s
}

// detach is another loop's claim on a session whose home this loop was.
func (l *loop) detach(slot uint32, d detach) {
	if p := l.pending[slot]; p != nil {
		for i := range p.tenures {
			if p.tenures[i].number == d.tenure {
				p.tenures[i].next = &d // it is not here yet
				return
			}
		}
	}
	l.passOn(slot, d)
}

// passOn gives a session that this loop has to the loop that claimed it.
func (l *loop) passOn(slot uint32, d detach) {
	s := l.session(slot)
	if s != nil {
		s = l.evict(s, d.clean && !l.unkept(s)) // who cannot throw it away is refused with it at hand
	}
	l.giveUp(slot, s, d)
}

// giveUp sends a session to the loop that claimed it; s is nil when there is none any more.
func (l *loop) giveUp(slot uint32, s *sess, d detach) {
	l.b.slots.Move(slot, d.to)
	m := moving{s: s, slot: slot, to: d.to}
	if s == nil { // told once its end is committed: it must not rise again behind the new one's CONNACK
		m.batch = l.hold.lastBatch()
		l.hold.moving = append(l.hold.moving, m)
		l.handOver()
		return
	}
	if l.fence.answers > 0 {
		l.fence.next = append(l.fence.next, m)
		return
	}
	l.fence.moving = append(l.fence.moving, m)
	l.raiseFence()
}

func (l *loop) raiseFence() {
	for _, o := range l.b.loops {
		if o != l {
			l.tell(o.id, fanout.Item{Kind: itemFence, Slot: l.id})
			l.fence.answers++
		}
	}
}

// fenced is one loop's answer. After the last one everything that was told to this loop under the old owner is here.
func (l *loop) fenced() {
	if l.fence.answers--; l.fence.answers > 0 {
		return
	}
	for i := range l.fence.moving {
		l.fence.moving[i].batch = l.hold.lastBatch()
	}
	l.hold.moving = append(l.hold.moving, l.fence.moving...)
	l.fence.moving, l.fence.next = l.fence.next, nil
	l.handOver()
	if len(l.fence.moving) > 0 {
		l.raiseFence()
	}
}

// handOver sends the sessions whose fence fell and whose records are committed.
func (l *loop) handOver() {
	for len(l.hold.moving) > 0 && l.hold.settled(l.hold.moving[0].batch) {
		m := l.hold.moving[0]
		l.hold.moving = l.hold.moving[1:]
		if m.then != nil {
			m.then(l)
			continue
		}
		if m.s != nil {
			l.setSession(m.slot, nil)
			l.count.sessions.sub(1)
		}
		l.tell(m.to, fanout.Item{Kind: itemAttach, Slot: m.slot, Arg: m.s})
	}
}

// whenSettled does something once all that this loop has stored so far is committed, and what waited for it is on its way.
func (l *loop) whenSettled(do func(l *loop)) {
	l.hold.moving = append(l.hold.moving, moving{then: do, batch: l.hold.lastBatch()})
	l.handOver()
}

// attach is a session that arrived, or the news that there is none.
func (l *loop) attach(slot uint32, s *sess) {
	p := l.pending[slot]
	t, items := p.tenures[0], p.items
	p.items = nil
	if s != nil {
		s.Loading = false
		l.setSession(slot, s)
		l.count.sessions.add(1)
	}
	for _, c := range t.conns {
		if c.state != attaching {
			continue // it is gone again
		}
		l.takeOver(c, slot, false)
		l.deliverWaiting(items)
		items = nil
		if c.state == connected {
			c.resume()
		}
	}
	// Not before: the first of them may have ended the session again, and the slot is the next one's.
	if p.tenures = p.tenures[1:]; len(p.tenures) == 0 {
		delete(l.pending, slot)
		items = append(items, p.items...)
	}
	l.deliverWaiting(items)
	switch s := l.session(slot); {
	case t.next != nil:
		l.passOn(slot, *t.next)
	case s == nil:
		l.retireSlot(p.clientID, slot)
	case s.conn == nil:
		l.leaveOffline(s)
	}
}
