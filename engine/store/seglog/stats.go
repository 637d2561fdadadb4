package seglog

import (
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// Stats implements store.Observed. After Close it is what there was then.
func (g *Log) Stats() store.Stats {
	var s store.Stats
	if c := g.open.Load(); c != nil {
		s = c.snapshot()
	} else if last := g.last.Load(); last != nil {
		s = *last
	}
	s.Path, s.Sync, s.Quota = g.o.Dir, g.o.Sync.String(), g.o.Quota
	s.FreeBytes, _, _ = g.o.FS.Space(g.o.Dir) // 0 when it is not there
	return s
}

// snapshot is the committer's part of the Stats.
func (c *committer) snapshot() store.Stats {
	_, _, waitingBytes := c.queue.waiting()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queue.crowded.Load() {
		c.assess() // so that it says why
	}
	s := c.stats
	c.x.counts(&s)
	s.Pressure = c.pressure()
	s.Failure = c.room.why
	if f := c.failure.Load(); f != nil {
		s.Failure = f.err.Error()
	}
	s.Bytes = c.room.disk + c.room.ahead
	s.LSN, s.DurableLSN = c.lsn, c.durable
	s.WaitingBytes = waitingBytes
	s.Gather = time.Duration(c.gather.now.Load())
	s.Recovery = c.recovery
	c.queue.mu.Lock()
	s.Waiting = int(c.queue.put - c.landed)
	c.queue.mu.Unlock()
	return s
}
