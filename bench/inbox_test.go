package bench

import (
	"math/rand/v2"
	"testing"
)

func TestAnInboxAgreesWithASet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, spread := range []int{40, 1000, 65535} {
		var b inbox
		twin := map[uint16]bool{}
		for i := range 100_000 {
			id := uint16(1 + r.IntN(spread))
			if r.IntN(3) > 0 {
				if got, want := b.begin(id), !twin[id]; got != want {
					t.Fatalf("step %d: begin %d: got %v, want %v", i, id, got, want)
				}
				twin[id] = true
			} else {
				if got, want := b.end(id), twin[id]; got != want {
					t.Fatalf("step %d: end %d: got %v, want %v", i, id, got, want)
				}
				delete(twin, id)
			}
			if b.open != len(twin) {
				t.Fatalf("step %d: got %d open, want %d", i, b.open, len(twin))
			}
		}
	}
}
