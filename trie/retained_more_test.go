package trie

import (
	"fmt"
	"testing"
)

func TestReferencesOutliveTheirMessage(t *testing.T) {
	r := NewRetained()
	topic := []byte("a/b")
	r.Set(topic, []byte("one"))
	r.Set([]byte("a/b/c"), []byte("below"))
	ref := r.Collect(topic, nil)[0]
	load := func() string {
		_, v, ok := r.Load(ref, nil, nil)
		return fmt.Sprintf("%s %v", v, ok)
	}
	if got := load(); got != "one true" {
		t.Errorf("Load gave %s, want one", got)
	}
	r.Set(topic, []byte("a longer one than before"))
	if got := load(); got != "a longer one than before true" {
		t.Errorf("Load gave %s after the message was replaced", got)
	}
	r.Delete(topic)
	if got := load(); got != " false" {
		t.Errorf("Load gave %s after the message was deleted", got)
	}
	r.Set(topic, nil) // the place was kept by what is below
	if got := load(); got != " true" {
		t.Errorf("Load gave %s for an empty message", got)
	}
	r.Delete(topic)
	r.Delete([]byte("a/b/c"))
	for i := range 100 { // these take the place
		r.Set(fmt.Appendf(nil, "a/%d", i), []byte("other"))
		r.Set(topic, []byte("other"))
		r.Delete(topic)
	}
	if got := load(); got != " false" {
		t.Errorf("Load gave %s for a place that others have now", got)
	}
	for _, wrong := range []RetainedRef{0, 1 << 60, ^RetainedRef(0), ref + 1<<40} {
		if _, _, ok := r.Load(wrong, nil, nil); ok {
			t.Errorf("Load knows %x", wrong)
		}
	}
}

func TestDeletedMessagesGiveTheirMemoryBack(t *testing.T) {
	r := NewRetained()
	topics := retainedTopics(20_000)
	value := make([]byte, 64)
	var full int
	for round := range 5 {
		for _, topic := range topics {
			r.Set(topic, value)
		}
		if round == 0 {
			full = r.Bytes()
		} else if now := r.Bytes(); now > full*9/8 {
			t.Errorf("round %d: %d bytes, %d the first time", round, now, full)
		}
		for _, topic := range topics {
			r.Delete(topic)
		}
		checkRetainedEmpty(t, r)
		value = make([]byte, len(value)^8) // blocks of another size from round to round
		if round%2 == 0 {
			continue
		}
		if now := r.Bytes(); now > full*2/3 { // the nodes stay, the values do not
			t.Errorf("round %d: %d bytes while empty, %d when full", round, now, full)
		}
	}
}

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

func TestScanMayStopAnywhereAndDropsWhatItIsTold(t *testing.T) {
	r := NewRetained()
	const n = 1000
	for i := range n {
		r.Set(fmt.Appendf(nil, "t/%d/x", i), fmt.Append(nil, i))
	}
	seen, calls := map[string]int{}, 0
	for cursor := uint64(0); ; {
		visits := 0
		cursor = r.Scan(cursor, 7, func(topic, value []byte) bool {
			visits++
			seen[string(topic)]++
			if string(topic) != fmt.Sprintf("t/%s/x", value) {
				t.Errorf("Scan showed %q with value %q", topic, value)
			}
			return len(value)%2 == 1
		})
		if calls++; visits > 7 || calls > 100*n {
			t.Fatalf("call %d visited %d values, want at most 7", calls, visits)
		}
		if cursor == 0 {
			break
		}
	}
	if len(seen) != n {
		t.Errorf("Scan showed %d topics of %d", len(seen), n)
	}
	for topic, times := range seen {
		if _, ok := r.Get([]byte(topic), nil); times != 1 || ok != (len(topic)%2 == 0) { // "t//x" has 4 bytes
			t.Errorf("%q was shown %d times and is there: %v", topic, times, ok)
		}
	}
}
