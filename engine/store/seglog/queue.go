package seglog

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// job is a batch that waits for its commit.
type job struct {
	batch *store.Batch
	done  func(error)
}

// queue is what was appended and is not in a frame yet. Its lock is held for a few instructions only, so that Append never
// waits.
type queue struct {
	mu    sync.Mutex
	jobs  []job // oldest first, from first on
	first int
	bytes int64     // of theirs
	put   uint64    // jobs that ever came
	since time.Time // when the first of those that wait came, or those before it were taken

	wake   chan struct{} // of capacity 1: somebody has news for the committer
	want   int           // the committer is to be woken once so many wait; 0: it is at work and looks by itself
	closed bool          // nothing is taken any more
	slow   atomic.Bool
}

// The marks between which a backlog is told as Slow: it is the memory that waiting batches hold, and with 100 MB/s to the disk
// less than a tenth of a second.
const (
	slowAbove = 8 << 20
	slowBelow = 4 << 20
)

// add takes a job; false once the queue is closed.
func (q *queue) add(j job) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	if len(q.jobs) == q.first {
		q.since = time.Now()
	}
	q.jobs = append(q.jobs, j)
	q.put++
	if q.bytes += int64(len(j.batch.Bytes())); q.bytes > slowAbove {
		q.slow.Store(true)
	}
	wake := q.want > 0 && (len(q.jobs)-q.first >= q.want || q.bytes >= takeBytes)
	if wake {
		q.want = 0
	}
	q.mu.Unlock()
	if wake {
		q.poke()
	}
	return true
}

// poke wakes the committer, or keeps it from its next sleep.
func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default: // it has news to look at already
	}
}

// waiting is how many jobs wait, and their bytes.
func (q *queue) waiting() (jobs int, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.jobs) - q.first, q.bytes
}

// takeBytes bounds a frame that is made of many batches: a commit is to be short, and a damaged frame to lose little.
const takeBytes = 4 << 20

// take moves the oldest jobs to into, of at most so many bytes or one job, and tells how many bytes they are.
func (q *queue) take(into []job, most int64) (_ []job, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.want, q.since = 0, time.Now()
	n := q.first
	for ; n < len(q.jobs); n++ {
		size := int64(len(q.jobs[n].batch.Bytes()))
		if n > q.first && bytes+size > most {
			break
		}
		bytes += size
	}
	into = append(into, q.jobs[q.first:n]...)
	clear(q.jobs[q.first:n])
	switch q.first = n; {
	case n == len(q.jobs):
		q.first, q.jobs = 0, reuse(q.jobs)
	case n > keepJobs && n > len(q.jobs)/2:
		q.first, q.jobs = 0, q.jobs[:copy(q.jobs, q.jobs[n:])]
	}
	if q.bytes -= bytes; q.bytes < slowBelow {
		q.slow.Store(false)
	}
	return into, bytes
}

// sleep waits until so many jobs wait (0: whatever comes), somebody pokes, or d has passed; below 0 that is without end.
func (q *queue) sleep(want int, d time.Duration, t *time.Timer) {
	q.mu.Lock()
	if want > 0 && len(q.jobs)-q.first >= want {
		q.mu.Unlock()
		return
	}
	q.want = want
	q.mu.Unlock()
	if d < 0 {
		<-q.wake
		return
	}
	t.Reset(d)
	select {
	case <-q.wake:
		t.Stop()
	case <-t.C:
	}
}

// shut closes the queue if nothing waits, and tells whether it is closed.
func (q *queue) shut() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = q.closed || len(q.jobs) == q.first
	return q.closed
}

// keepJobs is the most jobs whose memory is kept.
const keepJobs = 1 << 12

func reuse(jobs []job) []job {
	if cap(jobs) > keepJobs {
		return nil
	}
	return jobs[:0]
}

// oldest is when the first of those that wait came.
func (q *queue) oldest() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.since
}
