package transcript

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
)

var (
	chaosFirst = flag.Uint64("chaos.first", 1, "first of the random schedules")
	chaosRuns  = flag.Uint64("chaos.runs", 40, "how many random schedules")
)

// Clients come, go and hop, commits happen now and then, and the broker crashes several times: in every schedule the
// promises hold that TestACrashAtAnyCommitKeepsThePromises looks at.
func TestRandomCrashesKeepThePromises(t *testing.T) {
	for seed := *chaosFirst; seed < *chaosFirst+*chaosRuns; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			chaos(t, rand.New(rand.NewPCG(seed, 0)))
		})
	}
}

func chaos(t *testing.T, r *rand.Rand) {
	s := newScenario(t)
	defer s.end()
	windows := []int{0, 1, 3}
	c := newCast(s, 30, windows[r.IntN(len(windows))], []int{0, 1}[:1+r.IntN(2)]...)
	var log []string
	for range 30 {
		log = append(log, c.stir(r))
		if r.IntN(4) > 0 {
			s.settle()
			log = append(log, "settle")
		}
	}
	s.at = fmt.Sprint(log)
	c.finish(t, func() int { return r.IntN(2) })
}

// stir does something, and says what.
func (c *cast) stir(r *rand.Rand) string {
	i, loop := r.IntN(len(c.subs)), r.IntN(2)
	switch n := r.IntN(20); {
	case n < 6:
		c.publish(c.published + 1)
		return "publish"
	case n < 12:
		c.s.rig.gate.step()
		return "commit"
	case n < 15:
		c.subs[i].connect(c.s, loop, false)
		return fmt.Sprintf("s%d@%d", i, loop)
	case n < 17:
		c.pub.connect(c.s, loop, false)
		return fmt.Sprintf("p@%d", loop)
	case n < 19:
		c.subs[i].c.close()
		return fmt.Sprintf("drop s%d", i)
	}
	c.crash()
	return "crash"
}
