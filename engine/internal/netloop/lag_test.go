package netloop

import (
	"testing"
	"time"
)

// sum is how many ticks were counted.
func (g Lag) sum() (n uint64) {
	for _, c := range g.Counts {
		n += c
	}
	return n
}

func TestALoopThatIsHeldUpIsLate(t *testing.T) {
	gate, held := make(chan struct{}), make(chan struct{})
	var once bool
	e := start(t, 1, &hooks{wake: func(*Loop) {
		if !once {
			once = true
			close(held)
			<-gate
		}
	}})
	l := e.Loops()[0]
	eventually(t, "ticks", func() bool { return l.Lag().sum() > 2 })
	l.Wake()
	<-held
	const hold = 60 * time.Millisecond
	eventually(t, "an open tick", func() bool { return l.Lag().Open > hold })
	before := l.Lag()
	close(gate)
	eventually(t, "the late tick", func() bool { return l.Lag().sum() > before.sum() })
	after := l.Lag()
	if grown := after.Sum - before.Sum; grown < hold {
		t.Errorf("a tick waited %s, and the lag grew by %s only", hold, grown)
	}
	late := uint64(0)
	for i, n := range after.Counts {
		if i == len(LagBounds) || LagBounds[i] > hold {
			late += n
		}
	}
	if late == 0 {
		t.Errorf("no tick was counted above %s: %v", hold, after.Counts)
	}
}
