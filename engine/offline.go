package engine

import (
	"time"

	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// A session without a connection is kept for its Session Expiry Interval, but no longer than session.max_offline_age.
// What is written down of it is how long it has been away, so that a process that starts later goes on counting.

// goAway notes that a session has no connection, and has had none for so many ticks.
func (l *loop) goAway(s *sess, ticksAgo uint32) {
	s.awayAt = l.tick - ticksAgo
	l.absent.add(s)
}

// endsAt is the tick at which a session without a connection ends; 0: none that is foreseen.
func (l *loop) endsAt(s *sess) uint32 {
	if s.Expiry == 0 { // it ends with its will
		return s.willAt
	}
	keep, _ := l.keepFor(s)
	// One tick more, because the present one is cut to a whole one when the time begins.
	left := keep + 1 - l.away(s)
	if left > maxTicks {
		return 0
	}
	return l.tick + uint32(max(left, 0))
}

// away is for how many ticks a session has had no connection.
func (l *loop) away(s *sess) int64 { return int64(l.tick - s.awayAt) }

// keepFor is for how many ticks a session is kept without a connection, and what it is that ends it then.
func (l *loop) keepFor(s *sess) (int64, Ending) {
	keep := int64(forever)
	if s.Expiry != session.NeverExpires {
		keep = int64(s.Expiry) * int64(tickSecond)
	}
	if age := l.live.Session.MaxOfflineAge; age > 0 && int64(ticks(age)) < keep {
		return int64(ticks(age)), EndOfflineAge
	}
	return keep, EndExpired
}

const forever = 1 << 60

// endOverdue ends a session whose time without a connection is over.
func (l *loop) endOverdue(s *sess) bool {
	if s.Expiry == 0 {
		if s.Will != nil {
			return false
		}
		l.endSession(s, true)
		return true
	}
	keep, why := l.keepFor(s)
	if l.away(s) <= keep {
		return false
	}
	l.ended(why)
	if why == EndOfflineAge {
		l.notice(noticeOffline, "client", s.ClientID, "reason", why.String(), "away", time.Duration(l.away(s))*tickLength)
	}
	l.endSession(s, true)
	return true
}

// rest is what is left of the Session Expiry Interval of a session without a connection. One that never expires is
// written down as if it did in the longest time there is: how long it has been away is in that.
func (l *loop) rest(s *sess) store.Lifetime {
	if s.conn != nil || s.Expiry == 0 {
		return store.Lifetime{}
	}
	end := int64(l.tick) + int64(s.Expiry)*int64(tickSecond) - l.away(s)
	return l.b.until(time.Duration(end)*tickLength, l.now)
}

// wasAway is for how many ticks a session has been away, by what was left of its Session Expiry Interval when that was
// written down.
func (l *loop) wasAway(s *sess, rest store.Lifetime) uint32 {
	if rest.Left == 0 {
		return 0
	}
	left := int64((l.b.deadline(rest) - l.now + tickLength - 1) / tickLength)
	return uint32(min(max(int64(s.Expiry)*int64(tickSecond)-left, 0), 1<<31))
}

func (l *loop) ended(why Ending) { l.count.ended[why].add(1) }
