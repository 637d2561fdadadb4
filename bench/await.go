package bench

import (
	"context"
	"time"
)

// pause waits.
func (r *run) pause(ctx context.Context, d time.Duration) error { return r.await(ctx, d, nil) }

// await waits until done says so, at most for limit, and takes a sample every second meanwhile.
func (r *run) await(ctx context.Context, limit time.Duration, done func() bool) error {
	until := r.now() + limit
	for {
		if done != nil && done() {
			return nil
		}
		now := r.now()
		if now >= until {
			return nil
		}
		if now-r.shown >= time.Second {
			if r.sample(); r.together && r.last.connected == 0 {
				return errAlone
			}
			continue
		}
		d := min(until-now, r.shown+time.Second-now)
		if done != nil {
			d = min(d, 5*time.Millisecond)
		}
		t := time.NewTimer(d)
		select {
		case <-t.C:
		case <-r.step.news:
			t.Stop()
			if done == nil && limit <= time.Millisecond {
				return nil
			}
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		}
	}
}

// enter begins a phase that takes d, 0 when nobody knows.
func (r *run) enter(phase string, d time.Duration) {
	r.phase, r.ends = phase, 0
	if d > 0 {
		r.ends = r.now() + d
	}
	r.show(Sample{Phase: phase, At: r.at(), Left: d, Connected: int(r.last.connected)})
}
