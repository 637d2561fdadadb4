package transcript

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
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
	s.mem = store.NewMemory()
	s.command("broker store=given pool=30")
	got := &received{}
	members := 1 + r.IntN(2)
	filter := "subscribe t,q2"
	if members > 1 {
		filter = "subscribe $share/g/t,q2"
	}
	window := []int{0, 1, 3}[r.IntN(3)]
	pub := newPeer(got, 0)
	var subs []*peer
	for i := range members {
		sub := newPeer(got, window)
		sub.connect(s, fmt.Sprint("s", i), i%2, true)
		sub.c.await()
		sub.c.send(sub.c.encode(parse(s, filter)))
		sub.c.await()
		subs = append(subs, sub)
	}
	pub.connect(s, "p", 0, true)
	pub.c.await()
	s.settle()
	s.rig.gate.delay(true)
	published := 0
	var log []string
	for range 30 {
		what := ""
		switch n := r.IntN(20); {
		case n < 6:
			if published < sent {
				pub.publish(fmt.Sprint(published), byte(1+published%2))
				published++
				what = "publish"
			}
		case n < 12:
			s.rig.gate.step()
			what = "commit"
		case n < 15:
			i, loop := r.IntN(members), r.IntN(2)
			subs[i].connect(s, fmt.Sprint("s", i), loop, false)
			what = fmt.Sprintf("s%d@%d", i, loop)
		case n < 17:
			loop := r.IntN(2)
			pub.connect(s, "p", loop, false)
			what = fmt.Sprintf("p@%d", loop)
		case n < 19:
			i := r.IntN(members)
			subs[i].c.close()
			what = fmt.Sprintf("drop s%d", i)
		default:
			s.command("crash")
			s.clients = nil
			s.rig.gate.delay(true)
			what = "crash"
		}
		log = append(log, what)
		if r.IntN(4) > 0 {
			s.settle()
			log = append(log, "settle")
		}
	}
	s.at = fmt.Sprint(log)
	s.rig.gate.delay(false)
	for i, sub := range subs {
		sub.connect(s, fmt.Sprint("s", i), r.IntN(2), false)
	}
	pub.connect(s, "p", r.IntN(2), false)
	for ; published < sent; published++ {
		pub.publish(fmt.Sprint(published), byte(1+published%2))
	}
	// Those who wait for a session come one after the other, and each hop takes its barrier. Of two connections of a client
	// that came at about the same time the broker may have taken the first for the later one.
	for range 10 {
		s.settle()
		for i, sub := range subs {
			if sub.c.state == over {
				sub.connect(s, fmt.Sprint("s", i), 0, false)
			}
		}
		if pub.c.state == over {
			pub.connect(s, "p", 0, false)
		}
	}
	got.check(t, s.at, members > 1)
	if len(pub.open) > 0 {
		t.Errorf("%s: %d messages were never acknowledged", s.at, len(pub.open))
	}
}
