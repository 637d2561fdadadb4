package engine

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"testing"
)

// A thousand names come and go at random, beside a map that says what is right.
func TestNamesAgreeWithAMap(t *testing.T) {
	var got names
	seed, want := maphash.MakeSeed(), map[string]entry{}
	for i := range 20000 {
		id := fmt.Sprint("client-", rand.IntN(1000))
		hash := maphash.String(seed, id)
		e, had := want[id]
		if found := got.find(hash, id); (found != nil) != had || had && *found != e {
			t.Fatalf("step %d, %s: got %v, want %v %v", i, id, found, e, had)
		}
		switch {
		case !had:
			want[id] = entry{slot: uint32(i)}
			got.add(seed, hash, id, want[id])
		case i%2 == 0 || i > 15000:
			delete(want, id)
			got.remove(hash, id)
		}
		if got.n != len(want) {
			t.Fatalf("step %d: got %d names, want %d", i, got.n, len(want))
		}
	}
	for id := range want {
		got.remove(maphash.String(seed, id), id)
	}
	if got.chunks != nil || got.heads != nil {
		t.Errorf("without a name: got %d chunks and %d heads, want none", len(got.chunks), len(got.heads))
	}
}
