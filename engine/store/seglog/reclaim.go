package seglog

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// reclaimer empties the oldest segment: front to back, what still counts is written again at the head of the log, a slice with
// each commit. Only the oldest is ever removed, so that no record is outlived by what it took back.
type reclaimer struct {
	from   *segment // nil: none is being emptied
	frames *scanner // of it
	body   []byte   // the rest of the records of the frame that was read last, from bodyAt on
	bodyAt int64
	rec    store.Record
	out    store.Batch

	full  int64 // bytes of the segments but the last one
	idle  int64 // of all segments, what is idle
	stuck bool  // it cannot be read, and stays

	tooLarge bool  // the next record did not find room behind the last commit
	waited   int64 // bytes of batches that were committed since
}

// sliceOf is how much is copied with a commit of so many bytes: twice as much, so that reclaim is faster than what makes it
// necessary, and something with the smallest.
func sliceOf(bytes int64) int64 { return 2*bytes + 64<<10 }

const (
	// idleSlice is what is copied at a time when there is nothing to commit: a batch that comes meanwhile waits for it.
	idleSlice = 128 << 10
	// scanFactor is how many bytes are looked at for each that may be copied.
	scanFactor = 4
	// idleShare: when there is nothing to commit, reclaim rests so many times as long as it works.
	idleShare = 4
)

// garbage is what reclaim would gain if it went over all segments: the bytes of the files that are neither live nor idle. What
// copying itself takes (headers, the summaries, ends of segments that the next record did not fit into) is idle, and so no
// garbage: a log that was gone over has none until something more dies.
func (c *committer) garbage() int64 {
	total := c.reclaim.full
	if head := c.head(); head != nil && !c.sealed {
		total += head.size
	}
	return total - c.x.live - c.reclaim.idle
}

// rests adds to what is idle of a segment; mu is held.
func (c *committer) rests(s *segment, n int64) {
	s.idle += n
	c.reclaim.idle += n
}

// idleEnd is what is idle of the end of a segment that was left: as much as seal leaves behind the last frame of any.
func (c *committer) idleEnd(s *segment) int64 {
	return min(s.alloc-s.size, max(c.segmentSize/16, blockSize))
}

// mustReclaim tells whether the oldest segment is to be emptied: one that was begun, or that is empty, or when there is more garbage than live
// bytes, and with what is idle more than two segments; when room is short, as soon as there is half a segment's worth to be gained.
func (c *committer) mustReclaim() bool {
	r := &c.reclaim
	if r.stuck || len(c.x.segments) < 2 {
		return false
	}
	if r.from != nil || c.x.segments[0].live == 0 {
		return true
	}
	g := c.garbage()
	if c.full.Load() { // so little that what only takes back cannot use up first what copying needs
		return g >= c.segmentSize/2
	}
	if c.compacting.Load() {
		return g >= c.segmentSize
	}
	return g > c.x.live && g > c.segmentSize && g+r.idle > 2*c.segmentSize
}

// carry adds to the frame of a commit what a slice of the oldest segment has to hand on.
func (c *committer) carry(bytes int64) {
	r := &c.reclaim
	tooLarge := c.mustReclaim() && c.slice(sliceOf(bytes), c.rest()-int64(len(c.buf))) > 0
	if !tooLarge || !r.tooLarge {
		r.waited = 0
	}
	r.tooLarge = tooLarge
	r.waited += bytes
}

// makeWay follows a commit. A record that has found no room while a segment's worth was committed is large, and would wait until
// there is nothing to commit, and all reclaim behind it: a segment is begun with it, once there is a file for that.
func (c *committer) makeWay() {
	if r := &c.reclaim; r.tooLarge && r.waited >= c.segmentSize && c.copyOn() {
		r.tooLarge, r.waited = false, 0
	}
}

// slice adds at most so many bytes of live records to the frame, for which there is so much room. It is the size of the next
// record if that is what the room is too small for.
func (c *committer) slice(budget, room int64) (tooLarge int64) {
	r := &c.reclaim
	if r.from == nil {
		r.start(c.x.segments[0], c.who)
	}
	r.out.Reset()
	kept, scanned := int64(0), int64(0)
	for kept < budget && scanned < scanFactor*budget {
		at, err := r.next()
		if err != nil {
			if err != io.EOF {
				c.mu.Lock()
				c.cannotReclaim(err)
				c.mu.Unlock()
			}
			break
		}
		if size := c.carryOne(at, room-kept); size > room-kept {
			tooLarge = size
			break
		}
		kept = int64(len(r.out.Bytes()))
		r.skip(at)
		scanned += int64(at.len)
	}
	if kept > 0 {
		c.handOn(r.out.Bytes()[:kept])
	}
	return tooLarge
}

// carryOne puts what still counts of the record at hand behind what was carried already, and is how many bytes that is. When there is
// not so much room, it will be asked for again.
func (c *committer) carryOne(at place, room int64) int64 {
	r := &c.reclaim
	if r.rec.Kind > store.META { // an unknown one is carried as it is, and changes what is live
		if int64(at.len) > room {
			return int64(at.len)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
	}
	before := len(r.out.Bytes())
	c.x.carry(&r.rec, at, &r.out)
	return int64(len(r.out.Bytes()) - before)
}

// handOn puts copies into the frame.
func (c *committer) handOn(copies []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	own, head, before := c.records, c.head(), c.head().live
	if err := c.add(copies); err != nil {
		c.cannotReclaim(err)
		return
	}
	idle := int64(len(copies)) - (head.live - before) // the index counts some records for more or less than they are
	if own == 0 {
		idle += frameSize
	}
	c.rests(head, idle)
	markMoved(c.buf, 0, c.records-own)
	c.x.endFrame()
	c.stats.CopiedBytes += uint64(len(copies))
}

// settle follows a frame that is written: a segment whose last live record is in it is emptied.
func (c *committer) settle() {
	if r := &c.reclaim; r.from != nil && r.over() && !r.stuck {
		c.retire()
		r.from, r.frames, r.body = nil, nil, nil
	}
}

// cannotReclaim ends reclaim: what cannot be read is kept as it is, for the next opening to see. mu is held.
func (c *committer) cannotReclaim(err error) {
	if c.reclaim.stuck {
		return
	}
	c.reclaim.stuck = true
	c.o.Logger.Error("a segment of the store cannot be reclaimed, and none after it: the store grows until it is opened anew",
		"file", c.x.segments[0].path, "err", err)
}

// copyOn writes a frame of copies alone; false: there is nothing to copy, or no room for it.
func (c *committer) copyOn() bool {
	for range 2 {
		if !c.fits(frameSize) {
			if ok, _ := c.roll(frameSize); !ok {
				return false
			}
		}
		c.begin()
		tooLarge := c.slice(idleSlice, c.rest()-int64(len(c.buf)))
		if c.records > 0 {
			err := c.write(frameRecords, c.o.Sync == SyncAlways)
			c.resumeLoads()
			if err != nil {
				return false
			}
			tooLarge = 0
		}
		if tooLarge == 0 {
			c.settle()
			return true
		}
		if ok, _ := c.roll(frameSize + tooLarge); !ok {
			return false
		}
	}
	return false
}

// tidy does some of what is due when there is nothing to commit, and is how long it may rest then.
func (c *committer) tidy() time.Duration {
	switch {
	case c.stopped() != nil:
		return -1
	case c.leaveEarly():
		return 0
	case !c.mustReclaim():
		c.compacting.Store(false)
		return -1
	}
	begun := time.Now()
	switch {
	case !c.copyOn():
		return retryEvery
	case c.full.Load() || c.compacting.Load():
		return 0
	}
	return idleShare * time.Since(begun)
}

// start begins with a segment.
func (r *reclaimer) start(s *segment, who identity) {
	r.from, r.body = s, nil
	r.frames = newScanner(s.file, who, s.size, headerSize)
	if s.live == 0 { // unknown records count for ever, so there is none
		r.frames.at = s.size
	}
}

// over tells whether all of the segment was looked at.
func (r *reclaimer) over() bool { return len(r.body) == 0 && r.frames.at >= r.from.size }

var errChanged = errors.New("seglog: a frame is not what it was when it was written")

// next decodes the next record; io.EOF: there is none.
func (r *reclaimer) next() (at place, err error) {
	for len(r.body) == 0 {
		if r.over() {
			return at, io.EOF
		}
		f, ok, err := r.frames.next()
		if err == nil && !ok {
			err = errChanged
		}
		if err != nil {
			return at, fmt.Errorf("at offset %d: %w", r.frames.at, err)
		}
		if f.typ == frameRecords {
			r.body, r.bodyAt = f.body, f.off+frameSize
		}
	}
	n, err := store.Decode(r.body, &r.rec)
	return place{seg: r.from.id, off: uint32(r.bodyAt), len: uint32(n)}, err
}

// skip leaves the record at this place.
func (r *reclaimer) skip(at place) {
	r.body = r.body[at.len:]
	r.bodyAt += int64(at.len)
}
