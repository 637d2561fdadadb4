package engine

import (
	"slices"
	"time"
)

// Sessions without a connection are bounded in number over all loops: beyond session.max_offline_sessions those end that
// have been away for longest. Their number is right to a tick, and to those that end or come back on other loops in that
// moment. Who has been away for longest is known to a tick, on the other loops as of the tick before. When many end at once,
// because the bound was set lower, loops do not wait for each other over each of them: with a thousand too many a session
// may end before one that has been away for an eighth longer.

// absence is a session that has lost its connection at a tick. It says nothing when the session says otherwise.
type absence struct{ slot, at uint32 }

// absences are the sessions of a loop without a connection, those away for longest first, among others that are back.
type absences struct {
	list []absence
	head int
	n    int64 // sessions of the loop without a connection
}

func (a *absences) add(s *sess) { a.list = append(a.list, absence{s.Slot, s.awayAt}) }

// count adds a session to their number, or takes it off.
func (a *absences) count(s *sess, n int64) {
	if s.conn == nil && !s.Sink {
		a.n += n
	}
}

// is tells whether a session is without a connection and nobody else's already.
func (*absences) is(l *loop, s *sess) bool {
	return s.conn == nil && !s.Sink && l.b.slots.Owner(s.Slot) == l.id
}

// longest gives the session that has been away for longest; nil: none is.
func (a *absences) longest(l *loop) *sess {
	for a.head < len(a.list) {
		x := a.list[a.head]
		if s := l.session(x.slot); s != nil && a.is(l, s) && s.awayAt == x.at {
			return s
		}
		a.head++
	}
	a.list, a.head = a.list[:0], 0
	return nil
}

// order brings those into their order that were away when the process began.
func (a *absences) order(now uint32) {
	slices.SortStableFunc(a.list, func(x, y absence) int { return int(int64(now-y.at) - int64(now-x.at)) })
}

// tidy lets go of what is out of date, when that is most of it.
func (a *absences) tidy(l *loop) {
	if len(a.list) < 2*int(a.n)+4096 {
		return
	}
	list := make([]absence, 0, a.n)
	for _, x := range a.list[a.head:] {
		if s := l.session(x.slot); s != nil && a.is(l, s) && s.awayAt == x.at {
			list = append(list, x)
		}
	}
	a.list, a.head = list, 0
}

const (
	// endAtOnce is how many sessions end in a pass for being too many.
	endAtOnce = 1000
	// endMessages is how many messages they may have, about: to let go of one costs a cache miss, to give one of a shared
	// subscription to another member as much as to publish it. The next pass goes on, behind what came meanwhile.
	endMessages = 8192
	sharedCost  = 16
	// offlineGrace is for how long after a start nobody's session ends for being one of too many without a connection: all
	// of them lost it with the process before.
	offlineGrace = 5 * time.Minute
)

// boundOffline ends sessions without a connection of which there are too many.
func (l *loop) boundOffline() {
	l.absent.tidy(l)
	l.showLongest(l.absent.longest(l))
	most := int64(l.live.Session.MaxOfflineSessions)
	if most == 0 || l.parting || l.frozen || l.now < l.grace || l.allAway() <= most || !l.b.ending.CompareAndSwap(false, true) {
		return
	}
	defer l.b.ending.Store(false)
	cost := 0
	for range endAtOnce {
		s, more := l.absent.longest(l), l.allAway()-most
		if s == nil || more <= 0 || !l.longestOfAll(s, more) {
			break
		}
		if cost += s.endCost(); cost > endMessages && cost > s.endCost() { // it would be more than one, and too much
			l.post((*loop).boundOffline)
			break
		}
		l.ended(EndOfflineLimit)
		l.notice(noticeOffline, "client", s.ClientID, "reason", EndOfflineLimit.String(), "away", time.Duration(l.away(s))*tickLength)
		l.endSession(s, true)
		l.count.offline.set(uint64(l.absent.n))
	}
	l.showLongest(l.absent.longest(l))
}

// endCost is how much there is to let go of when a session ends.
func (s *sess) endCost() int {
	n := s.Queue.Len() + s.InFlight()
	if s.Grouped {
		n *= sharedCost
	}
	return n
}

// allAway is the number of sessions without a connection, of all loops.
func (l *loop) allAway() int64 {
	n := l.absent.n
	for _, o := range l.b.loops {
		if o != l {
			n += int64(o.count.offline.v.Load())
		}
	}
	return n
}

// showLongest tells the other loops since when the session has been away that has been for longest here.
func (l *loop) showLongest(s *sess) {
	v := uint64(0)
	if s != nil {
		v = 1<<32 | uint64(s.awayAt)
	}
	if l.longest.Load() != v {
		l.longest.Store(v)
	}
}

// longestOfAll tells whether no session of another loop has been away for longer, or for much longer when there are many
// too many.
func (l *loop) longestOfAll(s *sess, more int64) bool {
	for _, o := range l.b.loops {
		if v := o.longest.Load(); o != l && v != 0 {
			theirs := int64(l.tick - uint32(v))
			if theirs > 1<<32-1<<16 { // its clock is ahead of ours
				continue
			}
			if l.away(s) < theirs-theirs*min(more, endAtOnce)/(8*endAtOnce) {
				return false
			}
		}
	}
	return true
}
