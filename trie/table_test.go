package trie

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

func TestTablesKeepUpWithChurn(t *testing.T) {
	x := NewIndex()
	r := newRand(t, 1)
	filter := func(i int) []byte { return fmt.Appendf(nil, "t/%d", i) }
	const n = 20_000
	there := make([]bool, n)
	for step := range 200_000 {
		i := r.IntN(n)
		if there[i] {
			x.Unsubscribe(filter(i), 1)
		} else if step < 150_000 {
			x.Subscribe(filter(i), Sub{Ref: 1})
		} else {
			continue
		}
		there[i] = !there[i]
	}
	for i, want := range there {
		if got := len(x.Match(filter(i), nil)) == 1; got != want {
			t.Fatalf("Match(%q) finds it: %v, want %v", filter(i), got, want)
		}
	}
	for i := range x.shards {
		s := &x.shards[i]
		if slots := s.table.size() / 4; slots > 64 && s.entries.used*4 < slots || s.table.used > slots {
			t.Errorf("shard %d has %d slots, %d of them used, for %d filters", i, slots, s.table.used, s.entries.used)
		}
	}
}

// TestWhatIsInATableIsSeenWithoutItsLock while others come, go, and make it grow and shrink.
func TestWhatIsInATableIsSeenWithoutItsLock(t *testing.T) {
	var s shard
	r := newRand(t, 1)
	stay := make([]uint32, 50)
	for i := range stay {
		stay[i] = r.Uint32()
		s.subscribe(stay[i], fmt.Appendf(nil, "stay/%d", i), Sub{})
	}
	var stop atomic.Bool
	var reading sync.WaitGroup
	reading.Go(func() {
		for !stop.Load() {
			for i, hash := range stay {
				if !s.may(hash) {
					t.Errorf("entry %d was not seen", i)
					return
				}
			}
		}
	})
	for range 5 {
		var passing []uint32
		for i := range 3000 {
			near := stay[r.IntN(len(stay))] + uint32(r.IntN(1<<20)) // among the others, in the same clusters
			s.mu.Lock()
			e, _, _, _, _ := s.subscribe(near, fmt.Appendf(nil, "pass/%d", i), Sub{})
			s.mu.Unlock()
			passing = append(passing, e)
		}
		r.Shuffle(len(passing), func(i, j int) { passing[i], passing[j] = passing[j], passing[i] })
		for _, e := range passing {
			s.mu.Lock()
			s.unsubscribe(e, 0)
			s.mu.Unlock()
		}
	}
	stop.Store(true)
	reading.Wait()
}
