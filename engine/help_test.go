package engine

import (
	"io"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/fanout"
)

// A loop that does another's pass is busy with it; the other is not. Counted twice, two loops would seem to take more
// time than there was.
func TestTheTimeOfAHelpedPassCountsOnce(t *testing.T) {
	b, _ := twoLoops(t)
	const long = 20 * time.Millisecond
	spend := fanout.Item{Kind: itemCall, Arg: func(*loop) {
		for end := time.Now().Add(long); time.Now().Before(end); {
		}
	}}
	busy := func() (both time.Duration) {
		for i := range b.loops {
			onLoop(t, b, i, func(l *loop) { both += time.Duration(l.count.busy.n) })
		}
		return both
	}
	until(t, "a pass that is helped", func() (helped bool) {
		before := busy()
		onLoop(t, b, 0, func(*loop) {
			b.loops[1].inbox.PushOne(spend)
			helped = b.loops[1].nl.Help()
		})
		if took := busy() - before; helped && took > 3*long/2 {
			t.Errorf("%v in a helped pass were counted as %v", long, took)
		}
		return helped
	})
}

// What a loop does for others in one pass is little, also when it is little for each of them: they are many, and would
// have done it at the same time.
func TestAPassHelpsWithAFewDeliveriesInAll(t *testing.T) {
	b, addr := withLoops(t, 3, Parts{})
	for at := 1; at <= 2; at++ {
		for i := range maxLight/2 + 1 {
			nc := connOn(t, b, addr, at)
			sub := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("t")}}}
			say(t, nc, sub.AppendTo(hello(string(rune('a'+i))+string(rune('0'+at))), mqtt.V311, 0))
			if _, err := io.ReadFull(nc, make([]byte, 4+5)); err != nil {
				t.Fatal(err)
			}
		}
	}
	most, all := uint64(0), uint64(0)
	until(t, "passes that helped", func() bool {
		before := b.loops[0].count.helped.v.Load()
		onLoop(t, b, 0, func(l *loop) { l.publishOwn([]byte("t"), []byte("x"), 0, false, 0) })
		onLoop(t, b, 0, func(*loop) {}) // its pass is over
		n := b.loops[0].count.helped.v.Load() - before
		most, all = max(most, n), all+n
		return all >= 10
	})
	if most > 1 {
		t.Errorf("%d deliveries on each of 2 loops: one pass helped %d of them, want 1", maxLight/2+1, most)
	}
}
