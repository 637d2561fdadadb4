package bench

import (
	"math/rand/v2"
	"testing"
)

func TestAnOutboxAgreesWithAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var o outbox
	twin := map[uint16]wait{}
	var ids []uint16 // open ones
	for i := range 300_000 {
		switch target := (i / 5000) % 7 * 300; {
		case len(ids) < target || len(ids) == 0:
			qos := byte(1 + r.IntN(2))
			id := o.take(nil, qos, 0)
			if id == 0 || twin[id] != nothing {
				t.Fatalf("step %d: got identifier %d, which is %v", i, id, twin[id])
			}
			twin[id] = forPuback
			if qos == 2 {
				twin[id] = forPubrec
			}
			ids = append(ids, id)
		default:
			k := r.IntN(len(ids))
			id := ids[k]
			p := o.find(id, twin[id])
			if p == nil {
				t.Fatalf("step %d: identifier %d is gone, want one that waits for %v", i, id, twin[id])
			}
			if twin[id] == forPubrec {
				p.waits, twin[id] = forPubcomp, forPubcomp
				continue
			}
			o.end(p)
			delete(twin, id)
			ids[k] = ids[len(ids)-1]
			ids = ids[:len(ids)-1]
		}
		if o.open != len(twin) {
			t.Fatalf("step %d: got %d open, want %d", i, o.open, len(twin))
		}
	}
	for id := range uint16(65535) {
		for _, w := range []wait{forPuback, forPubrec, forPubcomp} {
			if got, want := o.find(id, w) != nil, twin[id] == w && id != 0; got != want {
				t.Fatalf("identifier %d waits for %v: got %v, want %v", id, w, got, want)
			}
		}
	}
}
