package seglog

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// Queues are filled in the orders that logs have: ascending; runs that reclaim has interleaved; backwards; at random.
func TestAQueueIsInOrderWhateverOrderItIsFilledIn(t *testing.T) {
	const n = 2000
	orders := map[string]func(i int) uint64{
		"ascending":   func(i int) uint64 { return uint64(i) },
		"backwards":   func(i int) uint64 { return uint64(n - i) },
		"three runs":  func(i int) uint64 { return uint64(i%3*n + i/3) },
		"moved":       func(i int) uint64 { return uint64((i + n/2) % n) },
		"at random":   func(i int) uint64 { return uint64(i*7919) % 10007 },
		"nearly":      func(i int) uint64 { return uint64(i ^ 3) },
		"largest":     func(i int) uint64 { return 1<<64 - 1 - uint64(i) },
		"again, same": func(i int) uint64 { return uint64(i % (n / 2)) },
	}
	for name, order := range orders {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			var q deliveries
			want := map[uint64]uint64{}
			for i := range n {
				seq := order(i)
				where, there := q.find(seq)
				if _, twin := want[seq]; there != twin {
					t.Fatalf("find %d: got %v, want %v", seq, there, twin)
				}
				if !there {
					q.insert(where, delivery{seq: seq, message: uint64(i)})
					want[seq] = uint64(i)
				}
				if r.IntN(3) > 0 || len(want) == 0 {
					continue
				}
				seq = order(r.IntN(i + 1))
				where, there = q.find(seq)
				if _, twin := want[seq]; there != twin {
					t.Fatalf("find %d: got %v, want %v", seq, there, twin)
				}
				if there {
					q.remove(where)
					delete(want, seq)
				}
			}
			compareQueue(t, &q, want)
			for _, seq := range slices.Sorted(maps.Keys(want)) {
				where, there := q.find(seq)
				if d := q.get(seq); !there || d.message != want[seq] {
					t.Fatalf("get %d: got %+v, want message %d", seq, d, want[seq])
				}
				q.remove(where)
			}
			if q.len() != 0 || cap(q.head) > chunkKept || len(q.more) > 0 {
				t.Errorf("emptied: got %d entries, room for %d", q.len(), cap(q.head))
			}
		})
	}
}

func compareQueue(t *testing.T, q *deliveries, want map[uint64]uint64) {
	t.Helper()
	var got []uint64
	q.all(func(d *delivery) bool {
		if want[d.seq] != d.message {
			t.Errorf("entry %d: got message %d, want %d", d.seq, d.message, want[d.seq])
		}
		got = append(got, d.seq)
		return true
	})
	if !slices.Equal(got, slices.Sorted(maps.Keys(want))) || q.len() != len(want) {
		t.Fatalf("got %d entries, want %d in order", len(got), len(want))
	}
	for _, c := range q.more {
		if len(c) == 0 || len(c) > chunkSize {
			t.Errorf("got a chunk of %d", len(c))
		}
	}
}

func TestASmallMapIsAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, keys := range []int{3, smallSize, 3 * smallSize} {
		var s small[uint16, int]
		want := map[uint16]int{}
		for i := range 3000 {
			key := uint16(r.IntN(keys))
			if r.IntN(5) < 2+i%3000/1500 { // it grows, and shrinks again
				s.remove(key)
				delete(want, key)
			} else {
				s.put(key, i)
				want[key] = i
			}
			got := map[uint16]int{}
			s.all(func(k uint16, v int) { got[k] = v })
			v, ok := s.get(key)
			w, there := want[key]
			if !maps.Equal(got, want) || s.len() != len(want) || v != w || ok != there {
				t.Fatalf("%d keys, step %d: got %v, want %v", keys, i, got, want)
			}
		}
		s.all(func(k uint16, _ int) { s.remove(k) })
		if s.len() != 0 {
			t.Errorf("%d keys: got %d after all were removed in a visit", keys, s.len())
		}
	}
}

func BenchmarkQueueOfOneMillion(b *testing.B) {
	for _, order := range []string{"ascending", "three runs"} {
		b.Run(order, func(b *testing.B) {
			for b.Loop() {
				var q deliveries
				const n = 1 << 20
				for i := range uint64(n) {
					seq := i
					if order == "three runs" {
						seq = i%3*n + i/3
					}
					where, _ := q.find(seq)
					q.insert(where, delivery{seq: seq})
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(1<<20), "ns/entry")
		})
	}
}
