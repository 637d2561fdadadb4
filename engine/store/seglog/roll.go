package seglog

import (
	"path/filepath"
	"time"
)

// fits tells whether a frame of n bytes fits into the last segment, and a frameClosed after it.
func (c *committer) fits(n int64) bool {
	head := c.head()
	return head != nil && !c.sealed && n <= c.rest()
}

// rest is how many bytes the last segment has left for frames.
func (c *committer) rest() int64 {
	if head := c.head(); head != nil && !c.sealed {
		return head.alloc - head.size - frameSize
	}
	return 0
}

// blockSize is that in which file systems give room to files.
const blockSize = 4096

// seal leaves the last segment: it is synced, in every mode, and not written to again. What was moved on into it is safe with
// that, and the files that it came from may go.
func (c *committer) seal() error {
	head := c.head()
	if head == nil || c.sealed {
		return nil
	}
	c.mu.Lock()
	lsn, synced := c.lsn, c.durable == c.lsn
	c.mu.Unlock()
	if !synced {
		if err := c.sync(head); err != nil {
			return err
		}
	}
	// Room that was taken for frames that come no more is given back. A crash may bring it back again, as zeroes.
	alloc := (head.size + blockSize - 1) / blockSize * blockSize
	if head.alloc-alloc < c.segmentSize/16 {
		alloc = head.alloc
	} else if err := head.file.Truncate(alloc); isNoRoom(err) { // a file system that writes nothing in place
		alloc = head.alloc
	} else if err != nil {
		return c.fail("truncate "+head.path, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.durable = max(c.durable, lsn)
	c.sealed = true
	c.room.disk -= head.alloc - alloc
	head.alloc = alloc
	c.reclaim.full += alloc
	c.rests(head, c.idleEnd(head))
	c.leaveLimbo()
	return nil
}

// roll begins the next segment, with room for a frame of n bytes. False: there is no file for it, and nothing has changed.
func (c *committer) roll(n int64) (bool, error) {
	first := c.preamble()
	next := c.takeSpare(int64(len(first)) + n + frameSize)
	if next == nil {
		return false, nil
	}
	if _, err := next.file.WriteAt(first, 0); err != nil {
		if !isNoRoom(err) {
			return false, c.fail("write "+next.path, err)
		}
		c.giveBack(next, err) // the file system keeps no room for what is zero
		return false, nil
	}
	if err := c.seal(); err != nil {
		return false, err
	}
	if named, err := c.name(next); err != nil {
		return false, c.fail("begin "+next.path, err)
	} else if !named {
		return false, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.x.segments) > 0 { // so that it begins with a summary
		c.lsn++
		c.stats.Commits++
		next.sum.frame(c.lsn, int64(len(first)))
	}
	next.size = int64(len(first))
	c.rests(next, next.size)
	c.durable = c.lsn
	c.stats.WrittenBytes += uint64(len(first))
	c.x.segments = append(c.x.segments, next)
	c.sealed = false
	c.room.taken = nil
	c.room.chore()
	return true, nil
}

// preamble is what stands at the beginning of the next segment: its header and the summary of the one before.
func (c *committer) preamble() []byte {
	b := appendHeader(nil, c.who, c.nextID(), time.Now().Unix())
	if head := c.head(); head != nil {
		b = beginFrame(b)
		b = appendSummary(b, &head.sum)
		endFrame(b, headerSize, c.who, frameSummary, c.lsn+1, 1, 0)
	}
	return b
}

func (c *committer) nextID() uint32 {
	if head := c.head(); head != nil {
		return head.id + 1
	}
	return 1
}

// name makes a file the next segment. Its beginning is on the disk before it has its name, so that no power cut leaves a
// segment without one, and the name is before anything else is written to it. False: there is no room for that now, and another
// file is taken later. Up to its name nothing is in doubt: nothing in the file counts. Whether the name is on the disk is, when
// the directory cannot be synced, and what was written behind it would be lost with it.
func (c *committer) name(s *segment) (bool, error) {
	if err := s.file.Sync(); isNoRoom(err) { // it is not synced again: its pages may pass for clean
		return false, c.throwAway(s, err)
	} else if err != nil {
		return false, err
	}
	id := c.nextID()
	path := filepath.Join(c.o.Dir, segmentName(id))
	if err := c.o.FS.Rename(s.path, path); isNoRoom(err) {
		c.giveBack(s, err)
		return false, nil
	} else if err != nil {
		return false, err
	}
	c.mu.Lock() // the janitor looks at its name
	s.id, s.path, s.sum = id, path, summary{segment: id}
	c.mu.Unlock()
	return true, c.o.FS.SyncDir(c.o.Dir)
}

// frame counts a frame, which ends there in its file. Its records are counted apart.
func (s *summary) frame(lsn uint64, end int64) {
	if s.frames == 0 {
		s.first = lsn
	}
	s.frames++
	s.last, s.bytes = lsn, end
}
