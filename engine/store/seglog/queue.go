package seglog

import (
	"encoding/binary"
	"math"
	"slices"
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
//
// A batch of acknowledgements alone is patient: nothing that a client waits for depends on it, so it goes with the next batch that
// comes, or after a while. A message at QoS 1 costs one commit with that and not two.
type queue struct {
	mu     sync.Mutex
	jobs   []job // oldest first, from first on
	first  int
	urgent int       // how many of them are not patient
	weight int64     // bytes of the urgent ones, and one for each
	bytes  int64     // of all
	taken  int64     // bytes of those that were taken last
	put    uint64    // jobs that ever came
	since  time.Time // when the first of those that wait came, or those before it were taken

	wake   chan struct{} // of capacity 1: somebody has news for the committer
	want   int64         // the committer is to be woken once urgent ones weigh so much; 0: it is at work and looks by itself
	alarm  *alarm        // what it sleeps on while napping
	nap    bool
	later  *time.Timer // wakes it for patient ones
	armed  bool        // later is set
	closed bool        // nothing is taken any more
	slow   atomic.Bool

	most    int64       // bytes that there is room for
	crowded atomic.Bool // there were more, and there is more than half of that yet
	changed func()      // is told about crowded, and does not block
}

const (
	// patience is how long acknowledgements wait for company: at a thousand messages a second nearly all find some.
	patience = 5 * time.Millisecond
	// patientBytes is how many bytes of them wait at most.
	patientBytes = 64 << 10
)

// The marks between which a backlog is told as Slow: it is the memory that waiting batches hold, and with 100 MB/s to the disk
// less than a tenth of a second.
const (
	slowAbove = 8 << 20
	slowBelow = 4 << 20
)

func (q *queue) init() {
	q.wake = make(chan struct{}, 1)
	q.most = math.MaxInt64
	q.alarm = newAlarm()
	q.later = time.AfterFunc(time.Hour, func() {
		q.mu.Lock()
		q.armed = false
		q.mu.Unlock()
		q.poke()
	})
}

// add takes a job; false once the queue is closed.
func (q *queue) add(j job) bool {
	patient := onlyAcks(j.batch.Bytes())
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
	size := int64(len(j.batch.Bytes()))
	if q.bytes += size; q.bytes > slowAbove {
		q.slow.Store(true)
	}
	q.weigh()
	switch {
	case !patient:
		q.urgent++
		q.weight += size + 1
	case q.urgent == 0 && !q.armed:
		q.armed = true
		q.later.Reset(patience)
	}
	wake := q.want > 0 && (q.weight >= q.want || q.bytes >= takeBytes || patient && q.urgent == 0 && q.bytes > patientBytes)
	if wake {
		q.want = 0
		if q.nap { // with the lock, because the alarm may be gone after it
			q.alarm.set(0)
			wake = false
		}
	}
	q.mu.Unlock()
	if wake {
		q.poke()
	}
	return true
}

// onlyAcks tells batches of which every record is ACK.
func onlyAcks(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	for len(b) > 2 && store.Kind(b[0]) == store.ACK {
		n, size := binary.Uvarint(b[2:])
		if size <= 0 || n > uint64(len(b)-2-size) {
			return false
		}
		b = b[2+size+int(n):]
	}
	return len(b) == 0
}

// poke wakes the committer, or keeps it from its next sleep.
func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default: // it has news to look at already
	}
}

// due tells whether there is something to commit now, and otherwise in how long there will be, or below 0.
func (q *queue) due() (now bool, in time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.jobs) == q.first:
		return false, -1
	case q.urgent > 0 || q.bytes > patientBytes:
		return true, 0
	}
	in = patience - time.Since(q.since)
	return in <= 0, max(in, 0)
}

// waiting is how many urgent jobs wait and what they weigh, and the bytes of all.
func (q *queue) waiting() (urgent int, weight, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.urgent, q.weight, q.bytes
}

// oldest is when the first of those that wait came.
func (q *queue) oldest() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.since
}

// takeBytes bounds a frame that is made of many batches: a commit is to be short, and a damaged frame to lose little.
const takeBytes = 4 << 20

// taken is what jobs that were taken are together.
type taken struct {
	bytes  int64
	urgent int
	weight int64 // as in queue
}

// take moves the oldest jobs to into, of at most so many bytes or one job.
func (q *queue) take(into []job, most int64) (_ []job, t taken) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.want, q.since = 0, time.Now()
	n := q.first
	for ; n < len(q.jobs); n++ {
		size := int64(len(q.jobs[n].batch.Bytes()))
		if n > q.first && t.bytes+size > most {
			break
		}
		t.bytes += size
	}
	into = append(into, q.jobs[q.first:n]...)
	clear(q.jobs[q.first:n])
	if n == len(q.jobs) {
		t.urgent, t.weight = q.urgent, q.weight
	} else {
		for i := range into {
			if b := into[i].batch.Bytes(); !onlyAcks(b) {
				t.urgent++
				t.weight += int64(len(b)) + 1
			}
		}
	}
	switch q.first = n; {
	case n == len(q.jobs):
		q.first, q.jobs = 0, reuse(q.jobs)
	case n > keepJobs && n > len(q.jobs)/2:
		q.first, q.jobs = 0, q.jobs[:copy(q.jobs, q.jobs[n:])]
	}
	q.urgent -= t.urgent
	q.weight -= t.weight
	if q.bytes -= t.bytes; q.bytes < slowBelow {
		q.slow.Store(false)
	}
	q.taken = t.bytes
	q.weigh()
	return into, t
}

// putBack gives the last of the jobs back that were taken; t is what those that stay are together, of those that were.
func (q *queue) putBack(jobs []job, t taken) taken {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first >= len(jobs) {
		q.first -= len(jobs)
		copy(q.jobs[q.first:], jobs)
	} else {
		q.jobs, q.first = slices.Concat(jobs, q.jobs[q.first:]), 0
	}
	for i := range jobs {
		b := jobs[i].batch.Bytes()
		size := int64(len(b))
		q.bytes += size
		t.bytes -= size
		if !onlyAcks(b) {
			q.urgent++
			q.weight += size + 1
			t.urgent--
			t.weight -= size + 1
		}
	}
	q.taken = t.bytes
	return t
}

// landed follows the commit of what was taken.
func (q *queue) landed() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken = 0
	q.weigh()
}

// bound says for how many bytes there is room, and tells whether more wait.
func (q *queue) bound(most int64) (crowded bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.most = most
	return q.isCrowded()
}

func (q *queue) isCrowded() bool {
	bytes := q.bytes + q.taken
	crowded := bytes > q.most || bytes > q.most/2 && q.crowded.Load()
	q.crowded.Store(crowded)
	return crowded
}

// weigh follows a change of bytes; mu is held.
func (q *queue) weigh() {
	if was := q.crowded.Load(); (was || q.bytes+q.taken > q.most) && q.isCrowded() != was {
		q.changed()
	}
}

// peek appends jobs from a number on to into, of at most so many bytes or one job. They count from 1 as they came.
func (q *queue) peek(from uint64, into []job, most int64) []job {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := q.put - uint64(len(q.jobs)-q.first) + 1
	if from < first || from > q.put {
		return into
	}
	for i := q.first + int(from-first); i < len(q.jobs); i++ {
		if most -= int64(len(q.jobs[i].batch.Bytes())); most < 0 && len(into) > 0 {
			break
		}
		into = append(into, q.jobs[i])
	}
	return into
}

// sleep waits until urgent jobs weigh so much (0: whatever comes), somebody pokes, or d has passed; below 0 that is without end.
func (q *queue) sleep(want int64, d time.Duration, t *time.Timer) {
	q.mu.Lock()
	if want > 0 && q.weight >= want {
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

// doze is a sleep that is short, or shorter still when urgent jobs weigh so much; pokes do not end it. False: it cannot be.
func (q *queue) doze(want int64, d time.Duration) bool {
	if !q.alarm.set(d) {
		return false
	}
	q.mu.Lock()
	q.want, q.nap = want, q.weight < want
	nap := q.nap
	q.mu.Unlock()
	if nap {
		q.alarm.wait()
	}
	q.mu.Lock()
	q.want, q.nap = 0, false
	q.mu.Unlock()
	return true
}

// shut closes the queue if nothing waits, and tells whether it is closed.
func (q *queue) shut() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed = q.closed || len(q.jobs) == q.first; q.closed {
		q.later.Stop()
	}
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
