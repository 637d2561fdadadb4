package trie

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// TestIndexUnderConcurrentUse: some subscriptions stay all the time and must always be found, exactly once,
// while others come and go around them, on the same filters and on others.
func TestIndexUnderConcurrentUse(t *testing.T) {
	x := NewIndex()
	const staying = 1 << 20
	topic := []byte("a/b/c/d")
	stay := []string{"a/b/c/d", "a/+/c/d", "#", "a/b/#", "+/+/+/+"}
	for i, f := range stay {
		x.Subscribe([]byte(f), Sub{Ref: staying + uint32(i)})
	}
	var writing, reading sync.WaitGroup
	var stop atomic.Bool
	for w := range 2 {
		writing.Go(func() {
			r := newRand(t, uint64(w))
			var handles []Handle
			for i := range 6000 {
				f := []byte(stay[r.IntN(len(stay))])
				if r.IntN(2) == 0 {
					f = fmt.Appendf(nil, "%s/%d", plusses(r.Uint32(), 1+r.IntN(6), ""), r.IntN(50))
				}
				who := uint32(w<<10 + r.IntN(200))
				h, _, _ := x.Subscribe(f, Sub{Ref: who, Opt: uint32(i)})
				handles = append(handles, h)
				if x.Remove(handles[r.IntN(len(handles))], who); r.IntN(3) == 0 {
					x.Unsubscribe(f, who)
				}
			}
		})
	}
	for range 2 {
		reading.Go(func() {
			var dst []Sub
			for !stop.Load() {
				dst = x.Match(topic, dst[:0])
				found := 0
				for _, s := range dst {
					if s.Ref >= staying {
						found++
					}
				}
				if found != len(stay) {
					t.Errorf("Match found %d of the %d subscriptions that stay", found, len(stay))
					return
				}
				x.Len()
				x.Bytes()
			}
		})
	}
	writing.Wait()
	stop.Store(true)
	reading.Wait()
}

// TestLongListsAreCopiedWhileTheyChange: a reader copies a list in pieces; who stays on it is in each copy once,
// while the list grows, shrinks to a few and is made anew.
func TestLongListsAreCopiedWhileTheyChange(t *testing.T) {
	x := NewIndex()
	f, topic := []byte("news/#"), []byte("news/today")
	const staying, n = 1 << 20, 3 * pagesAtOnce * pageSubs
	var writing, reading sync.WaitGroup
	var stop atomic.Bool
	for i := range uint32(n) {
		x.Subscribe(f, Sub{Ref: i})
		if i%1000 == 0 {
			x.Subscribe(f, Sub{Ref: staying + i})
		}
	}
	writing.Go(func() {
		for range 3 {
			for i := range uint32(n) {
				x.Unsubscribe(f, i)
			}
			for i := range uint32(n) {
				x.Subscribe(f, Sub{Ref: n - 1 - i})
			}
		}
	})
	reading.Go(func() {
		var dst []Sub
		for !stop.Load() {
			dst = x.Match(topic, dst[:0])
			kept := slices.DeleteFunc(dst, func(s Sub) bool { return s.Ref < staying })
			slices.SortFunc(kept, func(a, b Sub) int { return int(a.Ref) - int(b.Ref) })
			if len(kept) != n/1000+1 || len(slices.Compact(kept)) != n/1000+1 {
				t.Errorf("Match found %d of the %d subscriptions that stay", len(kept), n/1000+1)
				return
			}
		}
	})
	writing.Wait()
	stop.Store(true)
	reading.Wait()
}

// TestRetainedUnderConcurrentUse: topics that stay are in each collection once, and what is loaded belongs
// together, while others are set and deleted around them.
func TestRetainedUnderConcurrentUse(t *testing.T) {
	r := NewRetained()
	const staying, passing = 3000, 3000
	name := func(kind string, i int) []byte { return fmt.Appendf(nil, "x/y/%d/%s/%d", i%7, kind, i) }
	for i := range staying {
		r.Set(name("stay", i), name("stay", i))
	}
	var writing, reading sync.WaitGroup
	var stop atomic.Bool
	for w := range 2 {
		writing.Go(func() {
			x := newRand(t, uint64(w))
			for range 10_000 {
				topic := name("pass", x.IntN(passing))
				if x.IntN(2) == 0 {
					r.Set(topic, topic)
				} else {
					r.Delete(topic)
				}
			}
		})
	}
	for range 2 {
		reading.Go(func() {
			var refs []RetainedRef
			var topic, value []byte
			for !stop.Load() {
				refs = r.Collect([]byte("x/#"), refs[:0])
				seen := map[RetainedRef]bool{}
				found, ok := 0, false
				for _, ref := range refs {
					if topic, value, ok = r.Load(ref, topic[:0], value[:0]); !ok {
						continue
					}
					if string(topic) != string(value) || seen[ref] {
						t.Errorf("Load gave %q for %q, seen before: %v", value, topic, seen[ref])
						return
					}
					seen[ref] = true
					if bytes.Contains(topic, []byte("stay")) {
						found++
					}
				}
				if found != staying {
					t.Errorf("Collect found %d of the %d topics that stay", found, staying)
					return
				}
			}
		})
	}
	writing.Wait()
	stop.Store(true)
	reading.Wait()
	for i := range staying {
		r.Delete(name("stay", i))
	}
	for i := range passing {
		r.Delete(name("pass", i))
	}
	for i := range r.shards {
		r.shards[i].mu.Lock()
		r.shards[i].tidy(1 << 20)
		r.shards[i].mu.Unlock()
	}
	checkRetainedEmpty(t, r)
}
