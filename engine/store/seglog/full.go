package seglog

import (
	"log/slog"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// assess decides whether the log is Full; mu is held. It is so early: while the present segment, and mostly another, has room
// for acknowledgements and for what is copied on.
func (c *committer) assess() {
	r := &c.room
	if q := c.o.Quota; q > 0 {
		water := int64(c.o.HighWater)
		if r.high {
			water = int64(c.o.LowWater)
		}
		r.high = r.disk > q/100*water
	}
	full := true
	switch {
	case r.choked != nil:
		r.why = r.choked.Error()
	case r.short != nil:
		r.why = r.short.Error()
	case r.high:
		r.why = "above the high water mark of the quota"
	default:
		full, r.why = false, ""
	}
	if full == c.full.Load() {
		return
	}
	c.full.Store(full)
	if full {
		c.stats.FullCount++
		c.o.Logger.Warn("the store is full: what would have to be stored is refused", c.sizes(), "dir", c.o.Dir, "reason", r.why)
	} else {
		c.o.Logger.Info("the store has room again", c.sizes(), "dir", c.o.Dir)
	}
}

func (c *committer) sizes() slog.Attr {
	return slog.Group("bytes", "files", c.room.disk+c.room.ahead, "live", c.x.live, "quota", c.o.Quota)
}

// choke waits a while for room for a frame that could not be written; the error is why it does not.
func (c *committer) choke(err error) error {
	c.mu.Lock()
	c.room.choked = err
	c.assess()
	c.mu.Unlock()
	if err := c.stopped(); err != nil {
		return err
	}
	c.queue.sleep(0, retryEvery, c.timer)
	return c.stopped()
}

// breathe follows a frame that could be written.
func (c *committer) breathe() {
	if c.room.choked == nil { // which the committer alone sets
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room.choked = nil
	c.assess()
}

// makeRoom sees to it that a frame of n bytes fits into the last segment, and waits until it does; the error is why it never
// will.
func (c *committer) makeRoom(n int64) error {
	for {
		if err := c.stopped(); err != nil {
			return err
		}
		admitted := c.admits(n)
		if !admitted && c.relieve() {
			continue
		}
		if admitted || c.lets(n) {
			if c.fits(n) {
				return nil
			}
			if rolled, err := c.roll(n); err != nil {
				return err
			} else if rolled {
				continue
			}
		}
		if admitted && c.relieve() || c.rest() < n && c.leaveForLimbo() {
			continue
		}
		c.queue.sleep(0, retryEvery, c.timer)
	}
}

// admits tells whether a frame may take n bytes of the room that there is. While no more can be made, enough is left for the
// live records of the oldest segment to be copied on, for without that the log could not make room by itself any more, and half
// a segment more for frames that only take back.
func (c *committer) admits(n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.room.short == nil {
		return true
	}
	left := c.left(n) - c.oldestNeeds()
	return left >= c.segmentSize/2 || left >= 0 && c.onlyTakesBack()
}

// lets tells whether a frame that is not admitted may go on all the same, because copying would not help: what takes back
// may have all that is left, and what was on its way when the log became full all but a quarter of a segment. It would
// keep waiting what only takes back behind it.
func (c *committer) lets(n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.onlyTakesBack() || !c.mustReclaim() && c.left(n) >= c.segmentSize/4
}

// left is what is left for frames behind one of n bytes.
func (c *committer) left(n int64) int64 {
	left := -n
	for _, s := range c.room.spares {
		left += s.alloc - headerSize - c.segmentSize/16
	}
	if rest := c.rest(); n <= rest {
		left += rest
	}
	return left
}

// oldestNeeds is about what copying the oldest segment takes.
func (c *committer) oldestNeeds() int64 {
	if len(c.x.segments) < 2 {
		return 0
	}
	oldest := c.x.segments[0]
	return min(oldest.size, oldest.live+oldest.live/8) + c.segmentSize/16
}

// onlyTakesBack tells whether the jobs that were taken add nothing to what is stored.
func (c *committer) onlyTakesBack() bool {
	for i := range c.jobs {
		for b := c.jobs[i].batch.Bytes(); len(b) > 0; {
			n, err := store.Decode(b, &c.rec)
			if err != nil || !takesBack(c.rec.Kind) {
				return false
			}
			b = b[n:]
		}
	}
	return true
}

// relieve makes room where the committer waits for it, if it can: it copies a slice of the oldest segment on, or leaves the
// last one so that what was emptied may go. False: there is nothing that it can do.
func (c *committer) relieve() bool {
	if !c.full.Load() {
		return false // it is a matter of the janitor only
	}
	return c.leaveEarly() || c.mustReclaim() && c.copyOn()
}

// takesBack tells the kinds of records that add nothing to what is stored.
func takesBack(k store.Kind) bool {
	switch k {
	case store.ACK, store.REL, store.QINDEL, store.SESDEL, store.UNSUB, store.RETDEL:
		return true
	}
	return false
}
