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

// TestAWalkFindsItsWayWhileNodesComeAndGo: between its steps, when others may have the lock, topics are deleted
// under its feet, with whole branches, and new ones set in their places.
func TestAWalkFindsItsWayWhileNodesComeAndGo(t *testing.T) {
	r, x := NewRetained(), newRand(t, 1)
	name := func(kind string, i int) []byte { return fmt.Appendf(nil, "a/b/%d/%s/%d", i%100, kind, i) }
	const staying, passing = 2000, 10_000 // most likely it stands on one that passes
	for i := range staying {
		r.Set(name("stay", i), nil)
	}
	shard := r.shardOf([]byte("a"), []byte("b"))
	s := &r.shards[shard]
	for _, filter := range []string{"a/#", "#", "a/+/+/+/+"} {
		levels, hash := r.keys.wanted([]byte(filter), nil)
		w := walk{levels: levels, hash: hash}
		var refs []RetainedRef
		for i := range passing {
			r.Set(name("pass", i), nil)
		}
		s.walks.Add(1)
		for done := false; !done; {
			refs, done = w.run(s, shard, refs)
			for i := range passing {
				if x.IntN(2) == 0 {
					r.Delete(name("pass", i))
				}
			}
			for range passing / 4 {
				r.Set(name("new", x.IntN(passing)), nil)
			}
		}
		s.walks.Add(-1)
		found := map[string]int{}
		for _, ref := range refs {
			if topic, _, ok := r.Load(ref, nil, nil); ok {
				found[string(topic)]++
			}
		}
		for i := range staying {
			if times := found[string(name("stay", i))]; times != 1 {
				t.Fatalf("%q: %q was found %d times", filter, name("stay", i), times)
			}
		}
	}
	for i := range staying {
		r.Delete(name("stay", i))
	}
	for i := range passing {
		r.Delete(name("pass", i))
		r.Delete(name("new", i))
	}
	s.tidy(1 << 20)
	checkRetainedEmpty(t, r)
}
