package trie

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// cachedMatch is how a loop uses its cache.
func cachedMatch(x *Index, c *Cache[[]Sub], topic string) []Sub {
	v, hit := c.Lookup([]byte(topic))
	if !hit {
		*v = x.Match([]byte(topic), (*v)[:0])
	}
	return *v
}

func TestCacheIsNeverStale(t *testing.T) {
	for _, levels := range []int{3, 12, 40} {
		t.Run(fmt.Sprint(levels), func(t *testing.T) {
			x := NewIndex()
			c := NewCache[[]Sub](x, 64) // small, so that places are contended
			r := newRand(t, uint64(levels))
			handles := map[string]Handle{}
			for step := range 5000 {
				f, who := randomFilter(r, levels), uint32(r.IntN(4))
				switch r.IntN(12) {
				case 0, 1:
					handles[f], _, _ = x.Subscribe([]byte(f), Sub{who, uint32(step), 0}) // adds or replaces
				case 2:
					x.Unsubscribe([]byte(f), who)
				case 3:
					x.Remove(handles[f], who)
				}
				topic := randomTopic(r, levels)
				if levels > 3 { // topics that come again, close to the filters
					topic = strings.Repeat("a/", r.IntN(levels)) + "a"
					if r.IntN(2) == 0 {
						f = strings.Repeat("a/", r.IntN(levels)) + []string{"+", "#", "a"}[r.IntN(3)]
						x.Subscribe([]byte(f), Sub{who, uint32(step), 0})
					}
				}
				got := sortSubs(slices.Clone(cachedMatch(x, c, topic)))
				if want := sortSubs(x.Match([]byte(topic), nil)); !slices.Equal(got, want) {
					t.Fatalf("step %d: the cache has %v for %q, the index %v", step, got, topic, want)
				}
			}
			if hits, revalidated, misses := c.Stats(); hits == 0 || revalidated == 0 || misses == 0 {
				t.Errorf("%d hits, %d revalidated, %d misses: want some of each", hits, revalidated, misses)
			}
		})
	}
}

func TestCacheOutlivesWhatDoesNotConcernIt(t *testing.T) {
	x := NewIndex()
	c := NewCache[[]Sub](x, 1024)
	topics := []string{"site/1/temp", "site/2/temp", "$SYS/uptime", "a"}
	for _, topic := range topics {
		cachedMatch(x, c, topic)
	}
	_, _, before := c.Stats()
	for i := range 100 {
		x.Subscribe(fmt.Appendf(nil, "site/9/dev/%d/#", i), Sub{})
		x.Subscribe(fmt.Appendf(nil, "site/9/dev/%d", i), Sub{})
	}
	for _, topic := range topics {
		cachedMatch(x, c, topic)
	}
	// One of 201 counters may be one of theirs by chance, hardly more.
	if _, _, misses := c.Stats(); misses > before+1 {
		t.Errorf("%d of %d topics were forgotten for nothing", misses-before, len(topics))
	}
	for _, f := range []string{"#", "+/#", "site/1/temp", "site/#", "site/1/+"} {
		x.Subscribe([]byte(f), Sub{Ref: 9})
		if _, hit := c.Lookup([]byte("site/1/temp")); hit {
			t.Errorf("Lookup hit after Subscribe(%q)", f)
		}
		x.Subscribe([]byte(f), Sub{Ref: 9, Opt: 1})
		if _, hit := c.Lookup([]byte("site/1/temp")); hit {
			t.Errorf("Lookup hit after Subscribe(%q) with other options", f)
		}
	}
}

func TestCacheHandsOldValuesBack(t *testing.T) {
	x := NewIndex()
	c := NewCache[int](x, 16)
	for i := range 1000 {
		if v, hit := c.Lookup(fmt.Appendf(nil, "t/%d", i)); hit {
			t.Fatalf("t/%d is known", i)
		} else {
			*v++
		}
	}
	long := []byte(strings.Repeat("x", longTopic+1))
	for range 3 {
		v, hit := c.Lookup(long)
		if hit {
			t.Fatal("a very long topic was kept")
		}
		*v++
	}
	total := 0
	c.Clear(func(v *int) { total += *v })
	if total != 1003 {
		t.Errorf("Clear showed values that sum up to %d, want 1003", total)
	}
	if _, hit := c.Lookup([]byte("t/999")); hit {
		t.Error("a topic is known after Clear")
	}
	c.Clear(nil)
}

// TestCacheSeesWhatHasReturned: what was subscribed before a lookup began is in its result, whoever did it.
func TestCacheSeesWhatHasReturned(t *testing.T) {
	x := NewIndex()
	topics := []string{"a/b/c", "a/b/d", "a/x/y/z/1/2/3/4/5/6/7/8/9/10", "$s/a"}
	filters := []string{"a/b/c", "a/+/c", "a/#", "#", "+/b/+", "$s/+", "a/x/y/z/1/2/3/4/5/6/7/+/9/10", "a/x/y/z/1/2/3/4/5/6/7/8/9/#"}
	const writers, rounds = 3, 20_000
	var done [writers][8]atomic.Uint32 // the newest Opt that writer w knows to be in filter f; odd: about to change
	var writing, reading sync.WaitGroup
	var stop atomic.Bool
	for w := range writers {
		writing.Go(func() {
			r := newRand(t, uint64(w))
			for round := range uint32(rounds) {
				f := r.IntN(len(filters))
				done[w][f].Add(1)
				if r.IntN(4) == 0 {
					x.Unsubscribe([]byte(filters[f]), uint32(w*8+f))
				}
				h, _, _ := x.Subscribe([]byte(filters[f]), Sub{Ref: uint32(w*8 + f), Opt: round, ID: done[w][f].Load() + 1})
				if r.IntN(8) == 0 {
					x.Remove(h, uint32(w*8+f))
					x.Subscribe([]byte(filters[f]), Sub{Ref: uint32(w*8 + f), Opt: round, ID: done[w][f].Load() + 1})
				}
				done[w][f].Add(1)
			}
		})
	}
	for l := range 2 {
		reading.Go(func() {
			c := NewCache[[]Sub](x, 64)
			r := newRand(t, uint64(100+l))
			var known [writers][8]uint32
			for last := false; !last; {
				last = stop.Load() // one more round when all is written
				topic := topics[r.IntN(len(topics))]
				for w := range known {
					for f := range known[w] {
						known[w][f] = done[w][f].Load()
					}
				}
				got := cachedMatch(x, c, topic)
				for w := range known {
					for f, want := range known[w] {
						if want == 0 || want%2 == 1 || !Matches([]byte(filters[f]), []byte(topic)) {
							continue
						}
						i := slices.IndexFunc(got, func(s Sub) bool { return s.Ref == uint32(w*8+f) })
						if changed := done[w][f].Load() != want; (i < 0 || got[i].ID < want) && !changed {
							t.Errorf("%q in %q: version %d was in the index, the cache has %v", filters[f], topic, want, got)
							return
						}
					}
				}
			}
		})
	}
	writing.Wait()
	stop.Store(true)
	reading.Wait()
}
