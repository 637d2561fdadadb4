package seglog

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// failure is the end of a log that cannot be relied upon any more.
type failure struct{ err error }

// isNoRoom tells errors that say that there is no room from those that leave it open what is on the disk.
func isNoRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// isShortage tells errors of making a file that say that something has run out, which will be there again: room, or
// descriptors.
func isShortage(err error) bool {
	for _, of := range []error{errQuota, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EFBIG} {
		if errors.Is(err, of) {
			return true
		}
	}
	return isNoRoom(err)
}

// fail stops the log for good, and returns why it did: of several failures the first. After a Sync that failed the kernel may
// hold the pages for clean, so that another one would tell a lie; and what a write left behind is in doubt. Nothing is
// written, synced or removed from now on, and nothing is committed.
func (c *committer) fail(what string, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failLocked(what, err)
}

// failLocked is fail with mu held.
func (c *committer) failLocked(what string, err error) error {
	if f := c.failure.Load(); f != nil {
		return f.err
	}
	var at *fs.PathError
	if errors.As(err, &at) { // it names the file as that was called when it was made ahead
		err = at.Err
	}
	f := &failure{fmt.Errorf("%s: %w", what, err)}
	c.failure.Store(f)
	c.o.Logger.Error("the store has failed and commits nothing any more: restart the broker once the disk is sound",
		"dir", c.o.Dir, "err", f.err)
	c.queue.poke()
	return f.err
}

// failed is why the log has failed; nil: it has not.
func (c *committer) failed() error {
	if f := c.failure.Load(); f != nil {
		return f.err
	}
	return nil
}

// stopped is why nothing is committed any more; nil: it is.
func (c *committer) stopped() error {
	if err := c.failed(); err != nil {
		return err
	}
	if c.over.Load() {
		return store.ErrClosed
	}
	return nil
}

// pressure is that of store.Store.
func (c *committer) pressure() store.Pressure {
	switch {
	case c.failure.Load() != nil:
		return store.Failed
	case c.full.Load() || c.queue.crowded.Load():
		return store.Full
	case c.queue.slow.Load():
		return store.Slow
	}
	return store.Ok
}
