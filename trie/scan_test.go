package trie

import (
	"fmt"
	"testing"
)

func TestScanMayStopAnywhereAndDropsWhatItIsTold(t *testing.T) {
	r := NewRetained()
	const n = 1000
	for i := range n {
		r.Set(fmt.Appendf(nil, "t/%d/x", i), fmt.Append(nil, i))
	}
	seen, calls := map[string]int{}, 0
	for cursor := uint64(0); ; {
		visits := 0
		cursor = r.Scan(cursor, 7, func(topic, value []byte) bool {
			visits++
			seen[string(topic)]++
			if string(topic) != fmt.Sprintf("t/%s/x", value) {
				t.Errorf("Scan showed %q with value %q", topic, value)
			}
			return len(value)%2 == 1
		})
		if calls++; visits > 7 || calls > 100*n {
			t.Fatalf("call %d visited %d values, want at most 7", calls, visits)
		}
		if cursor == 0 {
			break
		}
	}
	if len(seen) != n {
		t.Errorf("Scan showed %d topics of %d", len(seen), n)
	}
	for topic, times := range seen {
		if _, ok := r.Get([]byte(topic), nil); times != 1 || ok != (len(topic)%2 == 0) { // "t//x" has 4 bytes
			t.Errorf("%q was shown %d times and is there: %v", topic, times, ok)
		}
	}
}
