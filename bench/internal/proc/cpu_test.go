package proc

import (
	"testing"
	"time"
)

func TestAThreadThatEndedKeepsItsTime(t *testing.T) {
	var sum threads
	for i, step := range []struct {
		now  map[int]time.Duration
		want time.Duration
	}{
		{map[int]time.Duration{1: 10, 2: 5}, 15},
		{map[int]time.Duration{1: 12}, 17},         // 2 has ended
		{map[int]time.Duration{1: 12, 2: 1}, 18},   // another thread has its number
		{map[int]time.Duration{1: 12, 2: 9}, 26},   // and works on
		{map[int]time.Duration{1: 3, 2: 9}, 29},    // 1 ended and its number was taken between two readings
		{map[int]time.Duration{}, 29},              // all have ended
		{map[int]time.Duration{7: 100, 8: 1}, 130}, // and others begun
	} {
		if got := sum.add(step.now); got != step.want {
			t.Errorf("reading %d, %v: got %v, want %v", i, step.now, got, step.want)
		}
	}
}

func TestOthersIsWhatNobodyOfUsUsed(t *testing.T) {
	from := Clock{Busy: 10 * time.Second, Total: 100 * time.Second}
	for _, tt := range []struct {
		to   Clock
		used []time.Duration
		want float64
	}{
		{Clock{Busy: 13 * time.Second, Total: 104 * time.Second}, []time.Duration{time.Second, time.Second}, 0.25},
		{Clock{Busy: 13 * time.Second, Total: 104 * time.Second}, nil, 0.75},
		{Clock{Busy: 11 * time.Second, Total: 104 * time.Second}, []time.Duration{2 * time.Second}, 0}, // ticks are coarse
		{from, nil, 0},
	} {
		if got := Others(from, tt.to, tt.used...); got != tt.want {
			t.Errorf("Others(%v, %v, %v): got %v, want %v", from, tt.to, tt.used, got, tt.want)
		}
	}
}
