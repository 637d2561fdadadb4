package bench

import "time"

// schedule is the pace of an open loop on one lane: at even distances messages, its feeds in turn, or something else. What is due is said by
// the clock alone: whoever looks late sends more, each message with the time it was meant for.
type schedule struct {
	feeds []*feed
	begin func(at time.Duration) // in place of messages
	every float64                // nanoseconds between two messages
	start time.Duration          // of the run
	count uint64                 // messages that were due so far
	turn  int
}

// at is when the next message is due.
func (s *schedule) at() time.Duration {
	return s.start + time.Duration(float64(s.count)*s.every)
}

// due begins what was meant for that time.
func (s *schedule) due(at time.Duration) {
	if s.begin != nil {
		s.begin(at)
		return
	}
	s.feeds[s.turn].offer(uint32(at / time.Microsecond))
	if s.turn++; s.turn == len(s.feeds) {
		s.turn = 0
	}
}

// pace begins what is due and has the loop wake for what comes next.
func (ln *lane) pace() {
	now := ln.r.now()
	if now < ln.nextDue {
		return
	}
	ln.now = uint32(now / time.Microsecond)
	next := time.Duration(-1)
	for _, s := range ln.schedules {
		at := s.at()
		for at <= now {
			s.count++
			s.due(at)
			at = s.at()
		}
		if next < 0 || at < next {
			next = at
		}
	}
	ln.nextDue = next
	ln.loop.SetAlarm(next - ln.r.skew)
}
