package engine

import (
	"time"

	"github.com/penstock-mqtt/penstock/engine/auth"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/engine/internal/wheel"
	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

// sess is a session with what its owning loop adds: the connection, if any, and the timers. It is 144 bytes.
type sess struct {
	session.Session
	conn    *conn
	ident   *auth.Identity // of the last connection
	lst     *listener      // of the last connection; nil: none since the broker began
	created uint32         // wall time of the session's beginning, seconds since 1970; when stored
	timer   wheel.ID
	willAt  uint32 // tick at which the will is due; 0: none
	awayAt  uint32 // tick since which there is no connection, while there is none
}

// username is the user name of the last connection.
func (s *sess) username() string {
	if s.ident == nil {
		return ""
	}
	return s.ident.Username
}

// mount is the prefix of every topic of the session.
func (s *sess) mount() string {
	if s.lst == nil {
		return ""
	}
	return s.lst.mount
}

// begin makes a session for a connection. had: a stored one of the same client was thrown away for it.
func (l *loop) begin(c *conn, slot uint32, had bool) {
	o := c.opening
	s := &sess{}
	s.ClientID, s.Slot, s.Gen = o.clientID, slot, l.b.slots.Gen(slot)
	s.Principal = o.principal
	l.setSession(slot, s)
	l.count.sessions.add(1)
	l.connectTo(c, s, false, had)
}

// connectTo joins a session and a connection and answers the CONNECT, when had is set not before the store has committed
// the end of the session before. [MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.1.2-6]
func (l *loop) connectTo(c *conn, s *sess, present, had bool) {
	o := c.opening
	c.sess, s.conn = s, c
	l.absent.n--
	s.ident, s.lst = o.identity, c.lst
	s.Version, s.Expiry, s.Will = c.version, o.expiry, o.will
	l.clearSessionTimer(s)

	limits := &c.live.Limits
	c.window = uint16(min(int(o.receiveMaximum), limits.MaxInflight)) // [MQTT-4.9.0-1]
	if s.Send != nil {
		s.Send.SetQuota(int(c.window))
	}
	if s.Recv != nil {
		s.Recv.SetMaximum(c.receiveMaximum())
	}
	if n := min(int(o.aliasMaximum), limits.OutboundTopicAliases); n > 0 {
		c.aliases().outMax = uint16(n)
	}
	c.keepAlive = o.keepAlive // [MQTT-3.2.2-22]
	if d := limits.ServerKeepAlive; d > 0 {
		c.keepAlive = uint16(min(d/time.Second, 65535))
	}
	c.state = connected
	l.setKeepAlive(c)
	l.count.connects.add(1)
	l.count.online.add(1)

	l.b.slots.SetFlags(s.Slot, fanout.SlotOnline, fanout.SlotBusy)
	s.Busy = false
	doubt := l.uncommitted()
	l.storeSession(s)
	if h := l.b.parts.Hooks; h != nil && h.Connected != nil {
		l.observe(func() { h.Connected(c.info()) })
	}
	l.accept(c, present, had)
	c.giveOpening()
	if c.state != connected {
		return
	}
	l.resend(c, s, doubt)
	l.pump(s)
}

func (l *loop) setKeepAlive(c *conn) {
	n := keepAliveTicks(c.keepAlive)
	if p := c.pingTicks(); p > 0 && (n == 0 || p < n) {
		n = p
	}
	if n > 0 {
		l.setTimer(c, l.tick+n)
	} else {
		l.clearTimer(c)
	}
}

// offline takes a connection from its session: the will, then how long the session is kept.
func (l *loop) offline(s *sess, c *conn) {
	if h := l.b.parts.Hooks; h != nil && h.Disconnected != nil {
		l.observe(func() { h.Disconnected(c.info(), c.reason) })
	}
	s.conn, c.sess = nil, nil
	l.absent.n++
	l.count.online.sub(1)
	l.count.disconnects.add(1)
	l.b.slots.SetFlags(s.Slot, 0, fanout.SlotOnline|fanout.SlotBusy)
	s.Busy = false
	if !l.parting { // the other members are about to leave too
		l.reshare(s, false)
	}
	switch {
	case s.Will == nil:
	case c.has(willCleared): // [MQTT-3.14.4-3] [MQTT-3.1.2-10]
		s.Will = nil
	case l.parting && !c.has(takenOver):
		s.Parted = true
	case c.has(takenOver), s.Will.Delay == 0, s.Expiry == 0:
		l.publishWill(s)
	}
	switch {
	case s.Expiry > 0:
	case s.Parted:
		l.empty(s) // it is over, only its will waits
	default:
		l.endSession(s, !c.has(takenOver))
		return
	}
	l.leaveOffline(s)
}

// empty takes everything from a session but its will.
func (l *loop) empty(s *sess) {
	will, left := s.Will, l.bequeath(s)
	l.unsubscribeAll(s)
	l.reshare(s, true)
	l.dropMessages(s)
	if s.Will = will; left != nil {
		l.keepEstate(s, left)
	}
}

// dropMessages lets go of what a session that is over has not delivered.
func (l *loop) dropMessages(s *sess) {
	l.backlog.less(s)
	s.Drop(func(d session.Open) {
		l.dropped(DropSessionEnd)
		l.release(&d)
	})
	l.noteRoom(s)
}

// leaveOffline begins the time for which a session without a connection is kept.
func (l *loop) leaveOffline(s *sess) {
	l.beginAway(s)
	l.storeSession(s)
}

func (l *loop) beginAway(s *sess) {
	l.clearSessionTimer(s)
	l.goAway(s, 0)
	if s.Will != nil { // [MQTT-3.1.2-8]: after the delay or with the session, whichever is first
		delay := time.Duration(s.Will.Delay) * time.Second
		if s.Parted {
			delay = max(delay, l.live.Drain.WillGrace)
		}
		s.willAt = l.after(delay)
	}
	l.setSessionTimer(s)
}

func (l *loop) setSessionTimer(s *sess) {
	at := l.endsAt(s)
	if s.willAt != 0 && (at == 0 || s.willAt < at) {
		at = s.willAt
	}
	if at != 0 {
		s.timer = l.wheel.Add(at, timerData(timerSession, s.Gen, s.Slot))
	}
}

func (l *loop) clearSessionTimer(s *sess) {
	if s.timer != 0 {
		l.wheel.Del(s.timer)
		s.timer = 0
	}
	s.willAt = 0
}

// sessionTimer: the will is due, the session's time is over, or the wheel wants it set anew.
func (l *loop) sessionTimer(s *sess) {
	if l.frozen { // it is the next process's, or ours again with Resume
		s.timer = l.wheel.Add(l.tick+tickSecond, timerData(timerSession, s.Gen, s.Slot))
		return
	}
	if s.willAt != 0 && l.tick >= s.willAt {
		s.willAt = 0
		l.publishWill(s)
		l.storeSession(s) // without the will, in the batch of its message: it is published once
	}
	if l.endOverdue(s) { // [MQTT-4.1.0-2]
		return
	}
	l.setSessionTimer(s)
}

// endSession ends a session for good. release: its client identifier is free again; else somebody waits to begin a
// new session in its place.
func (l *loop) endSession(s *sess, release bool) {
	l.clearSessionTimer(s)
	l.publishWill(s)
	left := l.bequeath(s)
	l.unsubscribeAll(s)
	l.reshare(s, true)
	l.dropMessages(s)
	if left != nil {
		l.keepEstate(s, left)
	} else {
		l.forgetSession(s)
	}
	l.setSession(s.Slot, nil)
	l.count.sessions.sub(1)
	switch {
	case !release:
		l.b.slots.Renew(s.Slot)
	case s.created != 0 && l.uncommitted():
		l.retireLater(s)
	default:
		l.retireSlot(s.ClientID, s.Slot)
	}
}

// retired is the slot of a session that is over here and not yet in the store.
type retired struct {
	clientID string
	slot     uint32
	gen      uint16
}

// retireLater keeps a stored session's client identifier here until its end is committed. Who comes with it meanwhile comes
// to this loop, and is not told before that: a crash would have the session rise again behind the CONNACK.
func (l *loop) retireLater(s *sess) {
	r := retired{s.ClientID, s.Slot, l.b.slots.Renew(s.Slot)}
	if h := &l.hold; !h.empty() {
		h.retired = append(h.retired, r)
	} else {
		f := &h.flying[len(h.flying)-1]
		f.retired = append(f.retired, r)
	}
}

// retire frees the slots of sessions whose end is committed, unless somebody has them again.
func (l *loop) retire(list []retired) {
	for _, r := range list {
		free := l.session(r.slot) == nil && l.pending[r.slot] == nil && l.b.slots.Owner(r.slot) == l.id && l.b.slots.Gen(r.slot) == r.gen
		if free && l.b.directory.release(r.clientID, l.id) {
			l.b.slots.Free(r.slot)
		}
	}
}

// retireSlot frees a slot without a session, unless another loop has claimed it.
func (l *loop) retireSlot(id string, slot uint32) {
	if l.pending[slot] == nil && l.b.directory.release(id, l.id) {
		l.b.slots.Free(slot)
	} else {
		l.b.slots.Renew(slot)
	}
}

// unsubscribeAll takes a session out of the index and of its shared groups.
func (l *loop) unsubscribeAll(s *sess) {
	n := 0
	s.Subs.Each(func(h trie.Handle) {
		if _, ok := l.b.index.Remove(h, s.Slot); ok {
			n++
		}
	})
	for name := range s.Subs.Shared() {
		if l.leaveGroup(name, s.Slot) {
			n++
		}
	}
	s.Subs.Clear()
	l.b.subscriptions.Add(int64(-n))
}

func (l *loop) dropped(d Drop) { l.count.dropped[d].add(1) }
