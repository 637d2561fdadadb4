package flow

import (
	"math/rand/v2"
	"testing"
)

func TestIdmapAgreesWithAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var ids idmap[uint64]
	twin := map[uint16]uint64{}
	for i := range 200000 {
		id := uint16(r.IntN(40)*64+r.IntN(3)) + 1 // low bits collide
		switch {
		case i%40000 > 35000: // drain
			for id = range twin {
				break
			}
		case r.IntN(20) == 0:
			id = uint16(65530 + r.IntN(6))
		}
		want, in := twin[id]
		if v := ids.find(id); (v != nil) != in || in && *v != want {
			t.Fatalf("step %d id %d: got %v, want in=%v %d", i, id, v, in, want)
		}
		if in {
			delete(twin, id)
			ids.drop(id)
		} else {
			v := r.Uint64()
			twin[id] = v
			*ids.get(id) = v
		}
		if ids.len() != len(twin) {
			t.Fatalf("step %d: got %d entries, want %d", i, ids.len(), len(twin))
		}
	}
	ids.all(func(id uint16, v *uint64) {
		if want, in := twin[id]; !in || *v != want {
			t.Errorf("left id %d: got %d, want %d (%v)", id, *v, want, in)
		}
	})
}
