package seglog

import (
	"math"
	"sync/atomic"
	"time"
)

// gather decides how long a commit waits for more. With Options.Gather that is what it says. Otherwise a commit begins
// at once, unless the one before, with a sync, has begun a moment ago and batches come whether or not the earlier ones were
// answered: then it waits until commitEvery has passed, or as much is there as the largest of the last commits had. So
//
//   - a client that waits for each answer finds no wait, because nothing comes beside what it sends;
//   - of several such clients, all that will come is there after the first commits, and the wait ends with the last of them;
//   - messages that come by themselves share a commit: that costs them half of commitEvery, and nothing when there are few.
type gather struct {
	fixed time.Duration
	now   atomic.Int64 // how long it was last, in nanoseconds

	begun  time.Time // when the last commit was
	beside float64   // how many urgent batches come beside the first until it is committed, on average
	most   float64   // what the largest of the last commits weighed
}

const (
	// commitEvery is how far apart commits begin at least, when there is always something to commit. A commit costs about
	// 30 us of the processors whatever is in it: a sync 14, the write 3, the wakes of committer and loops the rest. The
	// whole broker at 10 000 messages of 200 bytes a second and QoS 1, on a machine with other things to do, took per
	// message over one without a store (29 us): 14 us more with no wait, 11 with 250 us, 8 with 400, 1 with SyncNone;
	// and 930, 760 and 700 bytes written. The wait costs half of itself in latency where the disk does not take longer
	// anyway, so this is about as much as keeps half of the answers within 300 us where a sync takes 50.
	commitEvery = 330 * time.Microsecond
	// enoughBeside is from how many on it is worth to wait.
	enoughBeside = 0.25
	// nearly is the part of the largest of the last commits that is as good as all.
	nearly = 0.95
)

// await lets more come before a commit.
func (c *committer) await() {
	g := &c.gather
	switch {
	case g.fixed > 0:
		g.now.Store(int64(g.fixed))
		c.awaitUntil(c.queue.oldest().Add(g.fixed))
	case c.o.Sync == SyncAlways && g.beside >= enoughBeside:
		wait := commitEvery - time.Since(g.begun)
		if _, weight, bytes := c.queue.waiting(); wait > 0 && float64(weight) < nearly*g.most && bytes < takeBytes {
			c.queue.doze(int64(nearly*g.most), wait)
			g.now.Store(int64(wait))
		}
	default:
		g.now.Store(0)
	}
	g.begun = time.Now()
}

// awaitUntil waits, unless there is enough for a frame, or the log is to be closed.
func (c *committer) awaitUntil(t time.Time) {
	for !c.ending.Load() && c.failed() == nil {
		left := time.Until(t)
		if _, _, bytes := c.queue.waiting(); left <= 0 || bytes >= takeBytes {
			return
		}
		c.queue.sleep(math.MaxInt64, left, c.timer)
	}
}

// committed takes account of a commit, during which so many urgent batches came.
func (g *gather) committed(t taken, came int) {
	const of = 8 // how many commits count, about
	g.beside += (float64(max(t.urgent-1, 0)+came) - g.beside) / of
	g.most = max(g.most-(g.most-float64(t.weight))/of, float64(t.weight))
}
