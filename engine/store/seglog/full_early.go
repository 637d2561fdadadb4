package seglog

import (
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// early is what overtakes a batch that waits for room.
//
// What takes back makes room, but batches are committed in order: behind one that there is no room for, acknowledgements would
// wait for ever. So while the committer waits, it looks through the batches and writes what ends deliveries, sessions and
// retained messages in frames of its own. The batches stay where they are, are written in their turn, these records included, and are
// answered then: a record that takes back what is gone already says nothing.
//
// After a crash the log holds the batches up to one position, and less of what later ones take back. That must not lose
// anything, so a record stays behind if a batch up to its own
//
//   - names a message that it would end: the delivery moves, or the message goes to others, too;
//   - sends anything to a member of a shared group, where the delivery that it ends is one to such a member: the broker gives a
//     message to another member under a new identifier, and ends the old delivery after that;
//   - has a SES of the session or a RET of the topic, which would begin it again.
type early struct {
	next uint64    // job that was not looked at yet; jobs count from 1
	base uint64    // jobs that had landed when the first of them was looked at
	at   time.Time // when that was
	jobs []job
	out  []byte // records that may go, and are not written yet

	// What jobs that wait say, from base on.
	named    map[uint64]struct{} // messages that are sent to somebody
	shared   bool                // one of them to a member of a shared group
	sessions map[uint64]struct{} // SES
	retained map[uint64]struct{} // RET, by the hash of the topic

	// Guarded by mu, for Loads.
	begun   map[uint64]struct{} // MSG
	seen    uint64              // jobs that were looked at
	stalled bool
}

const (
	// lookBytes is how much is looked through at a time.
	lookBytes = 1 << 20
	// lookAgain is how long what is known of batches serves at least, although some of them were committed meanwhile: so what waits is
	// not looked through for each batch that waits for a moment.
	lookAgain = time.Second
	// earlyBytes bounds a frame of what overtakes.
	earlyBytes = 64 << 10
)

// overtake writes some of what may overtake the batches that wait. False: there is none for now, or no room.
func (c *committer) overtake() bool {
	e := &c.early
	if e.next <= c.landed || e.base != c.landed && time.Since(e.at) > lookAgain {
		c.lookAnew()
	}
	if len(e.out) > 0 {
		return c.writeEarly()
	}
	seen := c.lookThrough()
	c.mu.Lock()
	e.stalled, e.seen = true, e.next-1
	c.mu.Unlock()
	c.resumeLoads() // of what is not there, and not going to be
	return seen
}

func (c *committer) lookAnew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.early = early{next: c.landed + 1, base: c.landed, at: time.Now(), jobs: c.early.jobs[:0], named: map[uint64]struct{}{},
		sessions: map[uint64]struct{}{}, retained: map[uint64]struct{}{}, begun: map[uint64]struct{}{}}
}

// lookThrough looks at the next batches; false: there are no more.
func (c *committer) lookThrough() bool {
	e := &c.early
	e.jobs = e.jobs[:0]
	if taken := c.landed + uint64(len(c.jobs)); e.next <= taken {
		e.jobs = append(e.jobs, c.jobs[e.next-c.landed-1:]...)
	} else {
		e.jobs = c.queue.peek(e.next, e.jobs, lookBytes)
	}
	for i := range e.jobs {
		c.lookAt(e.jobs[i].batch.Bytes())
	}
	n := len(e.jobs)
	e.next += uint64(n)
	clear(e.jobs)
	return n > 0
}

// lookAt takes in what a batch says, and then what of it may go. One that cannot be read is left to its turn.
func (c *committer) lookAt(batch []byte) {
	e, any := &c.early, false
	for b := batch; len(b) > 0; {
		n, err := store.Decode(b, &c.rec)
		if err != nil {
			return
		}
		b = b[n:]
		switch c.rec.Kind {
		case store.MSG:
			c.mu.Lock()
			e.begun[c.rec.Message.ID] = struct{}{}
			c.mu.Unlock()
		case store.ENQ:
			e.named[c.rec.Message.ID] = struct{}{}
			for i := range c.rec.Deliveries {
				e.shared = e.shared || c.rec.Deliveries[i].Shared
			}
		case store.SES:
			e.sessions[c.rec.Session.ID] = struct{}{}
		case store.RET:
			e.retained[c.x.hash(c.rec.Message.Topic)] = struct{}{}
		case store.ACK, store.SESDEL, store.RETDEL:
			any = true
		}
	}
	for b := batch; any && len(b) > 0; {
		n, _ := store.Decode(b, &c.rec)
		if c.mayOvertake(&c.rec) {
			e.out = append(e.out, b[:n]...)
		}
		b = b[n:]
	}
}

// mayOvertake tells whether a record ends something that no batch ahead of it says anything about.
func (c *committer) mayOvertake(r *store.Record) bool {
	e := &c.early
	switch r.Kind {
	case store.ACK:
		s := c.x.sessions[r.Session.ID]
		if s == nil {
			return false
		}
		d := s.queue.get(r.Seq)
		return d != nil && e.mayEnd(d)
	case store.SESDEL:
		s := c.x.sessions[r.Session.ID]
		if _, again := e.sessions[r.Session.ID]; again || s == nil {
			return false
		}
		may := true
		s.queue.all(func(d *delivery) bool { may = e.mayEnd(d); return may })
		return may
	case store.RETDEL:
		key := c.x.hash(r.Message.Topic)
		_, again := e.retained[key]
		return !again && c.x.retained[key].len > 0
	}
	return false
}

func (e *early) mayEnd(d *delivery) bool {
	_, named := e.named[d.message]
	return !named && !(e.shared && d.bits&bitsShared != 0)
}

// writeEarly writes a frame of what may overtake; false: there is no room for it.
func (c *committer) writeEarly() bool {
	e := &c.early
	size := 0
	for b := e.out; len(b) > 0; {
		n, err := store.Decode(b, &c.rec)
		if err != nil || size > 0 && int64(size+n) > min(earlyBytes, c.segmentSize/8) {
			break
		}
		size += n
		b = b[n:]
	}
	if n := frameSize + int64(size); !c.fits(n) {
		if rolled, _ := c.roll(n); !rolled {
			return false
		}
	}
	c.begin()
	c.mu.Lock()
	err := c.add(e.out[:size])
	c.x.endFrame()
	c.mu.Unlock()
	if err == nil {
		err = c.write(frameRecords, c.o.Sync == SyncAlways)
	}
	if err != nil {
		return false // the log has failed, or is closed
	}
	if e.out = e.out[size:]; len(e.out) == 0 {
		e.out = nil
	}
	c.settle()
	c.resumeLoads()
	return true
}

// isNowhere tells that a message which the index does not know is in none of so many first jobs either, because all that wait were
// looked through; mu is held.
func (e *early) isNowhere(id, jobs uint64) bool {
	_, begun := e.begun[id]
	return e.stalled && jobs <= e.seen && !begun
}
