package seglog

import (
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// makeRoom sees to it that a frame of the jobs fits into the last segment, and waits until it does, with fewer of them if need be;
// the error is why it never will.
func (c *committer) makeRoom() error {
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
		n, weight := frameSize+c.taken.bytes, c.weigh()
		admitted := c.admits(n, weight)
		if !admitted && (c.putBack() || c.relieve()) {
			continue
		}
		if admitted || weight == frees { // which may have all there is, because copying would not help
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

// weight is what committing batches does to the room that there is.
type weight uint8

const (
	frees  weight = iota // it takes back only
	little               // it is about sessions and subscriptions: a little, and mostly in place of something else
	keeps                // it keeps messages
)

// admits tells whether a frame may take n bytes of the room that there is. While no more can be made, enough is left for the
// live records of the oldest segment to be copied on, for without that the log could not make room by itself any more. Messages leave
// half a segment more and sessions a quarter, so that clients may come back for what is queued, and what takes back may use it up: by then
// there is garbage to be had (mustReclaim). While it is not known yet whether more can be made, more than that is left, for what was
// on its way when the log was found to be full.
func (c *committer) admits(n int64, w weight) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	left, keep := c.left(n)-c.oldestNeeds(), int64(0)
	switch w {
	case keeps:
		keep = c.segmentSize / 2
	case little:
		keep = c.segmentSize / 4
	}
	if c.room.short == nil {
		if c.room.ready() {
			return true
		}
		keep += c.segmentSize / 8
	}
	return left >= keep
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

// weigh is the weight of the jobs that were taken.
func (c *committer) weigh() (w weight) {
	for i := range c.jobs {
		w = max(w, c.weightOf(&c.jobs[i]))
	}
	return w
}

func (c *committer) weightOf(j *job) (w weight) {
	for b := j.batch.Bytes(); len(b) > 0 && w < keeps; {
		n, err := store.Decode(b, &c.rec)
		switch {
		case err != nil:
			return keeps
		case c.rec.Kind == store.MSG || c.rec.Kind == store.ENQ || c.rec.Kind == store.RET:
			w = keeps
		case !takesBack(c.rec.Kind):
			w = little
		}
		b = b[n:]
	}
	return w
}

// putBack gives jobs back that would keep those before them from being admitted: those of another weight than the first, and all but
// one that keeps messages. False: there are none.
func (c *committer) putBack() bool {
	if len(c.jobs) < 2 {
		return false
	}
	n, w := 1, c.weightOf(&c.jobs[0])
	for w < keeps && n < len(c.jobs) && c.weightOf(&c.jobs[n]) == w {
		n++
	}
	if n == len(c.jobs) {
		return false
	}
	c.taken = c.queue.putBack(c.jobs[n:], c.taken)
	clear(c.jobs[n:])
	c.jobs = c.jobs[:n]
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
