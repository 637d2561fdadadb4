package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/loop"
)

// play runs the phases that most scenarios have, with all that they have made.
func (r *run) play(ctx context.Context) error {
	if err := r.connect(ctx, r.clients...); err != nil {
		return err
	}
	if err := r.subscribe(ctx, r.clients...); err != nil {
		return err
	}
	if err := r.start(); err != nil {
		return err
	}
	if err := r.measure(ctx); err != nil {
		return err
	}
	return r.drain(ctx)
}

// latch counts clients that are to reach the end of a step.
type latch struct {
	left atomic.Int64
	news chan struct{} // holds a word when some have
}

// settled says that the client has come to the end of what it was asked for, or failed. On its lane.
func (r *run) settled(k *client) {
	if !k.awaited {
		return
	}
	k.awaited = false
	r.step.left.Add(-1)
	select {
	case r.step.news <- struct{}{}:
	default:
	}
}

const (
	maxUnanswered = 256 // CONNECTs and SUBSCRIBEs under way at a time
)

// patience is for a broker that makes no progress with them. Tests have less.
var patience = 30 * time.Second

// connect connects the clients, at Config.ConnectRate if there is one, and waits for their CONNACKs. The error is the
// first client's that was refused.
func (r *run) connect(ctx context.Context, clients ...*client) error {
	if err := r.launch(); err != nil {
		return err
	}
	r.enter("connect", 0)
	if err := r.throng(ctx, clients, r.cfg.ConnectRate, (*client).dial); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// subscribe sends the SUBSCRIBEs of those clients that have filters, and waits for their SUBACKs.
func (r *run) subscribe(ctx context.Context, clients ...*client) error {
	var with []*client
	for _, k := range clients {
		if len(k.filters) > 0 {
			with = append(with, k)
		}
	}
	r.enter("subscribe", 0)
	if err := r.throng(ctx, with, 0, func(k *client) { k.subscribe() }); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return nil
}

// throng has each client take a step, on its lane, and waits until all have settled. A rate of 0 is as fast as they do.
func (r *run) throng(ctx context.Context, clients []*client, rate float64, step func(*client)) error {
	n, next, began := int64(len(clients)), 0, r.now()
	r.step.left.Store(n)
	moved, left := began, n
	for next < len(clients) || left > 0 {
		due := len(clients)
		if rate > 0 {
			due = min(due, 1+int((r.now()-began).Seconds()*rate))
		}
		for next < due && int64(next)-(n-r.step.left.Load()) < maxUnanswered {
			k := clients[next]
			next++
			k.lane.loop.Post(func() { k.awaited = true; step(k) })
		}
		if err := r.pause(ctx, time.Millisecond); err != nil {
			return err
		}
		if now := r.step.left.Load(); now != left {
			left, moved = now, r.now()
		} else if next == len(clients) && r.now()-moved > patience {
			return fmt.Errorf("%d of %d clients got no answer within %v", left, n, patience)
		}
	}
	var failed error
	r.each(func(ln *lane) {
		for _, k := range clients {
			if k.lane == ln && k.failed != nil && failed == nil {
				failed = k.failed
			}
		}
	})
	return failed
}

// launch starts the loops, once it is known what they are for.
func (r *run) launch() error {
	if r.group != nil {
		return nil
	}
	if err := needDescriptors(len(r.clients) + 16*len(r.lanes) + 64); err != nil {
		return err
	}
	if r.sources == 0 && len(r.clients) > 20000 {
		r.sources = len(r.clients)/10000 + 1
	}
	for _, f := range r.feeds {
		if err := f.begin(r.cfg.Version); err != nil {
			return err
		}
	}
	group, err := loop.Start(loop.Config{
		Loops: r.cfg.Threads, Addr: r.addr, Sources: r.sources,
		Hooks: loop.Hooks{
			Round: func(l *loop.Loop) { r.lanes[l.Index()].round() },
			Tick:  func(l *loop.Loop) { r.lanes[l.Index()].tick() },
			Alarm: func(l *loop.Loop) { r.lanes[l.Index()].pace() },
		},
	})
	if err != nil {
		return err
	}
	r.group, r.skew = group, r.now()-group.Now()
	for i, l := range group.Loops() {
		r.do(r.lanes[i].on(l), func() {}) // hooks may run from the start: they find nothing to do before
	}
	return nil
}

// start lets all feeds go: in a closed loop each fills its window, in an open one all share Config.Rate.
func (r *run) start() error {
	if r.cfg.Rate > 0 {
		r.pace(r.cfg.Rate, r.feeds)
		return nil
	}
	r.each(func(ln *lane) {
		ln.clock()
		for _, f := range r.feeds {
			if f.c.lane == ln {
				f.off = false
				f.pump()
			}
		}
	})
	return nil
}

// pace lets the feeds go at a rate, messages a second all together.
func (r *run) pace(rate float64, feeds []*feed) {
	r.needPacer()
	by := make([][]*feed, len(r.lanes))
	for _, f := range feeds {
		by[f.c.lane.index] = append(by[f.c.lane.index], f)
	}
	r.each(func(ln *lane) {
		mine := by[ln.index]
		if len(mine) == 0 {
			return
		}
		for _, f := range mine {
			f.off, f.closed, f.rest = false, false, nil
		}
		share := rate * float64(len(mine)) / float64(len(feeds))
		ln.schedules = append(ln.schedules, &schedule{feeds: mine, every: 1e9 / share, start: r.now()})
		ln.nextDue = 0
		ln.pace()
	})
}

func (r *run) needPacer() {
	if !r.paced {
		r.paced = true
		r.group.StartPacer()
	}
}

// measure warms up, and counts for Config.Duration.
func (r *run) measure(ctx context.Context) error {
	if r.cfg.Warmup > 0 {
		r.enter("warm-up", r.cfg.Warmup)
		r.each(func(ln *lane) { ln.clock(); ln.from, ln.span = ln.now, math.MaxInt32 })
		if err := r.pause(ctx, r.cfg.Warmup); err != nil {
			return err
		}
	}
	if err := r.begin(); err != nil {
		return err
	}
	err := r.pause(ctx, r.cfg.Duration)
	return errors.Join(err, r.end())
}

// begin starts counting.
func (r *run) begin() error {
	r.enter("run", r.cfg.Duration)
	r.sample()
	r.total.reset()
	r.each(func(ln *lane) { ln.clock(); ln.from, ln.span = ln.now, math.MaxInt32 })
	r.last = r.collect()
	r.total.reset()
	r.start0 = r.last.counters
	r.begun, r.ends = r.now(), r.now()+r.cfg.Duration
	r.shown = r.begun
	r.report.Started = time.Now()
	return r.meter.begin()
}

// end stops counting. Of what was sent until now, latency still counts when it comes.
func (r *run) end() error {
	var err error
	r.each(func(ln *lane) { ln.clock(); ln.span = ln.now - ln.from })
	at := r.now()
	now := r.counts()
	r.answered = now.answered
	r.report.Elapsed = at - r.begun
	r.report.Sent, r.report.Delivered = now.sent-r.start0.sent, now.delivered-r.start0.delivered
	err = r.meter.end()
	r.sample()
	return err
}

// stop lets nothing new begin.
func (r *run) stop() {
	r.each(func(ln *lane) {
		ln.schedules = nil
		ln.loop.SetAlarm(0)
		for _, f := range r.feeds {
			if f.c.lane == ln {
				f.off, f.due = true, nil
			}
		}
	})
}

// quiet is how long nothing may come before a drain that may lose is over.
const quiet = 300 * time.Millisecond

// drain stops the feeds and waits, at most for Config.Drain, for what is under way.
func (r *run) drain(ctx context.Context) error {
	r.enter("drain", r.cfg.Drain)
	r.stop()
	r.drained = true
	last, moved := uint64(0), r.now()
	return r.await(ctx, r.cfg.Drain, func() bool {
		c := r.counts()
		if c.settled != last {
			last, moved = c.settled, r.now()
		}
		return c.open == 0 && c.unreleased == 0 && (c.settled >= c.owed || r.cfg.AllowLoss && r.now()-moved > quiet)
	})
}

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
			r.sample()
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
