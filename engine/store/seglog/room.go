package seglog

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"
)

// room is the files beside the segments: those that were made ahead, and those that are not needed any more. It is
// guarded by committer.mu, and the janitor's goroutine keeps it.
//
// Two files are made ahead. The second is a reserve: the log is Full as soon as there is no room for it, and what it is kept
// for is that the oldest segment can always be copied on, which is the one way to room that the log has by itself.
type room struct {
	spares []*segment // ready to be the next segment, with no number yet
	taken  *segment   // was one of them, and has its name yet
	large  int64      // of one for a frame that fits no segment; 0: none is wanted

	limbo []*segment // copied on, oldest first; kept until the copies are in a segment that is left
	gone  []*segment // to be removed, oldest first

	disk  int64 // of the files with a number
	ahead int64 // of the spares

	short  error // why a spare could not be made; nil: it can
	choked error // why the frame could not be written
	high   bool  // above the high water mark, and not yet below the low one
	why    string

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
	}
	if head := c.head(); head != nil {
		c.reclaim.full -= head.alloc
	}
	c.room.chores = make(chan struct{}, 1)
	for _, name := range spareNames {
		_ = c.o.FS.Remove(filepath.Join(c.o.Dir, name)) // mostly it is not there
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
		c.removeGone()
		if !c.makeAhead() {
			again.Reset(retryEvery)
		}
		c.queue.poke()
	}
}

// makeAhead makes the files that are wanted; false: there is no room for all.
func (c *committer) makeAhead() bool {
	for c.failed() == nil {
		c.dropTooSmall()
		s, last := c.nextSpare()
		if s == nil {
			break
		}
		err := c.make(s)
		if err != nil && !isShortage(err) {
			_ = c.fail("make "+s.path, err)
			break
		}
		c.mu.Lock()
		c.room.short = err
		c.assess()
		c.mu.Unlock()
		if err == nil {
			continue
		}
		// The very last may be smaller: the room that there is may be what the oldest segment needs.
		for last && s.alloc > c.segmentSize/8 && c.make(s) != nil {
			s.alloc /= 2
		}
		return false
	}
	return true
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

// nextSpare is a file that is wanted and not there, and whether there is no other; nil: there is none.
func (c *committer) nextSpare() (s *segment, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.room
	s = &segment{alloc: c.segmentSize}
	switch {
	case r.large > 0 && r.named(spareNames[2]) == nil:
		s.path, s.alloc = spareNames[2], r.large
	case r.named(spareNames[0]) == nil:
		s.path = spareNames[0]
	case r.named(spareNames[1]) == nil:
		s.path = spareNames[1]
	default:
		return nil, false
	}
	s.path = filepath.Join(c.o.Dir, s.path)
	return s, len(r.spares) == 0 && r.large == 0
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
		if s.alloc >= size && (len(r.spares) >= sparesWanted || r.short != nil) {
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
	r.choked = why
	c.assess()
}

// removeGone removes what is not needed any more, oldest first and each for good before the next: a log that begins later is
// a log, one with a gap is damaged.
func (c *committer) removeGone() {
	for c.failed() == nil {
		c.mu.Lock()
		if len(c.room.gone) == 0 {
			c.mu.Unlock()
			return
		}
		s := c.room.gone[0]
		c.mu.Unlock()
		err := c.o.FS.Remove(s.path)
		if err == nil || errors.Is(err, fs.ErrNotExist) { // it was missing before, and there was no room to heal it
			err = c.o.FS.SyncDir(c.o.Dir)
		}
		if err != nil {
			_ = c.fail("remove "+s.path, err)
			return
		}
		c.mu.Lock()
		c.room.gone = c.room.gone[1:]
		c.room.disk -= s.alloc
		c.drop(s)
		c.assess()
		c.mu.Unlock()
	}
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
