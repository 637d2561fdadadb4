package trie

import "testing"

func TestPagedListAgreesWithAMap(t *testing.T) {
	var l pagedList
	twin := map[uint32]Sub{}
	r := newRand(t, 1)
	check := func() {
		t.Helper()
		all := l.appendPages(0, len(l.pages), nil)
		if len(all) != len(twin) || l.n != len(twin) {
			t.Fatalf("the list holds %d and counts %d, want %d", len(all), l.n, len(twin))
		}
		for _, s := range all {
			if twin[s.Ref] != s {
				t.Fatalf("the list has %v, want %v", s, twin[s.Ref])
			}
		}
	}
	for step := range 120_000 {
		who := uint32(r.IntN(12_000)) * 4099
		if grow := step < 40_000; r.IntN(10) < 2 != grow {
			s := Sub{who, r.Uint32(), 0}
			old, existed := l.add(s)
			if want, ok := twin[who]; old != want || existed != ok {
				t.Fatalf("add(%v) = %v %v, want %v %v", s, old, existed, want, ok)
			}
			twin[who] = s
		} else {
			old, ok := l.remove(who)
			if want, wantOK := twin[who]; old != want || ok != wantOK {
				t.Fatalf("remove(%d) = %v %v, want %v %v", who, old, ok, want, wantOK)
			}
			delete(twin, who)
		}
		if got, ok := l.get(who); ok != (twin[who] != Sub{}) && got != twin[who] {
			t.Fatalf("get(%d) = %v %v, want %v", who, got, ok, twin[who])
		}
		if step%10_000 == 0 {
			check()
			if dense := l.n*2 >= len(l.pages)*pageSubs-2*pageSubs; !dense {
				t.Errorf("%d subscriptions on %d pages", l.n, len(l.pages))
			}
		}
	}
	for who := range twin {
		if _, ok := l.remove(who); !ok {
			t.Fatalf("remove(%d) found nothing", who)
		}
	}
	if len(l.pages) != 0 || l.n != 0 {
		t.Errorf("the empty list has %d pages and counts %d", len(l.pages), l.n)
	}
}

// TestACopyInPiecesIsOnlySpoiltByMoves: who leaves a dense list leaves a hole; in a sparse one, and when the
// list ends, somebody may have moved behind the reader's back.
func TestACopyInPiecesIsOnlySpoiltByMoves(t *testing.T) {
	var s shard
	f := []byte("news")
	const n = 3 * pagesAtOnce * pageSubs
	var i uint32
	for who := range uint32(n) {
		i, _, _, _, _ = s.subscribe(1, f, Sub{Ref: who})
	}
	l := s.lists[s.slab.at(i).sub.Ref]
	moved := l.moved
	for who := range uint32(n / 3) {
		s.unsubscribe(i, who)
	}
	if all, done := s.copyList(l, moved, nil); !done || len(all) != n-n/3 {
		t.Errorf("a dense list of %d was copied: %v, %d", n-n/3, done, len(all))
	}
	for who := uint32(n / 3); who < n*2/3; who++ {
		s.unsubscribe(i, who)
	}
	if _, done := s.copyList(l, moved, nil); done {
		t.Error("some moved, but the copy was taken as whole")
	}
	for who := uint32(n) - 1; who >= n*2/3; who-- {
		s.unsubscribe(i, who)
	}
	if _, done := s.copyList(l, l.moved, nil); done {
		t.Error("the list is not used any more, but was copied")
	}
}
