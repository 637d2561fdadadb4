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
