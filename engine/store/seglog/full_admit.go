package seglog

import (
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// makeRoom sees to it that a frame of n bytes fits into the last segment, and waits until it does; the error is why it never
// will.
func (c *committer) makeRoom(n int64) error {
	var since time.Time // when it began to wait
	defer func() {
		if !since.IsZero() {
			c.endWait()
		}
	}()
	for {
		if err := c.stopped(); err != nil {
			return err
		}
		admitted := c.admits(n)
		if !admitted && c.relieve() {
			continue
		}
		if admitted || c.onlyTakesBack() { // which may have all there is, because copying would not help
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
		if since.IsZero() {
			since = time.Now()
			c.beginWait(n)
		}
		if !c.full.Load() || time.Since(since) < retryEvery || !c.overtake() {
			c.queue.sleep(0, retryEvery, c.timer)
		}
	}
}

// beginWait notes that a frame of n bytes waits for room, and endWait that it does no more.
func (c *committer) beginWait(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.room.waits = n > c.segmentSize-2*frameSize; c.room.waits {
		c.assess()
	}
}

func (c *committer) endWait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.early.stalled = false
	if c.room.waits {
		c.room.waits = false
		c.assess()
	}
}

// admits tells whether a frame may take n bytes of the room that there is. While no more can be made, enough is left for the
// live records of the oldest segment to be copied on, for without that the log could not make room by itself any more, and half
// a segment more for frames that only take back: by the time they have used it up, there is garbage to be had (mustReclaim).
// While it is not known yet whether more can be made, more than that is left, for what was on its way when the log was found to be full.
func (c *committer) admits(n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	left, keep := c.left(n)-c.oldestNeeds(), c.segmentSize/2
	if c.room.short == nil {
		if c.room.ready() {
			return true
		}
		keep += c.segmentSize / 8
	}
	return left >= keep || left >= 0 && c.onlyTakesBack()
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
