package netloop

import (
	"sync/atomic"
	"time"
)

// LagBounds are the upper bounds of the buckets in which the lag of ticks is counted.
var LagBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 5 * time.Second,
}

// Lag is how late a loop handled its ticks: the time that anything posted to it has to wait.
type Lag struct {
	Counts [len(LagBounds) + 1]uint64 // ticks within each of LagBounds and above the one before; the last: above all
	Sum    time.Duration
	Last   time.Duration // of the last tick
	Open   time.Duration // how long a tick has been waiting now; 0: none does
}

// lag is written by the ticker (since) and the loop (all else), and read by anybody.
type lag struct {
	since  atomic.Int64 // when the oldest tick was posted that is not handled; 0: all are
	last   atomic.Int64
	sum    atomic.Int64
	counts [len(LagBounds) + 1]atomic.Uint64
}

// posted notes that the loop was asked for a tick.
func (g *lag) posted(now time.Duration) { g.since.CompareAndSwap(0, max(int64(now), 1)) }

// handled notes that the loop does it.
func (g *lag) handled(now time.Duration) {
	since := g.since.Swap(0)
	if since == 0 {
		return
	}
	late := max(now-time.Duration(since), 0)
	i := 0
	for i < len(LagBounds) && late > LagBounds[i] {
		i++
	}
	g.counts[i].Add(1)
	g.sum.Add(int64(late))
	g.last.Store(int64(late))
}

// Lag reads how late the loop is. Any goroutine.
func (l *Loop) Lag() Lag {
	r := Lag{Sum: time.Duration(l.lag.sum.Load()), Last: time.Duration(l.lag.last.Load())}
	for i := range r.Counts {
		r.Counts[i] = l.lag.counts[i].Load()
	}
	if since := l.lag.since.Load(); since != 0 {
		r.Open = max(l.e.now()-time.Duration(since), 1)
	}
	return r
}
