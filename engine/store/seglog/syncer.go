package seglog

import (
	"time"
)

// sync makes what was written to a segment durable. One that fails is the end of the log.
func (c *committer) sync(s *segment) error {
	c.syncing.Lock()
	defer c.syncing.Unlock()
	if err := c.failed(); err != nil {
		return err
	}
	begun := time.Now()
	err := s.file.Sync()
	took := time.Since(begun)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Syncs++
	c.stats.SyncTime += took
	c.stats.SyncTimeMax = max(c.stats.SyncTimeMax, took)
	if err != nil {
		return c.failLocked("sync "+s.path, err)
	}
	return nil
}

// syncNowAndThen is the goroutine of SyncInterval.
func (c *committer) syncNowAndThen() {
	tick := time.NewTicker(c.o.Interval)
	defer tick.Stop()
	for {
		select {
		case <-c.quit:
			return
		case <-tick.C:
			c.catchUp()
		}
	}
}

// catchUp makes durable what was written so far. The segments before the last one were synced when they were left.
func (c *committer) catchUp() {
	c.mu.Lock()
	s, lsn := c.head(), c.lsn
	if s == nil || c.durable == lsn || c.failure.Load() != nil {
		c.mu.Unlock()
		return
	}
	c.hold(s)
	c.mu.Unlock()
	err := c.sync(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.durable = max(c.durable, lsn)
	}
	c.unhold(s)
}

// hold keeps the file of a segment open; mu is held.
func (c *committer) hold(s *segment) { c.held[s]++ }

// unhold ends one hold; mu is held. Closing a file that was only read waits for nothing.
func (c *committer) unhold(s *segment) {
	if c.held[s]--; c.held[s] > 0 {
		return
	}
	delete(c.held, s)
	if c.dropped[s] {
		delete(c.dropped, s)
		_ = s.file.Close()
	}
}

// drop closes a segment whose file is gone, now or after the last hold; mu is held.
func (c *committer) drop(s *segment) {
	if c.held[s] > 0 {
		c.dropped[s] = true
		return
	}
	_ = s.file.Close()
}
