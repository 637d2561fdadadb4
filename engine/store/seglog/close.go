package seglog

import (
	"context"
	"errors"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// closeGrace is how long Close waits, once its time is over, for an operation on a file to end. What is behind it is told
// when it does.
const closeGrace = 2 * time.Second

// Close implements store.Store. Its error is also that of a store that has failed: something that was appended is not
// committed then. A closed log that is closed is no error.
func (g *Log) Close(ctx context.Context) error {
	g.life.Lock()
	defer g.life.Unlock()
	c := g.open.Load()
	if c == nil {
		return nil
	}
	err := c.close(ctx)
	s := c.snapshot()
	g.last.Store(&s)
	g.open.Store(nil)
	return err
}

// close ends the committer and waits for its end.
func (c *committer) close(ctx context.Context) error {
	if ctx.Err() != nil {
		c.over.Store(true)
	}
	c.ending.Store(true)
	c.queue.poke()
	select {
	case <-c.ended:
	case <-ctx.Done():
		c.over.Store(true)
		c.queue.poke()
		select {
		case <-c.ended:
		case <-time.After(closeGrace):
			return ctx.Err()
		}
	}
	if c.endErr == nil && c.late {
		return ctx.Err()
	}
	return c.endErr
}

// finish lets go of everything, once nothing waits any more and the queue takes nothing.
func (c *committer) finish() {
	close(c.quit)
	c.queue.alarm.end()
	c.helpers.Wait()
	c.late = c.over.Load()
	c.endErr = c.failed()
	if c.endErr == nil {
		c.endErr = c.farewell()
	}
	c.letSparesGo()
	c.mu.Lock()
	for _, s := range append(append(c.room.gone, c.room.limbo...), c.x.segments...) {
		c.drop(s)
	}
	c.mu.Unlock()
	_ = c.lock.Close()
	close(c.ended)
}

// farewell writes that the log was closed, for which each segment has room, and syncs it. When there is no more time for
// that, the log is read like one whose process was killed. After Compact the last segment is left with it, so that nothing stays
// in limbo.
func (c *committer) farewell() error {
	if c.late || c.head() == nil || c.sealed {
		return nil
	}
	if _, ok := c.head().file.(*view); ok { // it is not written to
		return nil
	}
	c.over.Store(true) // it is not waited for room
	c.begin()
	err := c.write(frameClosed, true)
	if err == nil && c.compacted {
		if err = c.seal(); err == nil {
			c.removeGone()
			err = c.failed()
		}
	}
	if errors.Is(err, store.ErrClosed) {
		err = nil
	}
	return err
}
