package bench

import (
	"context"
	"math"
	"time"
)

// part is a step of throng and atOnce that says DISCONNECT and ends when the connection has.
func part(k *client) {
	if k.conn == nil {
		k.lane.r.settled(k)
		return
	}
	k.leave()
}

// outcome is a step of throng and atOnce that ends when a connection under way has been accepted or has come to nothing.
func outcome(k *client) {
	if k.state != dialing {
		k.lane.r.settled(k)
	}
}

// crash is a step of throng and atOnce that resets the connection and ends when it is gone.
func crash(k *client) {
	if k.conn == nil {
		k.lane.r.settled(k)
		return
	}
	k.fall()
}

// atOnce has all clients take a step, however many are under way, and waits until they have settled or make no progress.
// It returns how many have not settled.
func (r *run) atOnce(ctx context.Context, clients []*client, step func(*client)) (left int64, err error) {
	r.step.left.Store(int64(len(clients)))
	for _, ln := range r.lanes {
		ln.loop.Post(func() {
			for _, k := range clients {
				if k.lane == ln {
					k.awaited = true
					step(k)
				}
			}
		})
	}
	err = r.whileMoving(ctx, patience, func() (int64, bool) {
		left = r.step.left.Load()
		return left, left == 0
	})
	return left, err
}

// whileMoving waits until done, or until what it is shown has not changed for so long.
func (r *run) whileMoving(ctx context.Context, limit time.Duration, look func() (seen int64, done bool)) error {
	seen, moved := int64(math.MinInt64), r.now()
	return r.await(ctx, math.MaxInt64/2, func() bool {
		now, done := look()
		if now != seen {
			seen, moved = now, r.now()
		}
		return done || r.now()-moved > limit
	})
}

// delivered waits until so many deliveries have come since the run began, or for Config.Drain in vain.
func (r *run) delivered(ctx context.Context, settled uint64) error {
	return r.whileMoving(ctx, r.cfg.Drain, func() (int64, bool) {
		c := r.counts()
		return int64(c.settled), c.settled >= settled
	})
}

// publishAll lets feeds go that have a limit, and waits until everything has been acknowledged, or for Config.Drain in vain.
func (r *run) publishAll(ctx context.Context, feeds ...*feed) error {
	r.each(func(ln *lane) {
		ln.clock()
		for _, f := range feeds {
			if f.c.lane == ln {
				f.off = false
				f.pump()
			}
		}
	})
	return r.whileMoving(ctx, r.cfg.Drain, func() (int64, bool) {
		moved, left := int64(0), int64(0)
		r.each(func(ln *lane) {
			for _, f := range feeds {
				if f.c.lane == ln {
					moved += int64(f.seq) - int64(f.open)
					left += int64(f.limit-f.seq) + int64(f.open)
				}
			}
		})
		return moved, left == 0
	})
}

// lastHeard is when the last bytes came to any of the clients, in time of the run.
func (r *run) lastHeard(clients []*client) (last time.Duration) {
	r.each(func(ln *lane) {
		now := r.now()
		us := uint32(now / time.Microsecond)
		for _, k := range clients {
			if k.lane != ln {
				continue
			}
			// What was heard more than half the clock's round ago, or never, is not the last.
			if ago := int32(us - k.heard); k.heard != 0 && ago >= 0 {
				last = max(last, now-time.Duration(ago)*time.Microsecond)
			}
		}
	})
	return last
}

// watch has latency counted from now on, before counting begins.
func (r *run) watch() {
	r.each(func(ln *lane) { ln.clock(); ln.from, ln.span = ln.now, openEnd })
}
