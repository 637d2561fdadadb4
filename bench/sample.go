package bench

import (
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/hist"
)

// totals are what was measured in the counted time.
type totals struct{ latency, apart, late, acks, connects, subscribes *hist.Histogram }

func newTotals() totals {
	return totals{hist.New(), hist.New(), hist.New(), hist.New(), hist.New(), hist.New()}
}

// reset forgets what depends on the counted time. Connecting comes before it.
func (t *totals) reset() {
	t.latency.Reset()
	t.apart.Reset()
	t.late.Reset()
	t.acks.Reset()
}

// collect takes a reading of every lane and adds up.
func (r *run) collect() reading {
	sum := reading{latency: hist.New()}
	r.each(func(ln *lane) {
		got := ln.read()
		sum.merge(&got)
		r.total.latency.Merge(got.latency)
		r.total.apart.Merge(got.apart)
		r.total.late.Merge(got.late)
		r.total.acks.Merge(got.acks)
		r.total.connects.Merge(got.connects)
		r.total.subscribes.Merge(got.subscribes)
	})
	return sum
}

func (a *reading) merge(b *reading) {
	a.counters.add(&b.counters)
	a.errors += b.errors
	a.latency.Merge(b.latency)
}

// counts reads the counters only.
func (r *run) counts() (sum counters) {
	r.each(func(ln *lane) { sum.add(&ln.counters) })
	return sum
}

// at is the time since counting began; before, it is negative, as far as that can be known.
func (r *run) at() time.Duration {
	switch {
	case r.begun != 0:
		return r.now() - r.begun
	case r.phase == "warm-up":
		return r.now() - r.ends
	case r.phase == "run": // the sample that ends the warm-up
		return 0
	}
	return -r.cfg.Warmup
}

// sample takes the sample that is due, keeps it and shows it.
func (r *run) sample() {
	if r.group == nil {
		return
	}
	now := r.now()
	got := r.collect()
	s := Sample{
		At: r.at(), Phase: r.phase, Interval: now - r.shown, Connected: int(got.connected),
		Sent: got.sent - r.last.sent, Delivered: got.delivered - r.last.delivered, Errors: got.errors - r.last.errors,
	}
	if r.ends > now {
		s.Left = r.ends - now
	}
	if got.latency.Count() > 0 {
		s.P50, s.P99, s.Max = got.latency.At(50), got.latency.At(99), got.latency.Max()
	}
	s.CPU, s.RSS = r.meter.live(s.Interval)
	r.last, r.shown = got, now
	if s.Interval > 50*time.Millisecond { // a shorter one says nothing of a rate
		r.report.Series = append(r.report.Series, s)
	}
	r.show(s)
}

func (r *run) show(s Sample) {
	if r.cfg.Progress != nil {
		r.cfg.Progress(s)
	}
}

// percentiles of a histogram, nil for an empty one.
func percentiles(h *hist.Histogram) *Percentiles {
	if h.Count() == 0 {
		return nil
	}
	return &Percentiles{
		Count: h.Count(), Mean: h.Mean(), Min: h.Min(), P50: h.At(50), P90: h.At(90), P99: h.At(99), P999: h.At(99.9),
		P9999: h.At(99.99), Max: h.Max(),
	}
}
