package crashtest

import (
	"maps"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// The model, the history and the store in memory agree on what batches mean.
func TestModelAgreesWithTheStoreInMemory(t *testing.T) {
	for seed := range uint64(6) {
		s := script{big: 10000, keeps: seed%2 == 0, legs: []leg{{Seed: seed}}}
		m, mem, h := newModel(s), store.NewMemory(), history{}
		for range 300 {
			var b store.Batch
			m.next(&b)
			if err := h.note(m.position, b.Bytes()); err != nil {
				t.Fatal(err)
			}
			mem.Append(&b, nil)
		}
		got, err := collect(mem)
		if err != nil {
			t.Fatalf("seed %d: Recover: %v", seed, err)
		}
		if diff := got.differences(m.state()); diff != "" {
			t.Errorf("seed %d: the store in memory differs from the model: %s", seed, diff)
		}
		if diff := h.says(nil).whole().differences(m.state()); diff != "" {
			t.Errorf("seed %d: the history differs from the model: %s", seed, diff)
		}
		if n, err := s.position(got); n != 300 || err != nil {
			t.Errorf("seed %d: got position %d, %v, want 300", seed, n, err)
		}
	}
}

func TestModelWritesEachKindOfRecord(t *testing.T) {
	m := newModel(script{big: 10000, legs: []leg{{Seed: 1}}})
	seen, large := map[store.Kind]int{}, 0
	for range 2000 {
		var b store.Batch
		var r store.Record
		m.next(&b)
		if err := store.Each(b.Bytes(), &r, func(r *store.Record) error { seen[r.Kind]++; return nil }); err != nil {
			t.Fatal(err)
		}
		if len(b.Bytes()) > 10000 {
			large++
		}
	}
	for kind := store.MSG; kind <= store.META; kind++ {
		if seen[kind] < 100 {
			t.Errorf("%v: got %d records in 2000 batches, want 100 at least", kind, seen[kind])
		}
	}
	if large == 0 {
		t.Error("no batch is larger than a segment")
	}
	if n := len(m.state()); n > 2000 {
		t.Errorf("the state grows without end: %d records", n)
	}
}

func TestScriptMeansTheSameEachTime(t *testing.T) {
	s := script{big: 1000, legs: []leg{{Seed: 7}}}
	s = s.from(100, 8).from(150, 9)
	m := newModel(s)
	for n := uint64(1); n <= 200; n++ {
		var b store.Batch
		m.next(&b)
		if n%50 == 0 && !maps.Equal(m.state(), s.at(n).state()) {
			t.Errorf("at %d: %s", n, s.at(n).state().differences(m.state()))
		}
	}
	other := s.from(120, 10)
	if len(other.legs) != 3 || maps.Equal(other.at(121).state(), s.at(121).state()) || !maps.Equal(other.at(120).state(), s.at(120).state()) {
		t.Error("a leg from 120 on changes what was before, or nothing behind")
	}
	stale := s.at(200).state()
	if n, err := other.position(stale); err == nil {
		t.Errorf("a state of batches that were lost: got position %d, want an error", n)
	}
}
