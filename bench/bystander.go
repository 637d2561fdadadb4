package bench

import "time"

// bystander is a pair of clients that have nothing to do with a storm: one publishes to the other at Config.Rate, and what
// their latency becomes is what the storm costs everybody else. It is the report's latency; that of all others says
// nothing, because they are away meanwhile. With more than one event loop it has the first for itself: the generator's own
// work for a storm is no business of the broker's.
type bystander struct {
	pair []*client
	feed *feed
}

// bystander makes the pair. Config.Rate is theirs.
func (r *run) bystander() *bystander {
	name := r.topic("bystander")
	sub, pub := r.client(0, "bystander-sub"), r.client(0, "bystander-pub")
	sub.filters = []filter{{name, 1}}
	f := r.feed(pub, 1)
	r.expect(sub, r.stream(f, name, 0), 1)
	return &bystander{[]*client{sub, pub}, f}
}

// inHerd makes the i-th of the clients that storm, beside the bystander's loop.
func (r *run) inHerd(i int, name string) *client {
	if others := len(r.lanes) - 1; others > 0 {
		i = 1 + i%others
	}
	return r.client(i, name)
}

// before begins the bystander's messages, lets the warm-up pass, and tells what latency is without a storm.
func (r *run) before(b *bystander, wait func(time.Duration) error) error {
	r.enter("warm-up", r.cfg.Warmup)
	r.pace(r.cfg.Rate, []*feed{b.feed})
	r.watch()
	if err := wait(r.cfg.Warmup); err != nil {
		return err
	}
	r.collect()
	if calm := percentiles(r.total.latency); calm != nil {
		r.figure("bystander's p99 before", millis(calm.P99), "ms", true)
	}
	return nil
}

// storming is the bystander's latency during the storm, once counting has ended. What was sent meanwhile may still come.
func (r *run) storming() {
	r.collect()
	if storm := percentiles(r.total.latency); storm != nil {
		r.figure("bystander's p99 meanwhile", millis(storm.P99), "ms", true)
		r.figure("bystander's worst meanwhile", millis(storm.Max), "ms", true)
		if late := percentiles(r.total.late); late != nil && 2*late.P99 > storm.P99 {
			r.note("the generator itself sent the bystander's messages late (p99 %v), which its latency contains", late.P99)
		}
	}
}

// perUnit tells the broker's CPU of the counted time by what was done in it.
func (r *run) perUnit(name string, n float64) {
	if used := r.meter.to.broker.CPU - r.meter.from.broker.CPU; r.meter.broker != nil && n > 0 {
		r.figure("CPU per "+name, float64(used)/1e3/n, "µs", true)
	}
}
