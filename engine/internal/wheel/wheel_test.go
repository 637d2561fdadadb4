package wheel

import (
	"fmt"
	"slices"
	"testing"
	"unsafe"
)

// fired advances to now until nothing more is due and returns the data of what fired, in order.
func fired(w *Wheel, now uint32) (got []uint64) {
	for w.Advance(now, func(d uint64) { got = append(got, d) }) {
	}
	return got
}

func wantFired(t *testing.T, w *Wheel, now uint32, want ...uint64) {
	t.Helper()
	if got := fired(w, now); !slices.Equal(got, want) {
		t.Errorf("advance to %d: got %v fired, want %v", now, got, want)
	}
}

func TestTimersFireAtTheirTickOnEachLevel(t *testing.T) {
	for _, start := range []uint32{0, 1, 255, 256, 65535, 65536, 1<<24 - 1, 1<<32 - 300} {
		for _, ahead := range []uint32{1, 2, 255, 256, 257, 511, 512, 65535, 65536, 65537, 131072, 1 << 20, horizon} {
			t.Run(fmt.Sprint(start, "+", ahead), func(t *testing.T) {
				w := New(start)
				w.Add(start+ahead, 7)
				wantFired(t, w, start+ahead-1)
				wantFired(t, w, start+ahead, 7)
				if w.Len() != 0 {
					t.Errorf("got %d timers left, want 0", w.Len())
				}
			})
		}
	}
}

func TestTimersOfOneTickFireInTheOrderTheyWereAdded(t *testing.T) {
	w := New(0)
	for i := range uint64(5) {
		w.Add(10, i)
	}
	wantFired(t, w, 10, 0, 1, 2, 3, 4)
}

func TestATimerInThePastFiresWithTheNextAdvance(t *testing.T) {
	w := New(100)
	w.Add(100, 1)
	w.Add(7, 2)
	wantFired(t, w, 100, 1, 2)
}

func TestATimerBeyondTheHorizonFiresEarly(t *testing.T) {
	w := New(5)
	w.Add(5+horizon+1000, 1)
	wantFired(t, w, 5+horizon-1)
	wantFired(t, w, 5+horizon, 1)
}

func TestDeletedTimersDoNotFire(t *testing.T) {
	w := New(0)
	a, b := w.Add(3, 1), w.Add(70000, 2)
	w.Add(3, 3)
	w.Del(a)
	w.Del(b)
	w.Del(0)
	w.Del(b) // twice, and not given again in between
	wantFired(t, w, 80000, 3)
}

func TestResetMovesATimer(t *testing.T) {
	w := New(0)
	id := w.Add(3, 1)
	w.Reset(id, 500)
	wantFired(t, w, 499)
	w.Reset(id, 100000)
	wantFired(t, w, 99999)
	wantFired(t, w, 100000, 1)
}

func TestFireMayAddDeleteAndReset(t *testing.T) {
	w := New(0)
	w.Add(10, 1)
	doomed, moved := w.Add(10, 2), w.Add(10, 3)
	var got []uint64
	w.Advance(20, func(d uint64) {
		got = append(got, d)
		switch d {
		case 1:
			w.Del(doomed)
			w.Reset(moved, 15)
			w.Add(10, 4) // due in this tick
			w.Add(12, 5)
		case 5:
			w.Add(21, 6)
		}
	})
	if want := []uint64{1, 4, 5, 3}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	wantFired(t, w, 21, 6)
}

func TestWorkIsBoundedAndNothingIsLost(t *testing.T) {
	const n = 200000
	w := New(0)
	ids := make([]ID, n)
	for i := range ids {
		ids[i] = w.Add(70000+uint32(i%2), uint64(i)) // one bucket of level 2, then two of level 0
	}
	seen := make([]bool, n)
	calls, most := 0, 0
	for more := true; more; calls++ {
		count := 0
		more = w.Advance(70001, func(d uint64) { seen[d] = true; count++ })
		most = max(most, count)
		if calls == 2 { // in the middle of a cascade
			w.Del(ids[n-1])
			w.Reset(ids[n-2], 80000)
		}
	}
	if most > budget/fireCost+1 {
		t.Errorf("got %d fired in one call, want at most %d", most, budget/fireCost+1)
	}
	for i, s := range seen {
		if want := i < n-2; s != want {
			t.Fatalf("timer %d: got fired %v, want %v", i, s, want)
		}
	}
	wantFired(t, w, 80000, n-2)
}

func TestAnEmptyWheelJumps(t *testing.T) {
	w := New(0)
	if w.Advance(4_000_000, nil) || w.Now() != 4_000_000 {
		t.Errorf("got now %d, want 4000000 in one call", w.Now())
	}
}

func TestATimerIsSmallAndReused(t *testing.T) {
	if got := unsafe.Sizeof(node{}); got > 24 {
		t.Errorf("node: got %d bytes, want at most 24", got)
	}
	w := New(0)
	now := uint32(0)
	run := func() {
		for i := range uint32(100) {
			w.Del(w.Add(now+i, 0))
			w.Add(now+1, 0)
		}
		now++
		w.Advance(now, func(uint64) {})
	}
	run()
	if got := testing.AllocsPerRun(100, run); got != 0 {
		t.Errorf("allocations per tick: got %v, want 0", got)
	}
	if len(w.slabs) != 1 {
		t.Errorf("got %d slabs for 100 timers at a time, want 1", len(w.slabs))
	}
}

func BenchmarkAddDel(b *testing.B) {
	w := New(0)
	for i := range uint32(1_000_000) {
		w.Add(i%36000+1, 0)
	}
	b.ReportAllocs()
	at := uint32(0)
	for b.Loop() {
		at = at*1664525 + 1013904223
		w.Del(w.Add(at%36000+1, 0))
	}
}

// A million connections that are checked each 600 to 3,600 ticks, as keep alive does.
func BenchmarkTickWithAMillionTimers(b *testing.B) {
	w := New(0)
	for i := range uint32(1_000_000) {
		w.Add(i%3000+600, uint64(i))
	}
	now := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		now++
		for w.Advance(now, func(d uint64) { w.Add(now+600+uint32(d%3000), d) }) {
		}
	}
}
