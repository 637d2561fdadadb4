package seglog

import (
	"context"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// Compact opens the log in o.Dir, reclaims until there is no garbage worth a segment, and closes it: for when no broker runs on
// it. It tells what there was before and what there is then.
func Compact(ctx context.Context, o Options) (before, after store.Stats, err error) {
	o = o.filled()
	ids, err := listSegments(o.FS, o.Dir)
	if err != nil {
		return before, after, err
	}
	if k, err := identify(o.FS, o.Dir, ids); err != nil || k.fresh {
		return before, after, noStore(o.Dir, err)
	}
	g := New(o)
	if err := g.Recover(ctx, func(*store.Record) error { return nil }); err != nil {
		return before, after, err
	}
	c := g.open.Load()
	before = g.Stats()
	before.Bytes = c.segmentBytes()
	err = c.compact(ctx)
	c.compacted = err == nil
	if closed := g.Close(context.WithoutCancel(ctx)); err == nil {
		err = closed
	}
	after = g.Stats()
	return before, after, err
}

// segmentBytes is the size of the segments: the files made ahead are not there while the log is closed.
func (c *committer) segmentBytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.room.disk
}

// compact has the committer reclaim all there is, and waits for it.
func (c *committer) compact(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	c.compacting.Store(true)
	c.queue.poke()
	for c.compacting.Load() {
		if err := c.stopped(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
