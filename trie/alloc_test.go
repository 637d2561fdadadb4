//go:build !race

package trie

import "testing"

func TestNothingIsAllocatedOnceThereIsRoom(t *testing.T) {
	x, r := NewIndex(), NewRetained()
	for i, f := range benchFilters(1000) {
		x.Subscribe(f, Sub{Ref: uint32(i)})
	}
	x.Subscribe(plusses(1<<3, 40, "#"), Sub{Ref: 1}) // so that the fallback is asked, too
	ts := benchTopics(100)
	c := NewCache[int](x, 256)
	dst, refs := make([]Sub, 0, 100), make([]RetainedRef, 0, 100)
	topic, value := make([]byte, 0, 100), make([]byte, 80, 100)
	filter := []byte("site/+/dev/+/temp")
	for _, name := range ts {
		r.Set(name, value)
	}
	i := 0
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"Match", func() { dst = x.Match(ts[i], dst[:0]) }},
		{"Lookup", func() { c.Lookup(ts[i]) }},
		{"Subscribe and Unsubscribe", func() { x.Subscribe(ts[i], Sub{Ref: 7}); x.Unsubscribe(ts[i], 7) }},
		{"Subscribe and Remove", func() {
			h, _, _ := x.Subscribe(ts[i], Sub{Ref: 7})
			topic, _, _ = x.Get(h, 7, topic[:0])
			x.Remove(h, 7)
		}},
		{"Retained.Set", func() { r.Set(ts[i], value) }},
		{"Retained.Collect and Load", func() {
			for _, ref := range r.Collect(filter, refs[:0]) {
				topic, value, _ = r.Load(ref, topic[:0], value[:0])
			}
		}},
	} {
		if n := testing.AllocsPerRun(1000, func() { c.do(); i = (i + 1) % len(ts) }); n != 0 {
			t.Errorf("%s allocates %v times", c.name, n)
		}
	}
}
