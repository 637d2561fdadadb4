package engine

import (
	"time"

	"github.com/penstock-mqtt/penstock/engine/internal/session"
)

// What has expired goes without anybody asking for it: a few sessions and queued messages are looked at in each tick.

// sessionSweep is how far a loop has come in looking through its sessions.
type sessionSweep struct {
	slot uint32 // the next one
	seen int    // of its queue
	next uint32 // tick before which nothing is looked at
}

const (
	// sweepLooks is how many places of sessions, and messages in their queues, are looked at in a tick. Each look costs
	// about a cache miss, all of a tick's less than half a percent of it: a million sessions take half a minute.
	sweepLooks = 4096
	// sessionSweepPause is the time between two sweeps over few.
	sessionSweepPause = 5 * time.Second
)

// sweepSessions ends sessions that are overdue by a setting that has changed, and drops queued messages whose Message
// Expiry Interval has run out. [MQTT-3.3.2-5]
func (l *loop) sweepSessions() {
	at := &l.looking
	if l.tick < at.next {
		return
	}
	for looks := sweepLooks; looks > 0; looks-- {
		chunk := at.slot / tableChunk
		if int(chunk) >= len(l.table) {
			*at = sessionSweep{next: l.tick + ticks(sessionSweepPause)}
			return
		}
		var s *sess
		if l.table[chunk] == nil {
			at.slot |= tableChunk - 1
		} else {
			s = l.table[chunk][at.slot%tableChunk]
		}
		if s != nil && !l.sweepOverdue(s) && at.seen < s.Queue.Len() {
			n := min(looks, s.Queue.Len()-at.seen)
			at.seen += l.sweepQueue(s, at.seen, n)
			if looks -= n; at.seen < s.Queue.Len() {
				continue // looks are used up
			}
		}
		at.slot, at.seen = at.slot+1, 0
	}
}

// sweepOverdue ends a session whose time without a connection is over.
func (l *loop) sweepOverdue(s *sess) bool { return l.absent.is(l, s) && l.endOverdue(s) }

// sweepQueue looks at a part of a queue and tells how many messages of it stay.
func (l *loop) sweepQueue(s *sess, from, n int) int {
	stay := s.Queue.Sweep(from, n, func(d *session.Delivery) bool {
		if !l.expired(d) {
			return true
		}
		l.dropped(DropExpired)
		l.backlog.sub(d)
		l.storeAck(s, d.Seq)
		l.release(&d.Open)
		return false
	})
	if stay < n {
		l.noteRoom(s)
	}
	return stay
}

// expired tells whether a queued message's expiry interval has run out, in memory or in the store. One that was sent before,
// or may have been, does not expire any more: its client may have answered, and the exchange has to be completed for its
// packet identifier to be free. [MQTT-3.3.2-5] [MQTT-4.4.0-1]
func (l *loop) expired(d *session.Delivery) bool {
	switch {
	case d.Again:
		return false
	case d.Msg == nil:
		return d.Aside != nil && d.Aside.Expires != 0 && l.now >= d.Aside.Expires
	}
	return d.Msg.Expired(l.now)
}
