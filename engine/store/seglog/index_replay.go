package seglog

import "encoding/binary"

// leniency is what an index has besides while a log is replayed.
//
// Reclaim moves what counts of the oldest segment to the end, so in what is left of a log a record may stand before what it
// refers to: an ENQ before the SES and the MSG that were moved. So an index that does not see the log from its very beginning, or not
// all of it, keeps what belongs to sessions and messages that it has not met (ghosts), and moved messages that no delivery names,
// since an older ENQ that was moved after them may yet come. (The deliveries of a message that was not moved all stand behind it, and
// before one of them is moved the message is, so that it comes again.) Only at
// the end it is known what never came. An index that sees everything from the first record on goes by the plain rules, which are
// also those of a log that is written to.
type leniency struct {
	needed bool
	over   map[uint64]struct{} // sessions that a SESDEL ended: no ghosts of those
	sets   sets
}

// beginReplay makes the index ready for what a log holds already.
func (x *index) beginReplay() { x.replay = &leniency{over: map[uint64]struct{}{}} }

// lost says that records are missing before those that come next.
func (x *index) lost() { x.replay.needed = true }

func (x *index) lenient() bool { return x.replay != nil && x.replay.needed }

// ghost is a session of which no SES was met; nil: it was ended, so what comes says nothing.
func (x *index) ghost(id uint64) *session {
	if _, over := x.replay.over[id]; over {
		return nil
	}
	s := &session{}
	x.sessions[id] = s
	return s
}

// bury remembers that a session is over, and revive that it began again.
func (x *index) bury(id uint64) {
	if x.lenient() {
		x.replay.over[id] = struct{}{}
	}
}

func (x *index) revive(id uint64) {
	if x.lenient() {
		delete(x.replay.over, id)
	}
}

// missing is what endReplay had to leave out because what it refers to never came.
type missing struct {
	sessions   int // of which there is no SES
	deliveries int // of messages of which there is no MSG, or to those sessions
}

func (m *missing) any() bool { return m.sessions > 0 || m.deliveries > 0 }

// endReplay ends the leniency: what refers to what never came is dropped, and messages that nobody waits for. What lies before the
// segment first was reclaimed while it was read; had it still counted, it would have been met again.
func (x *index) endReplay(first uint32) (m missing) {
	x.flush()
	if x.dropBefore(first) || x.lenient() {
		m = x.dropGhosts()
	}
	x.loose = x.loose[:0]
	x.replay.needed, x.replay.over = false, nil // the sets are wanted by visit yet
	return m
}

func (x *index) dropGhosts() (m missing) {
	for id, s := range x.sessions {
		if s.at.len == 0 {
			m.sessions++
			m.deliveries += s.queue.len()
			x.empty(s)
			delete(x.sessions, id)
		}
	}
	x.flush()
	ghosts := 0
	for _, msg := range x.messages {
		if msg.at.len == 0 && !msg.unnamed() {
			ghosts++
		}
	}
	if ghosts > 0 {
		m.deliveries += x.dropDeliveries(func(d *delivery) bool { return x.find(d.message).m.at.len == 0 })
	}
	x.flush()
	x.dropUnnamed()
	return m
}

// dropUnnamed drops messages without a delivery. Most of them may go, so the map is made anew when it has become too large.
func (x *index) dropUnnamed() {
	before := len(x.messages)
	for id, m := range x.messages {
		if m.unnamed() {
			x.dropMessage(id, m)
		}
	}
	if len(x.messages) < before/2 {
		fresh := make(map[uint64]message, len(x.messages))
		for id, m := range x.messages {
			fresh[id] = m
		}
		x.messages = fresh
	}
}

// dropDeliveries ends the deliveries that over says so of.
func (x *index) dropDeliveries(over func(*delivery) bool) (n int) {
	for _, s := range x.sessions {
		var ended []delivery
		s.queue.all(func(d *delivery) bool {
			if over(d) {
				ended = append(ended, *d)
			}
			return true
		})
		for i := range ended {
			where, _ := s.queue.find(ended[i].seq)
			s.queue.remove(where)
			x.dropDelivery(&ended[i])
		}
		n += len(ended)
	}
	return n
}

// dropBefore drops all that lies before a segment.
func (x *index) dropBefore(first uint32) (any bool) {
	if len(x.segments) == 0 || x.segments[0].id >= first {
		return false
	}
	for _, m := range []map[uint64]place{x.notes, x.retained} {
		for key, at := range m {
			if at.seg < first {
				x.end(m, key)
			}
		}
	}
	for id, s := range x.sessions {
		if s.at.len > 0 && s.at.seg < first {
			x.dropSession(id)
			continue
		}
		s.subs.all(func(filter uint64, at place) {
			if at.seg < first {
				x.unsubscribe(s, filter, at)
			}
		})
		s.incoming.all(func(id uint16, seg uint32) {
			if seg < first {
				x.complete(s, id, seg)
			}
		})
	}
	x.dropDeliveries(func(d *delivery) bool { return d.seg < first })
	x.flush()
	for id, m := range x.messages {
		if m.at.len > 0 && m.at.seg < first {
			x.free(m.at)
			x.messages[id] = message{refs: m.refs}
		}
	}
	for len(x.segments) > 0 && x.segments[0].id < first {
		x.live -= x.segments[0].live
		x.segments = x.segments[1:]
	}
	return true
}

// sets numbers the sets of subscription identifiers that deliveries have: clients use few different ones. 0 is none.
type sets struct {
	known map[string]uint32
	all   [][]uint32
	key   []byte
}

// maxSets is what fits beside the other bits of a delivery: more than the memory could hold.
const maxSets = 1<<(32-bitsSetShift) - 1

func (s *sets) number(ids []uint32) uint32 {
	s.key = s.key[:0]
	for _, id := range ids {
		s.key = binary.AppendUvarint(s.key, uint64(id))
	}
	n, ok := s.known[string(s.key)]
	if !ok && len(s.all) < maxSets {
		if s.known == nil {
			s.known = map[string]uint32{}
		}
		s.all = append(s.all, ids)
		n = uint32(len(s.all))
		s.known[string(s.key)] = n
	}
	return n
}

// of is the set with a number.
func (s *sets) of(n uint32) []uint32 {
	if n == 0 {
		return nil
	}
	return s.all[n-1]
}
