package seglog

import (
	"context"
	"io"
	"math"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// committer is a log while it is open. Its goroutine, run, alone appends to the files and changes the index; beside it there
// are the janitor (room.go), the loader and, with SyncInterval, the syncer.
type committer struct {
	o           *Options
	who         identity
	lock        io.Closer
	segmentSize int64
	recovery    store.Recovery

	queue  queue
	loader loader

	// The committer's goroutine's own.
	jobs    []job  // of the frame that is made
	taken   taken  // what they are together
	buf     []byte // the frame
	records int    // in it
	kinds   [256]uint32
	rec     store.Record
	timer   *time.Timer
	gather  gather
	reclaim reclaimer
	early   early
	gasped  bool // room.choked may be set

	// Guarded by mu, which is never held across an operation on a file. What the committer's goroutine alone changes
	// (the index, the segments, lsn) it reads without.
	mu      sync.Mutex
	x       *index
	lsn     uint64 // of the last frame written
	durable uint64 // of the last frame that is known to be on the disk
	landed  uint64 // jobs that are committed or refused
	sealed  bool   // the last segment is not written to any more
	room    room
	held    map[*segment]int  // how many read or sync it
	dropped map[*segment]bool // of those: its file is gone, and closed by the last of them
	stats   store.Stats       // what is counted

	syncing sync.Mutex // one Sync at a time, and none after one that failed
	failure atomic.Pointer[failure]
	full    atomic.Bool

	compacting atomic.Bool // Compact waits: reclaim all there is
	compacted  bool        // it did, and Close leaves nothing behind; written before ending is

	ending  atomic.Bool   // Close was called
	over    atomic.Bool   // and its time is over
	quit    chan struct{} // closed when nothing is committed any more: the others end
	helpers sync.WaitGroup
	ended   chan struct{} // closed when everything is let go
	endErr  error         // of the end; read after ended
	late    bool          // the time of Close was over before that; likewise
}

// start makes the opened log one that takes appends.
func start(o *Options, p *opened) *committer {
	c := &committer{o: o, who: p.who, lock: p.lock, segmentSize: o.segmentSize(), recovery: p.recovery, x: p.index,
		lsn: p.lsn, durable: p.lsn, held: map[*segment]int{}, dropped: map[*segment]bool{}, timer: time.NewTimer(time.Hour),
		quit: make(chan struct{}), ended: make(chan struct{})}
	c.queue.init()
	c.gather.fixed = o.Gather
	c.x.replay = nil // what that kept aside is told
	c.loader.wake = make(chan struct{}, 1)
	c.openRoom()
	c.help(c.keepRoom)
	c.help(c.serveLoads)
	if o.Sync == SyncInterval {
		c.help(c.syncNowAndThen)
	}
	go labelled(c.run)
	return c
}

// help runs one of the goroutines that end with quit.
func (c *committer) help(run func()) { c.helpers.Go(func() { labelled(run) }) }

// labelled runs f so that a profile tells whose work it is.
func labelled(f func()) {
	pprof.Do(context.Background(), pprof.Labels("role", "store"), func(context.Context) { f() })
}

// run commits until the log is closed.
func (c *committer) run() {
	for c.next() {
		c.await()
		c.commit()
	}
	c.finish()
}

// next waits until there is something to commit, and reclaims meanwhile; false: the log is closed.
func (c *committer) next() bool {
	for {
		due, in := c.queue.due()
		if due {
			return true
		}
		if c.ending.Load() {
			return !c.queue.shut()
		}
		rest := c.tidy()
		if in >= 0 && (rest < 0 || in < rest) {
			rest = in
		}
		c.queue.sleep(1, rest, c.timer)
	}
}

// commit makes one frame of what waits, writes it, and tells.
func (c *committer) commit() {
	c.jobs, c.taken = c.queue.take(c.jobs[:0], min(takeBytes, c.segmentSize/2))
	err := c.frame()
	if err == nil {
		c.settle()
	}
	c.mu.Lock()
	c.landed += uint64(len(c.jobs))
	if err == nil {
		c.stats.Batches += uint64(len(c.jobs))
	} else {
		c.stats.Rejected += uint64(len(c.jobs))
	}
	c.mu.Unlock()
	c.resumeLoads()
	came, _, _ := c.queue.waiting()
	c.queue.landed()
	c.gather.committed(c.taken, came)
	for i := range c.jobs {
		if done := c.jobs[i].done; done != nil {
			done(err)
		}
	}
	clear(c.jobs)
	c.jobs = reuse(c.jobs)
	if err == nil {
		c.makeWay()
	}
}

// frame commits the jobs that were taken. The order is that of log-structured state: a place for the frame, the batches and
// what they change, what the oldest segment has to hand on after that, the file, the disk.
func (c *committer) frame() error {
	if c.taken.bytes == 0 { // nobody said anything
		return c.stopped()
	}
	if err := c.makeRoom(); err != nil {
		return err
	}
	c.begin()
	if err := c.fill(); err != nil {
		return err
	}
	c.carry(c.taken.bytes)
	return c.write(frameRecords, c.o.Sync == SyncAlways)
}

// keepFrame is the largest frame whose memory is kept.
const keepFrame = 1 << 20

// begin starts a frame.
func (c *committer) begin() {
	if cap(c.buf) > keepFrame {
		c.buf = nil
	}
	c.buf = beginFrame(c.buf[:0])
	c.records = 0
	clear(c.kinds[:])
}

// fill puts the batches into the frame and what they say into the index.
func (c *committer) fill() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.jobs {
		if err := c.add(c.jobs[i].batch.Bytes()); err != nil { // its encoder did not write it
			return c.failLocked("take a batch", err)
		}
	}
	c.x.endFrame()
	return nil
}

// add appends records to the frame, at whose places the index has them from now on.
func (c *committer) add(records []byte) error {
	head := c.head()
	at := place{seg: head.id, off: uint32(head.size + int64(len(c.buf)))}
	c.buf = append(c.buf, records...)
	for len(records) > 0 {
		n, err := store.Decode(records, &c.rec)
		if err != nil {
			return err
		}
		at.len = uint32(n)
		c.x.apply(&c.rec, at)
		at.off += at.len
		records = records[n:]
		c.kinds[c.rec.Kind]++
		c.records++
	}
	return nil
}

// head is the segment that is written to; nil before the first.
func (c *committer) head() *segment {
	if n := len(c.x.segments); n > 0 {
		return c.x.segments[n-1]
	}
	return nil
}

// write ends the frame and appends it to the last segment, in which there is room for it.
func (c *committer) write(typ frameType, sync bool) error {
	head, lsn := c.head(), c.lsn+1
	endFrame(c.buf, 0, c.who, typ, lsn, c.behind(lsn), c.records)
	for {
		_, err := head.file.WriteAt(c.buf, head.size)
		if err == nil {
			break
		}
		if !isNoRoom(err) {
			return c.fail("write "+head.path, err)
		}
		if err := c.choke(err); err != nil {
			return err
		}
	}
	c.breathe()
	if sync {
		if err := c.sync(head); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrote(head, lsn)
	if sync {
		c.durable = lsn
	}
	return nil
}

// behind is how far the disk is known to be behind a frame.
func (c *committer) behind(lsn uint64) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return uint32(min(lsn-c.durable, math.MaxUint32))
}

// wrote takes account of a frame.
func (c *committer) wrote(s *segment, lsn uint64) {
	s.size += int64(len(c.buf))
	if more := s.size - s.alloc; more > 0 { // by a frameClosed, of a segment that had been left
		s.alloc += more
		c.room.disk += more
	}
	s.sum.frame(lsn, s.size)
	for kind, n := range c.kinds {
		s.sum.records[kind] += uint64(n)
	}
	c.lsn = lsn
	c.stats.Commits++
	c.stats.Records += uint64(c.records)
	c.stats.WrittenBytes += uint64(len(c.buf))
}
