package session

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A queue and a slice are swept side by side, from any place and with anything in front and behind.
func TestASweptQueueAgreesWithASlice(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		var q Queue
		var twin []Delivery
		seq := uint64(0)
		for range 200 {
			switch r.IntN(3) {
			case 0:
				for range r.IntN(20) {
					seq++
					d := Delivery{Seq: seq, Size: uint32(r.IntN(100))}
					q.Push(d)
					twin = append(twin, d)
				}
			case 1:
				for range min(r.IntN(6), len(twin)) {
					if got := q.Pop(); got.Seq != twin[0].Seq {
						t.Fatalf("seed %d: Pop gave %d, want %d", seed, got.Seq, twin[0].Seq)
					}
					twin = twin[1:]
				}
			default:
				from, n, share := r.IntN(len(twin)+2), r.IntN(12), r.IntN(4)
				drop := map[uint64]bool{}
				var kept, swept []uint64
				for i := from; i < min(from+n, len(twin)); i++ {
					if drop[twin[i].Seq] = r.IntN(3) < share; drop[twin[i].Seq] {
						swept = append(swept, twin[i].Seq)
					} else {
						kept = append(kept, twin[i].Seq)
					}
				}
				var got []uint64
				stay := q.Sweep(from, n, func(d *Delivery) bool {
					keep := !drop[d.Seq]
					if !keep {
						got = append(got, d.Seq)
						*d = Delivery{} // as its owner may
					}
					return keep
				})
				twin = slices.DeleteFunc(twin, func(d Delivery) bool { return drop[d.Seq] })
				if stay != len(kept) || !slices.Equal(got, swept) {
					t.Fatalf("seed %d: Sweep(%d, %d) kept %d and dropped %v, want %d and %v", seed, from, n, stay, got, len(kept), swept)
				}
			}
			check(t, seed, &q, twin)
		}
	}
}

func check(t *testing.T, seed uint64, q *Queue, twin []Delivery) {
	t.Helper()
	bytes := 0
	var want, got []uint64
	for _, d := range twin {
		want = append(want, d.Seq)
		bytes += int(d.Size)
	}
	q.Each(func(d *Delivery) { got = append(got, d.Seq) })
	if !slices.Equal(got, want) || q.Len() != len(twin) || q.Bytes() != bytes {
		t.Fatalf("seed %d: the queue has %v, %d of them in %d bytes, want %v in %d", seed, got, q.Len(), q.Bytes(), want, bytes)
	}
	if q.r == nil {
		return
	}
	for i := q.r.n; int(i) < len(q.r.list); i++ { // what is not in use refers to no message
		if *q.r.at(i) != (Delivery{}) {
			t.Fatalf("seed %d: place %d behind the end holds %d", seed, i-q.r.n, q.r.at(i).Seq)
		}
	}
}
