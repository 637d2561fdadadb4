package bench

import (
	"cmp"
	"context"
	"errors"
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
	r.together = true
	if err := r.measure(ctx); err != nil {
		r.drained = errors.Is(err, errAlone) // nothing more will come: what is missing is known
		return err
	}
	return r.drain(ctx)
}

// errAlone ends a run whose clients are all gone, though nobody sent them away.
var errAlone = errors.New("every connection was lost")

// launch starts the loops, once it is known what they are for.
func (r *run) launch() error {
	if r.group != nil {
		return nil
	}
	if err := needDescriptors(cmp.Or(r.open, len(r.clients)) + 16*len(r.lanes) + 64); err != nil {
		return err
	}
	if r.sources == 0 && len(r.clients) > 20000 {
		r.sources = len(r.clients)/10000 + 1
	}
	r.lasting()
	for _, f := range r.feeds {
		if err := f.begin(r.cfg.Version); err != nil {
			return err
		}
	}
	group, err := loop.Start(loop.Config{
		Loops: r.cfg.Threads, Addr: r.addr, Unix: r.to.unix, Layers: r.layers, Sources: r.sources,
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
func (r *run) start() error { return r.startOf(r.feeds) }

// startOf lets some feeds go.
func (r *run) startOf(feeds []*feed) error {
	if r.cfg.Rate > 0 {
		r.pace(r.cfg.Rate, feeds)
		return nil
	}
	r.each(func(ln *lane) {
		ln.clock()
		for _, f := range feeds {
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
		r.each(func(ln *lane) { ln.clock(); ln.from, ln.span = ln.now, openEnd })
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
	r.each(func(ln *lane) { ln.clock(); ln.from, ln.span = ln.now, openEnd })
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
				ln.unsent += uint64(len(f.due))
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
