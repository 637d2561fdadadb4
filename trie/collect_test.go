package trie

import (
	"fmt"
	"testing"
)

// TestCollectVisitsOnlyWhatCanMatch counts the steps of a walk.
func TestCollectVisitsOnlyWhatCanMatch(t *testing.T) {
	r := NewRetained()
	for site := range 50 {
		for dev := range 50 {
			for _, what := range []string{"temp", "hum"} {
				r.Set(fmt.Appendf(nil, "site/%d/dev/%d/%s", site, dev, what), nil)
			}
		}
	}
	for _, c := range []struct {
		filter      string
		refs, steps int
	}{
		{"site/7/dev/7/temp", 1, 5},
		{"site/7/dev/7/+", 2, 6},
		{"site/7/#", 100, 153},
		{"site/+/dev/7/temp", 50, 250},
		{"nowhere/#", 0, 0},
		{"site/7/dev/99/#", 0, 3},
		{"+/7/dev/7/hum", 1, 200},
	} {
		levels, hash := r.keys.wanted([]byte(c.filter), nil)
		w := walk{levels: levels, hash: hash}
		refs, steps := 0, 0
		only, one := w.shard(r)
		for shard := range r.shards {
			s := &r.shards[shard]
			if one && uint32(shard) != only {
				continue
			}
			w.node, w.depth = 0, 0
			for w.down(s) || w.on(s) {
				steps++
				if w.depth >= len(w.levels) && s.node(w.node).flags&nodeValue != 0 {
					refs++
				}
			}
		}
		if refs != c.refs || steps > c.steps {
			t.Errorf("%q: %d topics in %d steps, want %d in at most %d", c.filter, refs, steps, c.refs, c.steps)
		}
	}
}
