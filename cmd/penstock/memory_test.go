package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestMemoryIsReturnedWhenItIsQuietAndWorthIt(t *testing.T) {
	const MB = 1 << 20
	for _, tt := range []struct {
		name        string
		before, now memoryUse
		want        bool
	}{
		{"after a storm", memoryUse{allocated: 500 * MB}, memoryUse{allocated: 500 * MB, live: 40 * MB, garbage: 30 * MB}, true},
		{"in the middle of one", memoryUse{allocated: 400 * MB}, memoryUse{allocated: 500 * MB, live: 40 * MB, garbage: 30 * MB}, false},
		{"a small program", memoryUse{}, memoryUse{live: 2 * MB, garbage: 3 * MB}, false},
		{"a little of much", memoryUse{}, memoryUse{live: 900 * MB, garbage: 90 * MB}, false},
		{"an eighth", memoryUse{}, memoryUse{live: 400 * MB, garbage: 51 * MB}, true},
		{"freed and kept", memoryUse{}, memoryUse{live: 4 * MB, idle: 60 * MB}, true},
	} {
		if got := tt.now.quiet(tt.before) && tt.now.worth(); got != tt.want {
			t.Errorf("%s: got %v, want %v (%+v)", tt.name, got, tt.want, tt.now)
		}
	}
}

func TestCollectionsAreMoreFrequentInALargeHeap(t *testing.T) {
	percent := percentSmall
	for _, step := range []struct {
		live uint64
		want int
	}{{3 << 20, 100}, {7 << 20, 100}, {8 << 20, 33}, {5 << 20, 33}, {3 << 20, 100}, {5 << 20, 100}} {
		if percent = (memoryUse{live: step.live}).percent(percent); percent != step.want {
			t.Fatalf("with %d bytes: got %d, want %d", step.live, percent, step.want)
		}
	}
}

var hoard [][]byte // what the compiler cannot keep alive on the stack

func TestMemoryOfAStormIsReturned(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // nobody else collects
	runtime.GC()
	meter := newMemoryMeter()
	hoard = make([][]byte, 64)
	for i := range hoard {
		hoard[i] = make([]byte, 1<<20)
	}
	hoard = nil
	if u := meter.look(); u.live+u.garbage < 64<<20 {
		t.Fatalf("with 64 MB of garbage: got %+v", u)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { tidyMemory(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	eventually(t, "most of it is given back", func() bool {
		u := meter.look()
		return u.live+u.garbage+u.idle < 32<<20
	})
}
