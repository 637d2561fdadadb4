package seglog

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// workload makes batches like the engine's: a message of 200 bytes for one session, and the acknowledgement of the one that
// came so many before.
type workload struct {
	next    uint64
	lag     uint64
	payload []byte
	to      [1]store.Delivery
}

func (w *workload) fill(b *store.Batch) {
	w.next++
	m := store.Message{ID: w.next, Topic: []byte("plant/7/line/3/temperature"), Payload: w.payload, QoS: 1, Publisher: 3}
	b.Reset()
	b.Message(&m)
	w.to[0] = store.Delivery{Session: 1, Seq: w.next, QoS: 1}
	b.Enqueue(w.next, w.to[:])
	if w.next > w.lag {
		b.Ack(1, w.next-w.lag)
	}
}

func openBench(b *testing.B, o Options) *Log {
	b.Helper()
	o.Dir = b.TempDir()
	g := New(o)
	if err := g.Recover(b.Context(), func(*store.Record) error { return nil }); err != nil {
		b.Fatal(err)
	}
	var first store.Batch
	first.Session(&store.Session{ID: 1, ClientID: []byte("c"), Expiry: 60})
	g.Append(&first, nil)
	return g
}

func processTime() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// report adds what the files and the processors had to do.
func report(b *testing.B, g *Log, cpu time.Duration, payload int) {
	s := g.Stats()
	n := float64(b.N)
	b.ReportMetric(float64(s.Syncs)/n, "syncs/op")
	b.ReportMetric(float64(s.WrittenBytes)/n/float64(payload), "written/payload")
	b.ReportMetric(float64(cpu.Nanoseconds())/n, "cpu-ns/op")
}

// BenchmarkAppend keeps so many batches under way, as clients do that wait for their acknowledgements.
func BenchmarkAppend(b *testing.B) {
	for _, mode := range []Sync{SyncAlways, SyncInterval, SyncNone} {
		for _, flying := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("%v/flying=%d", mode, flying), func(b *testing.B) {
				const payload = 200
				g := openBench(b, Options{Sync: mode})
				w := workload{lag: 10_000, payload: make([]byte, payload)}
				free := make(chan *store.Batch, flying)
				for range flying {
					free <- new(store.Batch)
				}
				b.ReportAllocs()
				b.ResetTimer()
				cpu := processTime()
				for range b.N {
					batch := <-free
					w.fill(batch)
					g.Append(batch, func(err error) { free <- batch })
				}
				for range flying {
					<-free
				}
				cpu = processTime() - cpu
				b.StopTimer()
				report(b, g, cpu, payload)
				if err := g.Close(b.Context()); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
