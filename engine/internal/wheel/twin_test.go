package wheel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// twin is the plainest set of timers: it looks at all of them.
type twin struct {
	now    uint32
	timers map[uint64]uint32 // data -> tick
}

func (tw *twin) add(data uint64, at uint32) {
	if ahead := int32(at - tw.now); ahead > horizon {
		at = tw.now + horizon
	}
	tw.timers[data] = at
}

func (tw *twin) advance(now uint32) (fired []uint64) {
	for d, at := range tw.timers {
		if int32(at-now) <= 0 || int32(at-tw.now) <= 0 {
			fired = append(fired, d)
			delete(tw.timers, d)
		}
	}
	if int32(now-tw.now) > 0 {
		tw.now = now
	}
	slices.Sort(fired)
	return fired
}

// distance makes small and large distances about as likely, around the borders of the levels too.
func distance(op, arg uint32) uint32 {
	switch op >> 2 & 7 {
	case 0:
		return arg & 3
	case 1:
		return arg
	case 2:
		return 250 + arg&15
	case 3:
		return arg << 4
	case 4:
		return 65530 + arg&15
	case 5:
		return arg << 10
	case 6:
		return arg << 15
	}
	return -(arg & 7)
}

func FuzzWheelAgreesWithItsTwin(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		ops := make([]byte, 300)
		for i := range ops {
			ops[i] = byte(r.Uint32())
		}
		f.Add(r.Uint32(), ops)
	}
	f.Add(uint32(0), []byte{16, 8, 3, 255, 19, 20})
	f.Fuzz(func(t *testing.T, start uint32, ops []byte) {
		if len(ops) > 300 {
			ops = ops[:300]
		}
		w, tw := New(start), &twin{now: start, timers: map[uint64]uint32{}}
		var ids []ID // by data; 0: gone
		for i := 0; i+1 < len(ops); i += 2 {
			op, arg := uint32(ops[i]), uint32(ops[i+1])
			d := distance(op, arg)
			switch op & 3 {
			case 0, 1:
				tw.add(uint64(len(ids)), tw.now+d)
				ids = append(ids, w.Add(w.Now()+d, uint64(len(ids))))
			case 2:
				if len(ids) == 0 {
					continue
				}
				k := int(op>>5+arg) % len(ids)
				switch {
				case ids[k] == 0:
				case op&16 == 0:
					w.Del(ids[k])
					delete(tw.timers, uint64(k))
					ids[k] = 0
				default:
					w.Reset(ids[k], w.Now()+d)
					tw.add(uint64(k), tw.now+d)
				}
			case 3:
				got := fired(w, w.Now()+d)
				slices.Sort(got)
				want := tw.advance(tw.now + d)
				if !slices.Equal(got, want) {
					t.Fatalf("step %d, advance by %d to %d: got %v fired, want %v", i, int32(d), w.Now(), got, want)
				}
				for _, k := range got {
					ids[k] = 0
				}
			}
			if w.Len() != len(tw.timers) || w.Now() != tw.now {
				t.Fatalf("step %d: got %d timers at %d, want %d at %d", i, w.Len(), w.Now(), len(tw.timers), tw.now)
			}
		}
	})
}
