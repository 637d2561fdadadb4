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
	c.reclaim.full -= s.alloc
	c.reclaim.idle -= s.idle
}

// leaveLimbo lets everything in limbo go; mu is held.
func (c *committer) leaveLimbo() {
	c.room.gone = append(c.room.gone, c.room.limbo...)
	c.room.limbo = nil
	c.room.chore()
}

// limboMost is how many segments' worth stays in limbo when there is room: after a large queue was emptied nothing may be
// written for long.
const limboMost = 3

// leaveEarly leaves the last segment before it is full: when the log is full as soon as that gives back what is missing for the next
// one, else when there is much in limbo. False: it does not.
func (c *committer) leaveEarly() bool {
	if c.sealed || len(c.room.limbo) == 0 {
		return false
	}
	limbo, full := int64(0), c.full.Load()
	for _, s := range c.room.limbo {
		limbo += s.alloc
	}
	gain := c.rest() + limbo
	if full && (limbo < c.segmentSize/4 || gain+c.beyond() < c.segmentSize) || !full && gain < (limboMost+1)*c.segmentSize {
		return false
	}
	if rolled, err := c.roll(0); rolled || err != nil {
		return err == nil
	}
	return full && c.seal() == nil
}

// leaveForLimbo leaves the last segment although there is no other, because nothing more fits into it and the files in limbo are
// all the room that can be had; false: there are none.
func (c *committer) leaveForLimbo() bool {
	return c.full.Load() && !c.sealed && len(c.room.limbo) > 0 && c.seal() == nil
}
