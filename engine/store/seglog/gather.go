package seglog

import (
	"math"
	"sync/atomic"
	"time"
)

// gather decides how long a commit waits for more.
type gather struct {
	fixed time.Duration
	now   atomic.Int64 // how long it is at present, in nanoseconds
}

// await lets more come before a commit.
func (c *committer) await() {
	if g := &c.gather; g.fixed > 0 {
		g.now.Store(int64(g.fixed))
		c.awaitUntil(c.queue.oldest().Add(g.fixed))
	}
}

// awaitUntil waits, unless there is enough for a frame, or the log is to be closed.
func (c *committer) awaitUntil(t time.Time) {
	for !c.ending.Load() && c.failed() == nil {
		left := time.Until(t)
		if _, bytes := c.queue.waiting(); left <= 0 || bytes >= takeBytes {
			return
		}
		c.queue.sleep(math.MaxInt, left, c.timer)
	}
}

func (g *gather) committed(jobs int, bytes int64, took time.Duration) {}
