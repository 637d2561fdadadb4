package trie

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// driveIndex does the same random things to an index and to its twin and compares all that can be seen.
func driveIndex(t *testing.T, x *Index, r *rand.Rand, steps, levels, refs int) {
	t.Helper()
	twin := indexTwin{}
	type held struct {
		filter string
		who    uint32
	}
	handles := map[held]Handle{}
	var stale []Handle
	for step := range steps {
		f := randomFilter(r, levels)
		who := uint32(r.IntN(refs))
		switch op := r.IntN(10); {
		case op < 5:
			s := Sub{who, r.Uint32(), r.Uint32()}
			h, old, existed := x.Subscribe([]byte(f), s)
			wantOld, wantExisted := twin.subscribe(f, s)
			if old != wantOld || existed != wantExisted || h == 0 {
				t.Fatalf("step %d: Subscribe(%q, %v) = %v %v %v, want old %v %v", step, f, s, h, old, existed, wantOld, wantExisted)
			}
			if known := handles[held{f, who}]; existed && known != h {
				t.Fatalf("step %d: Subscribe(%q, %d) gave handle %x, it was %x", step, f, who, h, known)
			}
			handles[held{f, who}] = h
		case op < 7:
			h, old, ok := x.Unsubscribe([]byte(f), who)
			wantOld, wantOK := twin.unsubscribe(f, who)
			if old != wantOld || ok != wantOK || ok && h != handles[held{f, who}] {
				t.Fatalf("step %d: Unsubscribe(%q, %d) = %x %v %v, want %x %v %v", step, f, who, h, old, ok, handles[held{f, who}], wantOld, wantOK)
			}
		case op < 9:
			h := handles[held{f, who}]
			if h == 0 {
				continue
			}
			name, s, ok := x.Get(h, who, []byte("x"))
			if want, wantOK := twin[f][who]; s != want || ok != wantOK || ok && string(name) != "x"+f {
				t.Fatalf("step %d: Get(%q, %d) = %q %v %v, want %v %v", step, f, who, name, s, ok, want, wantOK)
			}
			old, ok := x.Remove(h, who)
			wantOld, wantOK := twin.unsubscribe(f, who)
			if old != wantOld || ok != wantOK {
				t.Fatalf("step %d: Remove(%q, %d) = %v %v, want %v %v", step, f, who, old, ok, wantOld, wantOK)
			}
		default:
			for _, h := range stale[max(0, len(stale)-20):] {
				if s, ok := x.Remove(h, who); ok {
					t.Fatalf("step %d: a handle of a filter that was gone removed %v", step, s)
				}
			}
		}
		if h := handles[held{f, who}]; twin[f] == nil && h != 0 {
			stale = append(stale, h)
			delete(handles, held{f, who})
		}
		topic := randomTopic(r, levels)
		got, want := sortSubs(x.Match([]byte(topic), nil)), sortSubs(twin.match(topic))
		if !slices.Equal(got, want) {
			t.Fatalf("step %d: Match(%q)\n got %v\nwant %v", step, topic, got, want)
		}
		if step%16 == 0 && x.Len() != twin.len() {
			t.Fatalf("step %d: Len = %d, want %d", step, x.Len(), twin.len())
		}
	}
	for f, subs := range twin {
		for who := range subs {
			if _, _, ok := x.Unsubscribe([]byte(f), who); !ok {
				t.Fatalf("Unsubscribe(%q, %d) found nothing at the end", f, who)
			}
		}
	}
	checkEmpty(t, x)
}

func checkEmpty(t *testing.T, x *Index) {
	t.Helper()
	if x.Len() != 0 || x.Filters() != 0 || x.deep.live != 0 || x.deep.count.Load() != 0 {
		t.Errorf("left: %d subscriptions, %d filters, %d nodes and %d filters in the fallback", x.Len(), x.Filters(), x.deep.live, x.deep.count.Load())
	}
	for n, list := range *x.shapes.plan.Load() {
		if len(list) != 0 {
			t.Errorf("left: %d shapes for topics of %d levels", len(list), n)
		}
	}
	if len(x.shapes.known) != 0 {
		t.Errorf("left: %d shapes", len(x.shapes.known))
	}
	for i := range x.shards {
		if b := x.shards[i].heap; b.blocksInUse() != 0 || len(x.shards[i].lists) != len(x.shards[i].spare) {
			t.Errorf("left in shard %d: %d blocks, %d lists", i, b.blocksInUse(), len(x.shards[i].lists)-len(x.shards[i].spare))
		}
	}
}

func (h *heap) blocksInUse() (n int) {
	for _, p := range h.pages {
		n += int(p.used)
	}
	return n + len(h.large) - len(h.freeLarge)
}

func TestIndexAgreesWithItsTwin(t *testing.T) {
	for seed := range uint64(3) {
		for _, c := range []struct {
			name                string
			keys                *keys
			steps, levels, refs int
		}{
			{"few levels", processKeys, 2000, 3, 6},
			{"many levels", processKeys, 2000, 8, 3},
			{"more levels than a shape", processKeys, 500, 40, 2},
			{"long lists", processKeys, 2000, 1, 300},
			{"equal hashes", weakKeys(), 1200, 4, 4},
		} {
			t.Run(fmt.Sprintf("%s/%d", c.name, seed), func(t *testing.T) {
				driveIndex(t, newIndex(c.keys), newRand(t, seed), c.steps, c.levels, c.refs)
			})
		}
	}
}
