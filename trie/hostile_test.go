package trie

import (
	"bytes"
	"fmt"
	"math/bits"
	"strings"
	"testing"
)

// plusses is the filter of "a" levels with '+' where mask has a bit.
func plusses(mask uint32, levels int, last string) []byte {
	parts := make([]string, levels, levels+1)
	for i := range parts {
		parts[i] = "a"
		if mask>>i&1 != 0 {
			parts[i] = "+"
		}
	}
	if last != "" {
		parts = append(parts, last)
	}
	return []byte(strings.Join(parts, "/"))
}

func TestShapesProbedForATopicAreLimited(t *testing.T) {
	x := NewIndex()
	const levels = 12
	for mask := range uint32(1 << levels) {
		x.Subscribe(plusses(mask, levels, ""), Sub{Ref: mask})
		x.Subscribe(plusses(mask, levels, "#"), Sub{Ref: mask})
	}
	for n, list := range *x.shapes.plan.Load() {
		if len(list) > maxShapes {
			t.Errorf("a topic of %d levels is looked up under %d shapes, want at most %d", n, len(list), maxShapes)
		}
	}
	topic := plusses(0, levels, "")
	if got, want := len(x.Match(topic, nil)), 2<<levels; got != want {
		t.Errorf("Match(%q) found %d, want %d", topic, got, want)
	}
	if topic = append(topic, "/b"...); len(x.Match(topic, nil)) != 1<<levels {
		t.Errorf("Match(%q) found %d, want %d", topic, len(x.Match(topic, nil)), 1<<levels)
	}
	for mask := range uint32(1 << levels) {
		x.Unsubscribe(plusses(mask, levels, ""), mask)
		x.Unsubscribe(plusses(mask, levels, "#"), mask)
	}
	checkEmpty(t, x)
}

func TestAShapeInUseByManyGetsAPlaceAmongOddOnes(t *testing.T) {
	x := NewIndex()
	const levels = 10
	for mask := uint32(1); x.deep.count.Load() == 0; mask++ { // until no more come in at once
		x.Subscribe(plusses(mask, levels, ""), Sub{Ref: mask})
	}
	fleet := func(i int) []byte { return fmt.Appendf(nil, "fleet/+/%d/d/e/f/g/h/i/+", i) }
	before := x.deep.count.Load()
	const many = 1000
	for i := range many {
		x.Subscribe(fleet(i), Sub{Ref: uint32(i)})
	}
	if late := x.deep.count.Load() - before; late >= many/4 {
		t.Errorf("%d of %d filters of one shape went to the fallback", late, many)
	}
	for i := range many { // wherever it is, it is found, replaced and removed
		topic := bytes.ReplaceAll(fleet(i), plusLevel, []byte("v"))
		if got := x.Match(topic, nil); len(got) != 1 || got[0].Ref != uint32(i) {
			t.Fatalf("Match(%q) = %v, want one of %d", topic, got, i)
		}
		if _, old, existed := x.Subscribe(fleet(i), Sub{Ref: uint32(i), Opt: 7}); !existed || old.Opt != 0 {
			t.Fatalf("Subscribe(%q) again: %v %v, want the old one", fleet(i), old, existed)
		}
		if got := x.Match(topic, nil); len(got) != 1 || got[0].Opt != 7 {
			t.Fatalf("Match(%q) = %v, want the new one alone", topic, got)
		}
		x.Subscribe(fleet(i), Sub{Ref: many})
		if got := x.Match(topic, nil); len(got) != 2 {
			t.Fatalf("Match(%q) = %v, want two", topic, got)
		}
		x.Unsubscribe(fleet(i), many)
		if _, _, ok := x.Unsubscribe(fleet(i), uint32(i)); !ok || len(x.Match(topic, nil)) != 0 {
			t.Fatalf("Unsubscribe(%q): %v, then found %v", fleet(i), ok, x.Match(topic, nil))
		}
	}
}

// TestFallbackNeverVisitsMoreThanIsStored: with '+' and "a" at each level the ways through the filters are
// exponentially many; the nodes are not.
func TestFallbackNeverVisitsMoreThanIsStored(t *testing.T) {
	const levels = 40
	x := NewIndex()
	var d *deep = &x.deep
	r := newRand(t, 1)
	for range 2000 {
		x.Subscribe(plusses(r.Uint32(), levels, fmt.Sprint(r.IntN(10))), Sub{Ref: 1})
	}
	for _, topic := range [][]byte{
		plusses(0, levels, "x"),
		plusses(0, levels, "1"),
		plusses(0, levels-5, ""),
		bytes.Repeat(slash, maxLength),
		bytes.Repeat([]byte("a/"), maxLength/2),
	} {
		if _, visited := d.match(topic, nil); visited > d.live+1 {
			t.Errorf("Match(%.90q) visited %d nodes of %d", topic, visited, d.live)
		}
	}
}

func TestTopicsAndFiltersOfVeryManyLevels(t *testing.T) {
	x, r := NewIndex(), NewRetained()
	empty := bytes.Repeat(slash, maxLength) // 65,536 empty levels
	if _, _, existed := x.Subscribe(empty, Sub{Ref: 1}); existed {
		t.Error("the filter existed before")
	}
	x.Subscribe([]byte("#"), Sub{Ref: 2})
	x.Subscribe([]byte("+/+/#"), Sub{Ref: 3})
	all := append(bytes.Repeat([]byte("+/"), maxLength/2), '#')
	h, _, _ := x.Subscribe(all, Sub{Ref: 4})
	if got := sortSubs(x.Match(empty, nil)); len(got) != 4 {
		t.Errorf("Match of 65,536 levels found %v, want four", got)
	}
	if f, _, ok := x.Get(h, 4, nil); !ok || !bytes.Equal(f, all) {
		t.Errorf("Get returned a filter of %d bytes, %v; want %d bytes", len(f), ok, len(all))
	}
	x.Remove(h, 4)
	x.Unsubscribe(empty, 1)
	x.Unsubscribe([]byte("#"), 2)
	x.Unsubscribe([]byte("+/+/#"), 3)
	checkEmpty(t, x)

	r.Set(empty, []byte("v"))
	for _, f := range [][]byte{empty, all, []byte("#"), []byte("/+/#"), []byte("//#")} {
		refs := r.Collect(f, nil)
		if len(refs) != 1 {
			t.Fatalf("Collect(%.20q) found %d, want 1", f, len(refs))
		}
		if topic, _, ok := r.Load(refs[0], nil, nil); !ok || !bytes.Equal(topic, empty) {
			t.Fatalf("Load gave a topic of %d bytes, %v; want %d bytes", len(topic), ok, len(empty))
		}
	}
	r.Delete(empty)
	checkRetainedEmpty(t, r)
}

// TestKeysOfNeighboursDiffer: a filter is not another one's for being built of the same levels.
func TestKeysOfNeighboursDiffer(t *testing.T) {
	seen := map[uint64]string{}
	for _, f := range []string{"a", "a/#", "a/+", "+/a", "#", "+", "+/#", "a/b", "b/a", "a/a", "/", "//", "/a", "a/", "a/b/#", "b/a/#", "+/+", "+/+/#"} {
		r := processKeys.route([]byte(f))
		if other, ok := seen[r.key]; ok {
			t.Errorf("%q and %q have the same key", f, other)
		}
		seen[r.key] = f
	}
	if n := bits.OnesCount64(processKeys.place[0] & processKeys.mix & processKeys.child & 1); n != 1 {
		t.Error("multipliers are not odd")
	}
}
