package seglog

import "fmt"

// A segment that was copied on is kept for a while: the copies are in the newest frames, which are what a torn write
// damages. It goes when the segment with the last of them is synced and left. Should the process end before, it is read
// again, and all that is in it has a newer copy.

// retire takes the oldest segment, of which everything was copied on, out of the index.
func (c *committer) retire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.x.segments[0]
	if s.live != 0 {
		c.cannotReclaim(fmt.Errorf("%d bytes of records that count were not found in it", s.live))
		return
	}
	c.x.segments = c.x.segments[1:]
	c.room.limbo = append(c.room.limbo, s)
	c.stats.Reclaimed++
	r := &c.reclaim
	r.full -= s.alloc
	r.gained += s.alloc - r.copied
	if s.id >= r.passEnd {
		if r.gained < c.segmentSize {
			r.floor += c.garbage()
		}
		r.passEnd, r.gained = c.head().id, 0
	}
}

// leaveLimbo lets everything in limbo go; mu is held.
func (c *committer) leaveLimbo() {
	c.room.gone = append(c.room.gone, c.room.limbo...)
	c.room.limbo = nil
	c.room.chore()
}

// leaveEarly leaves the last segment before it is full, when the files in limbo are worth more than what it has left; false:
// there are none.
func (c *committer) leaveEarly() bool {
	if c.sealed || len(c.room.limbo) == 0 {
		return false
	}
	if rolled, err := c.roll(0); rolled || err != nil {
		return err == nil
	}
	return c.seal() == nil
}
