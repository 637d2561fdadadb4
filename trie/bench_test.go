package trie

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A million filters: 70 % exact, 22 % with one '+', 8 % with '#'.
func benchFilters(n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 1))
	fs := make([][]byte, n)
	for i := range fs {
		dev := r.IntN(200000)
		var f string
		switch x := r.IntN(100); {
		case x < 70:
			f = fmt.Sprintf("site/%d/dev/%d/%s", dev%1000, dev, [3]string{"temp", "hum", "cmd"}[r.IntN(3)])
		case x < 80:
			f = fmt.Sprintf("site/%d/dev/%d/+", dev%1000, dev)
		case x < 88:
			f = fmt.Sprintf("site/+/dev/%d/temp", dev)
		case x < 92:
			f = fmt.Sprintf("+/%d/dev/%d/temp", dev%1000, dev)
		case x < 99:
			f = fmt.Sprintf("site/%d/dev/%d/#", dev%1000, dev)
		default:
			f = fmt.Sprintf("zone/%d/s%d/#", r.IntN(1000), dev)
		}
		fs[i] = []byte(f)
	}
	return fs
}

func benchTopics(n int) [][]byte {
	r := rand.New(rand.NewPCG(2, 2))
	ts := make([][]byte, n)
	for i := range ts {
		dev := r.IntN(200000)
		ts[i] = fmt.Appendf(nil, "site/%d/dev/%d/temp", dev%1000, dev)
	}
	return ts
}

const million = 1_000_000

func fill(x *Index, fs [][]byte) {
	for i, f := range fs {
		x.Subscribe(f, Sub{Ref: uint32(i)})
	}
}

var full = sync.OnceValues(func() (*Index, [][]byte) {
	x, fs := NewIndex(), benchFilters(million)
	fill(x, fs)
	return x, fs
})

func BenchmarkMatchCold(b *testing.B) {
	x, _ := full()
	ts := benchTopics(million)
	b.Run("1M", func(b *testing.B) {
		b.ReportAllocs()
		dst := make([]Sub, 0, 64)
		matched, i := 0, 0
		for b.Loop() {
			dst = x.Match(ts[i%million], dst[:0])
			matched += len(dst)
			i++
		}
		b.ReportMetric(float64(matched)/float64(i), "subs/op")
	})
}

func BenchmarkCacheHit(b *testing.B) {
	x, _ := full()
	ts := benchTopics(1000)
	c := NewCache[int](x, 4096)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		c.Lookup(ts[i%1000])
		i++
	}
	_, _, misses := c.Stats()
	b.ReportMetric(float64(misses)/float64(i), "misses/op")
}

// BenchmarkCacheRevalidate: something has changed each time, but nothing that concerns the topic.
func BenchmarkCacheRevalidate(b *testing.B) {
	x := NewIndex()
	ts := benchTopics(1000)
	c := NewCache[int](x, 4096)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		x.all.Add(1)
		c.Lookup(ts[i%1000])
		i++
	}
}

func BenchmarkSubscribe(b *testing.B) {
	for _, name := range []string{"alone", "while matching"} {
		b.Run(name, func(b *testing.B) {
			x, fs := full()
			b.ReportAllocs()
			var stop atomic.Bool
			var matches atomic.Int64
			var wg sync.WaitGroup
			if name == "while matching" {
				ts := benchTopics(100_000)
				wg.Go(func() {
					dst := make([]Sub, 0, 64)
					for i := 0; !stop.Load(); i++ {
						dst = x.Match(ts[i%len(ts)], dst[:0])
						matches.Add(1)
					}
				})
			}
			r := rand.New(rand.NewPCG(3, 3))
			ops := 0
			for b.Loop() { // one unsubscribe and one subscribe
				k := r.IntN(million)
				x.Unsubscribe(fs[k], uint32(k))
				x.Subscribe(fs[k], Sub{Ref: uint32(k)})
				ops += 2
			}
			stop.Store(true)
			wg.Wait()
			b.ReportMetric(float64(ops)/b.Elapsed().Seconds(), "ops/s")
			b.ReportMetric(float64(matches.Load())/b.Elapsed().Seconds(), "matches/s")
		})
	}
}

// BenchmarkOneFilter: what a subscription costs on a filter that everybody has.
func BenchmarkOneFilter(b *testing.B) {
	for _, n := range []int{1000, 100_000, million} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x, f := NewIndex(), []byte("news/#")
			for i := range n {
				x.Subscribe(f, Sub{Ref: uint32(i)})
			}
			h, _, _ := x.Subscribe(f, Sub{})
			r := rand.New(rand.NewPCG(3, 3))
			b.Run("churn", func(b *testing.B) {
				for b.Loop() {
					k := uint32(r.IntN(n))
					x.Remove(h, k)
					x.Subscribe(f, Sub{Ref: k})
				}
			})
			b.Run("match", func(b *testing.B) {
				dst := make([]Sub, 0, n)
				for b.Loop() {
					dst = x.Match([]byte("news/x"), dst[:0])
				}
			})
		})
	}
}

// heapNow is the heap in use after a collection, and how long a collection takes.
func heapNow() (bytes float64, gc time.Duration) {
	runtime.GC()
	gc = time.Hour
	for range 3 {
		start := time.Now()
		runtime.GC()
		gc = min(gc, time.Since(start))
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc), gc
}

// BenchmarkMemory measures what a million entries cost: bytes of heap for each, what the structure itself says,
// and the milliseconds of a whole GC cycle over it.
func BenchmarkMemory(b *testing.B) {
	measure := func(b *testing.B, unit string, build func() (keep any, n, claimed int)) {
		for b.Loop() {
			before, _ := heapNow()
			keep, n, claimed := build()
			after, gc := heapNow()
			b.ReportMetric((after-before)/float64(n), "B/"+unit)
			b.ReportMetric(float64(claimed)/float64(n), "B/"+unit+"-claimed")
			b.ReportMetric(float64(gc.Microseconds())/1000, "GC-ms")
			runtime.KeepAlive(keep)
		}
	}
	b.Run("subscriptions", func(b *testing.B) { // 663,000 filters
		measure(b, "sub", func() (any, int, int) {
			x := NewIndex()
			fill(x, benchFilters(million))
			return x, x.Len(), x.Bytes()
		})
	})
	b.Run("filters", func(b *testing.B) { // a subscription each
		measure(b, "sub", func() (any, int, int) {
			x := NewIndex()
			for i, f := range benchFilters(million) {
				x.Subscribe(fmt.Appendf(f[:4:4], "%07d%s", i, f[4:]), Sub{Ref: uint32(i)})
			}
			return x, x.Len(), x.Bytes()
		})
	})
	b.Run("retained", func(b *testing.B) {
		measure(b, "retained", func() (any, int, int) {
			r, value := NewRetained(), make([]byte, 80)
			for _, t := range retainedTopics(million) {
				r.Set(t, value)
			}
			return r, r.Len(), r.Bytes()
		})
	})
}

// retainedTopics are of some 25 bytes; four to a device.
func retainedTopics(n int) [][]byte {
	ts := make([][]byte, n)
	for i := range ts {
		dev := i / 4
		ts[i] = fmt.Appendf(nil, "site/%d/dev/%d/%s", dev%1000, dev, [4]string{"temp", "hum", "state", "voltage"}[i%4])
	}
	return ts
}

var fullRetained = sync.OnceValues(func() (*Retained, [][]byte) {
	r, ts := NewRetained(), retainedTopics(million)
	for _, t := range ts {
		r.Set(t, make([]byte, 80))
	}
	return r, ts
})

func BenchmarkRetainedSet(b *testing.B) {
	r, ts := fullRetained()
	value, x := make([]byte, 80), rand.New(rand.NewPCG(3, 3))
	b.Run("replace", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Set(ts[x.IntN(million)], value)
		}
	})
	b.Run("delete and set", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			t := ts[x.IntN(million)]
			r.Delete(t)
			r.Set(t, value)
		}
	})
}

func BenchmarkRetainedCollect(b *testing.B) {
	r, ts := fullRetained()
	for _, filter := range []string{"site/7/dev/7/+", "site/7/#", "site/+/dev/7/temp", "#"} {
		b.Run(filter, func(b *testing.B) {
			b.ReportAllocs()
			dst := make([]RetainedRef, 0, len(ts))
			for b.Loop() {
				dst = r.Collect([]byte(filter), dst[:0])
			}
			b.ReportMetric(float64(len(dst)), "refs")
		})
	}
}

func BenchmarkRetainedLoad(b *testing.B) {
	r, _ := fullRetained()
	refs := r.Collect([]byte("#"), nil)
	x := rand.New(rand.NewPCG(3, 3))
	topic, value := make([]byte, 0, 100), make([]byte, 0, 100)
	b.ReportAllocs()
	for b.Loop() {
		topic, value, _ = r.Load(refs[x.IntN(len(refs))], topic[:0], value[:0])
	}
}

// BenchmarkMatchHostile: filters made so that a topic leads into as many branches as can be.
func BenchmarkMatchHostile(b *testing.B) {
	for _, c := range []struct {
		name            string
		filters, levels int
		topic           []byte
	}{
		{"10,000 of 40 levels, none matches", 10_000, 40, plusses(0, 40, "x")},
		{"10,000 shapes of 14 levels, none matches", 10_000, 14, plusses(0, 14, "x")},
		{"10,000 shapes of 14 levels, other topic", 10_000, 14, []byte("site/12/dev/1012/temp")},
		{"10,000 of 40 levels, 32,768 empty levels", 10_000, 40, make([]byte, 0)},
	} {
		b.Run(c.name, func(b *testing.B) {
			x := NewIndex()
			r := rand.New(rand.NewPCG(1, 1))
			for range c.filters {
				x.Subscribe(plusses(r.Uint32(), c.levels, "y"), Sub{Ref: 1})
			}
			topic := c.topic
			if len(topic) == 0 {
				topic = bytes.Repeat(slash, 32767)
			}
			var dst []Sub
			visited := 0
			for b.Loop() {
				dst = x.Match(topic, dst[:0])
			}
			_, visited = x.deep.match(topic, nil)
			b.ReportMetric(float64(visited), "nodes")
		})
	}
}
