package seglog

import (
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// room is the files beside the segments: those that were made ahead, and those that are not needed any more. It is
// guarded by committer.mu, and the janitor's goroutine keeps it.
//
// Two files are made ahead. The second is a reserve, and what it is kept for is that the oldest segment can always be copied on,
// which is the one way to room that the log has by itself. The log is Full before there is no room for another (assess).
type room struct {
	spares []*segment // ready to be the next segment, with no number yet
	taken  *segment   // was one of them, and has its name yet
	large  int64      // of one for a frame that fits no segment; 0: none is wanted

	limbo []*segment // copied on, oldest first; kept until the copies are in a segment that is left
	gone  []*segment // to be removed, oldest first

	disk  int64 // of the files with a number
	ahead int64 // of the spares

	free int64 // of the file system, when it was last asked

	short   error // why a spare could not be made; nil: it can
	lacks   error // why the file for a large frame could not be made
	waits   bool  // a batch waits for that
	choked  error // why the frame, or the beginning of a segment, could not be written
	choking bool  // the frame waits yet
	high    bool  // above the high water mark, and not yet below the low one
	tight   bool  // Full for want of room, until there is clearly more
	why     string

	told   bool // that the log is full
	toldAt time.Time

	chores chan struct{}
}

const (
	sparesWanted = 2
	// retryEvery is how often a file is tried to be made again where there was no room: somebody else may have made some.
	retryEvery = 250 * time.Millisecond
)

// The names of files made ahead. Those that a process before left behind are not used, since what is in them is not known.
var spareNames = [...]string{"spare.seg", "reserve.seg", "large.seg"}

var errQuota = errors.New("the quota is used up")

// openRoom finds out what there is.
func (c *committer) openRoom() {
	for _, s := range c.x.segments {
		c.room.disk += s.alloc
		c.reclaim.full += s.alloc
		c.rests(s, headerSize+2*frameSize+c.idleEnd(s)) // and about what a summary takes
	}
	if head := c.head(); head != nil {
		c.reclaim.full -= head.alloc
		c.rests(head, -c.idleEnd(head)) // it is not left
	}
	c.room.chores = make(chan struct{}, 1)
	c.room.free = math.MaxInt64
	c.queue.changed = c.room.chore
	removeStale(c.o.FS, c.o.Dir)
}

// removeStale removes the files that a process before has made ahead. It comes before anything is healed, which may need their room.
func removeStale(f vfs.FS, dir string) {
	for _, name := range spareNames {
		_ = f.Remove(filepath.Join(dir, name)) // mostly it is not there
	}
}

// chore wakes the janitor.
func (r *room) chore() {
	select {
	case r.chores <- struct{}{}:
	default: // it will look
	}
}

// keepRoom is the janitor: it removes what is not needed and makes files ahead, so that the committer does not wait for it.
func (c *committer) keepRoom() {
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-c.quit:
			return
		case <-c.room.chores:
		case <-again.C:
		}
		removed, made := c.removeGone(), c.makeAhead()
		if in := c.look(); in > 0 {
			again.Reset(in)
		} else if !removed || !made {
			again.Reset(retryEvery)
		}
		c.queue.poke()
	}
}

// look asks how much room there is, and is how long the janitor may rest: 0 is until somebody wakes it.
func (c *committer) look() time.Duration {
	free, _, err := c.o.FS.Space(c.o.Dir)
	if err != nil {
		free = math.MaxInt64
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.room
	if r.free = free; r.choked != nil && !r.choking && free >= c.roomAgain() {
		r.choked = nil // it was a matter of a moment, and maybe nothing comes that would find out
	}
	c.assess()
	switch {
	case c.failed() != nil:
		return time.Hour
	case c.full.Load():
		return retryEvery
	}
	return c.tell()
}

// makeAhead makes the files that are wanted; false: there is no room for all.
func (c *committer) makeAhead() bool {
	var lacks error
	for c.failed() == nil {
		c.dropTooSmall()
		s, last := c.nextSpare(lacks == nil)
		if s == nil {
			c.lack(nil, lacks)
			return lacks == nil
		}
		err := c.make(s)
		switch {
		case err == nil:
		case !isShortage(err):
			_ = c.fail("make "+s.path, err)
		case s.alloc > c.segmentSize:
			lacks = err
		default:
			c.lack(err, lacks)
			// The very last may be smaller: the room that there is may be what the oldest segment needs.
			for last && s.alloc > c.segmentSize/8 && c.make(s) != nil {
				s.alloc /= 2
			}
			return false
		}
	}
	return true
}

// lack notes why files could not be made: ordinary ones, and one for a large frame.
func (c *committer) lack(short, lacks error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room.short, c.room.lacks = short, lacks
	c.assess()
}

// make makes a file ahead.
func (c *committer) make(s *segment) (err error) {
	c.mu.Lock()
	q, used := c.o.Quota, c.room.disk+c.room.ahead+s.alloc
	c.mu.Unlock()
	if q > 0 && used > q {
		return errQuota
	}
	if s.file, err = c.o.FS.Create(s.path, s.alloc); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room.spares = append(c.room.spares, s)
	c.room.ahead += s.alloc
	return nil
}

// nextSpare is a file that is wanted and not there, and whether there is no other; nil: there is none. One for a large frame comes last,
// so that it does not take the room of the reserve.
func (c *committer) nextSpare(large bool) (s *segment, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.room
	s = &segment{alloc: c.segmentSize}
	switch {
	case r.named(spareNames[0]) == nil:
		s.path = spareNames[0]
	case r.named(spareNames[1]) == nil:
		s.path = spareNames[1]
	case large && r.large > 0 && r.named(spareNames[2]) == nil:
		s.path, s.alloc = spareNames[2], r.large
	default:
		return nil, false
	}
	s.path = filepath.Join(c.o.Dir, s.path)
	return s, len(r.spares) == 0
}

// ready tells whether the files that are always made ahead are there.
func (r *room) ready() bool {
	n := 0
	for _, s := range r.spares {
		if filepath.Base(s.path) != spareNames[2] {
			n++
		}
	}
	return n >= sparesWanted
}

// named is the spare of this name.
func (r *room) named(name string) *segment {
	if r.taken != nil && filepath.Base(r.taken.path) == name {
		return r.taken
	}
	for _, s := range r.spares {
		if filepath.Base(s.path) == name {
			return s
		}
	}
	return nil
}

// takeSpare takes a file for a segment of at least so many bytes; nil: there is none, and one will be made. The reserve is
// not taken before the janitor has found that there is no room for another.
func (c *committer) takeSpare(size int64) *segment {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.room
	r.large = 0
	for i, s := range r.spares {
		if s.alloc >= size && (r.short != nil || r.ready() || s.alloc > c.segmentSize) {
			r.spares = append(r.spares[:i:i], r.spares[i+1:]...)
			r.taken = s
			r.ahead -= s.alloc
			r.disk += s.alloc
			return s
		}
	}
	if size > c.segmentSize {
		r.large = size
		r.chore()
	}
	return nil
}

// giveBack is for a file that cannot be used now.
func (c *committer) giveBack(s *segment, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.room
	r.spares, r.taken = append(r.spares, s), nil
	r.disk -= s.alloc
	r.ahead += s.alloc
	r.choked, c.gasped = why, true
	c.assess()
	r.chore()
}

// throwAway is for a taken file that is of no use any more.
func (c *committer) throwAway(s *segment, why error) error {
	_ = s.file.Close()
	err := c.o.FS.Remove(s.path)
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.room
	r.taken = nil
	r.disk -= s.alloc
	r.choked, c.gasped = why, true
	c.assess()
	r.chore()
	return err
}

// removeGone removes what is not needed any more, oldest first and each for good before the next: a log that begins later is
// a log, one with a gap is damaged. So the end of it is a directory that cannot be synced, for whatever reason: another Sync may tell
// a lie. False: there was no room for that, as on file systems that write nothing in place, and it is tried again.
func (c *committer) removeGone() bool {
	for c.failed() == nil {
		c.mu.Lock()
		if len(c.room.gone) == 0 {
			c.mu.Unlock()
			return true
		}
		s := c.room.gone[0]
		c.mu.Unlock()
		err := c.o.FS.Remove(s.path)
		if isNoRoom(err) {
			return false
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) { // it was missing before, and there was no room to heal it
			err = c.o.FS.SyncDir(c.o.Dir)
		}
		if err != nil {
			_ = c.fail("remove "+s.path, err)
			break
		}
		c.mu.Lock()
		c.room.gone = c.room.gone[1:]
		c.room.disk -= s.alloc
		c.drop(s)
		c.assess()
		c.mu.Unlock()
	}
	return true
}

// letSparesGo removes the files made ahead, at the end.
func (c *committer) letSparesGo() {
	for _, s := range c.room.spares {
		_ = s.file.Close()
		if c.failed() == nil {
			_ = c.o.FS.Remove(s.path)
		}
	}
	c.mu.Lock() // Stats looks on
	defer c.mu.Unlock()
	c.room.spares, c.room.ahead = nil, 0
}
