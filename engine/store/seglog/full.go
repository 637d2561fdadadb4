package seglog

import (
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// The log is Full before nothing fits any more: when there is no room for half a segment beside the files made ahead, or when
// what waits to be committed would not fit. What is on its way then goes into the present segment and the first of the files;
// the other one is for copying the oldest segment on. It is not Full any more once there is clearly more room than that, so
// that it does not change with each segment: by a quota below the low water mark, else when there is what roomAgain says.

// assess decides whether the log is Full; mu is held.
func (c *committer) assess() {
	r := &c.room
	crowded := c.queue.bound(c.roomForBatches())
	c.judgeQuota(crowded)
	scarce := r.free < c.segmentSize/2
	full := true
	switch {
	case r.choked != nil:
		r.why = r.choked.Error()
	case r.short != nil:
		r.why = r.short.Error()
	case r.lacks != nil && r.waits:
		r.why = "a batch that is larger than a segment waits: " + r.lacks.Error()
	case r.high:
		r.why = "above the high water mark of the quota"
	case crowded:
		r.why = "more waits to be stored than there is room for"
	case scarce || r.tight && r.free < c.roomAgain():
		r.why = "there is hardly any room left"
	default:
		full, r.why = false, ""
	}
	r.tight = full && (r.tight || r.choked != nil || r.short != nil && !errors.Is(r.short, errQuota) || scarce || crowded)
	if full == c.full.Load() {
		return
	}
	if c.full.Store(full); full {
		c.stats.FullCount++
	}
	c.tell()
}

// judgeQuota decides whether the quota makes the log Full: above the high water mark, or before it when there is no room for what
// waits, or for half a segment beside the files made ahead.
func (c *committer) judgeQuota(crowded bool) {
	q, r := c.o.Quota, &c.room
	if q <= 0 {
		return
	}
	low, left := q/100*int64(c.o.LowWater), q-r.disk-r.ahead
	switch {
	case r.high:
		r.high = r.disk > low
	case crowded && left < r.free:
		r.high = r.disk > low
	case left < c.segmentSize/2:
		r.high = r.disk > low+c.segmentSize
	default:
		r.high = r.disk > q/100*int64(c.o.HighWater)
	}
	r.high = r.high || errors.Is(r.short, errQuota)
}

// roomAgain is how much room there has to be beside the files made ahead when the log has been Full for want of room.
func (c *committer) roomAgain() int64 { return max(c.segmentSize, c.room.disk/16) }

// roomForBatches is how many bytes of batches may wait before the log is Full: what there is room for, less what is kept for
// copying the oldest segment on.
func (c *committer) roomForBatches() int64 {
	beyond := c.roomBeyond()
	if beyond > math.MaxInt64/2 {
		return beyond
	}
	return max(beyond+c.left(0)-c.oldestNeeds()-c.segmentSize/2, 0)
}

// roomBeyond is how much room there is beside the files made ahead; mu is held.
func (c *committer) roomBeyond() int64 {
	if q := c.o.Quota; q > 0 {
		return min(c.room.free, max(q-c.room.disk-c.room.ahead, 0))
	}
	return c.room.free
}

// beyond is that without mu, as far as no file can be made of it.
func (c *committer) beyond() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return min(c.roomBeyond(), c.segmentSize-1)
}

// tellEvery is how often it is logged at most that the log is full.
const tellEvery = time.Minute

// tell logs whether the log is Full, unless it was told a short while ago: then the janitor comes back to it after what it
// returns. mu is held.
func (c *committer) tell() (in time.Duration) {
	r, full := &c.room, c.full.Load()
	if full == r.told {
		return 0
	}
	if full {
		if in = tellEvery - time.Since(r.toldAt); !r.toldAt.IsZero() && in > 0 {
			return in
		}
		r.toldAt = time.Now()
		c.o.Logger.Warn("the store is full: what would have to be stored is refused", c.sizes(), "dir", c.o.Dir, "reason", r.why, "times", c.stats.FullCount)
	} else {
		c.o.Logger.Info("the store has room again", c.sizes(), "dir", c.o.Dir)
	}
	r.told = full
	return 0
}

func (c *committer) sizes() slog.Attr {
	return slog.Group("bytes", "files", c.room.disk+c.room.ahead, "live", c.x.live, "quota", c.o.Quota)
}

// choke waits a while for room for a frame that could not be written; the error is why it does not.
func (c *committer) choke(err error) error {
	c.mu.Lock()
	c.room.choked, c.room.choking, c.gasped = err, true, true
	c.assess()
	c.mu.Unlock()
	if err := c.stopped(); err != nil {
		return err
	}
	c.room.chore()
	c.queue.sleep(0, retryEvery, c.timer)
	return c.stopped()
}

// breathe follows a frame that could be written.
func (c *committer) breathe() {
	if !c.gasped {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room.choked, c.room.choking, c.gasped = nil, false, false
	c.assess()
}

// takesBack tells the kinds of records that add nothing to what is stored.
func takesBack(k store.Kind) bool {
	switch k {
	case store.ACK, store.REL, store.QINDEL, store.SESDEL, store.UNSUB, store.RETDEL:
		return true
	}
	return false
}
