package seglog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// BenchmarkPaced has two loops append at random times, so many batches a second altogether, and reports how long they wait
// and what they cost: the processor time is less that of the loops themselves, which a run without a store measures. The
// figures behind the choices in gather.go come from here.
func BenchmarkPaced(b *testing.B) {
	for _, rate := range []int{1_000, 10_000, 50_000} {
		for _, o := range []Options{{Sync: SyncAlways}, {Sync: SyncAlways, Gather: 2 * time.Millisecond},
			{Sync: SyncAlways, Gather: 10 * time.Millisecond}, {Sync: SyncNone}} {
			b.Run(fmt.Sprintf("%d/%v/gather=%v", rate, o.Sync, o.Gather), func(b *testing.B) {
				g := openBench(b, o)
				b.ResetTimer()
				_, alone := paced(b, rate, func(batch *store.Batch, done func(error)) { done(nil) })
				waits, cpu := paced(b, rate, func(batch *store.Batch, done func(error)) { g.Append(batch, done) })
				b.StopTimer()
				report(b, g, cpu-alone, 200)
				slices.Sort(waits)
				b.ReportMetric(float64(waits[len(waits)/2].Microseconds()), "p50-us")
				b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds()), "p99-us")
				if err := g.Close(b.Context()); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// paced appends b.N batches from two loops and tells how long each took.
func paced(b *testing.B, rate int, add func(*store.Batch, func(error))) (waits []time.Duration, cpu time.Duration) {
	const loops = 2
	waits = make([]time.Duration, b.N)
	var loop, left sync.WaitGroup
	begun := processTime()
	for l := range loops {
		loop.Go(func() {
			w := workload{next: uint64(l) << 40, lag: uint64(l)<<40 + 1000, payload: make([]byte, 200)}
			r := rand.New(rand.NewPCG(1, uint64(l)))
			due := time.Now()
			for i := l; i < b.N; i += loops {
				due = due.Add(time.Duration(r.ExpFloat64() * float64(time.Second) * loops / float64(rate)))
				if d := time.Until(due); d > 0 {
					t := syscall.NsecToTimespec(int64(d)) // the runtime's timers are good for a millisecond
					_ = syscall.Nanosleep(&t, nil)
				}
				batch := new(store.Batch)
				w.fill(batch)
				left.Add(1)
				start := time.Now()
				add(batch, func(error) { waits[i] = time.Since(start); left.Done() })
			}
		})
	}
	loop.Wait()
	left.Wait()
	return waits, processTime() - begun
}
