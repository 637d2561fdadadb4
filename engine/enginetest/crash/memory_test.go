package crash

import (
	"fmt"
	"testing"
)

// The broker is lost at random moments, with what its store had committed by then; the store is the one in memory, so that
// what fails here is the engine's.
func TestCrashesBetweenCommitsKeepThePromises(t *testing.T) {
	for loops := 1; loops <= 3; loops++ {
		t.Run(fmt.Sprint(loops, " loops"), func(t *testing.T) {
			seeded(t, func(t *testing.T, seed uint64) Counts {
				h := newHome(t, seed, loops)
				h.onMemory()
				h.settle()
				f := Launch(NewPlan(seed), h.address)
				for range 6 {
					h.pause()
					h.crash(f, 0, nil)
				}
				c := verdict(t, f, h.forward)
				h.idle()
				return c
			})
		})
	}
}
