package crash

import (
	"math/rand/v2"
	"testing"
	"time"
)

// killings lets a fleet go on against processes that are killed.
func killings(t *testing.T, seed uint64, n int, lossy bool, args ...string) Counts {
	t.Helper()
	v := newVictim(t, args...)
	f := Launch(NewPlan(seed), v.address)
	if lossy {
		go v.watch(f.Ledger)
	}
	rng := rand.New(rand.NewPCG(seed, 3))
	for range n {
		time.Sleep(time.Duration(50+rng.IntN(250)) * time.Millisecond)
		v.kill(f, lossy)
	}
	c := verdict(t, f, nil)
	v.stop()
	return c
}

func TestKill9TakesNothingInAnyMode(t *testing.T) {
	for _, mode := range []string{"always", "interval", "none"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			seeded(t, func(t *testing.T, seed uint64) Counts {
				return killings(t, seed, 3, false, "-sync", mode, "-segment", "262144")
			})
		})
	}
}

func TestAPowerCutOfAProcessTakesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	seeded(t, func(t *testing.T, seed uint64) Counts {
		return killings(t, seed, 4, false, "-volatile", "-lag", "3ms", "-segment", "262144")
	})
}

// Where nothing is synced a power cut takes messages that were acknowledged: the tests above can fail.
func TestTheClientsNoticeWhatIsNotSynced(t *testing.T) {
	t.Parallel()
	seeded(t, func(t *testing.T, seed uint64) Counts {
		v := newVictim(t, "-volatile", "-sync", "none")
		plan := NewPlan(seed)
		plan.Patience /= 10
		f := Launch(plan, v.address)
		time.Sleep(300 * time.Millisecond)
		v.kill(f, false)
		f.Drain()
		kinds := map[Kind]int{}
		for _, fault := range f.End() {
			kinds[fault.Kind]++
		}
		if kinds[Lost]+kinds[Ended] == 0 {
			t.Errorf("nothing was synced before the power cut: got the faults %v, want messages or sessions that were lost", kinds)
		}
		return f.Ledger.Counts()
	})
}
