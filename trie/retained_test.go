package trie

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// collectTopics loads what Collect names, sorted.
func collectTopics(t *testing.T, r *Retained, filter string) (topics []string) {
	t.Helper()
	for _, ref := range r.Collect([]byte(filter), nil) {
		topic, _, ok := r.Load(ref, nil, nil)
		if !ok {
			t.Fatalf("Collect(%q) named %x, which Load does not know", filter, ref)
		}
		topics = append(topics, string(topic))
	}
	slices.Sort(topics)
	return topics
}

func randomValue(r *rand.Rand) string {
	n := r.IntN(200)
	if r.IntN(10) == 0 {
		n = r.IntN(5000)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

func driveRetained(t *testing.T, tree *Retained, r *rand.Rand, steps, levels int) {
	t.Helper()
	twin := retainedTwin{}
	refs := map[RetainedRef]string{}
	for step := range steps {
		topic := randomTopic(r, levels)
		if r.IntN(5) < 3 {
			value := randomValue(r)
			_, want := twin[topic]
			if got := tree.Set([]byte(topic), []byte(value)); got != want {
				t.Fatalf("step %d: Set(%q) = %v, want %v", step, topic, got, want)
			}
			twin[topic] = value
		} else {
			_, want := twin[topic]
			if got := tree.Delete([]byte(topic)); got != want {
				t.Fatalf("step %d: Delete(%q) = %v, want %v", step, topic, got, want)
			}
			delete(twin, topic)
		}
		topic = randomTopic(r, levels)
		value, ok := tree.Get([]byte(topic), []byte("x"))
		if want, wantOK := twin[topic]; ok != wantOK || string(value) != "x"+want {
			t.Fatalf("step %d: Get(%q) = %q %v, want %q %v", step, topic, value, ok, want, wantOK)
		}
		filter := randomFilter(r, levels)
		if got, want := collectTopics(t, tree, filter), twin.collect(filter); !slices.Equal(got, want) {
			t.Fatalf("step %d: Collect(%q)\n got %q\nwant %q", step, filter, got, want)
		}
		for _, ref := range tree.Collect([]byte(filter), nil) {
			name, _, _ := tree.Load(ref, nil, nil)
			refs[ref] = string(name)
		}
		if tree.Len() != len(twin) {
			t.Fatalf("step %d: Len = %d, want %d", step, tree.Len(), len(twin))
		}
		content := 0
		for topic, value := range twin {
			content += len(topic) + len(value)
		}
		if got := tree.Content(); got != int64(content) {
			t.Fatalf("step %d: Content = %d, want %d", step, got, content)
		}
	}
	for ref, topic := range refs {
		name, value, ok := tree.Load(ref, []byte("t"), []byte("v"))
		if ok && (string(name) != "t"+topic || string(value) != "v"+twin[topic]) {
			t.Fatalf("Load gave %q %q for a reference to %q, which holds %q", name, value, topic, twin[topic])
		}
	}
	seen := 0
	for cursor := tree.Scan(0, 3, func(topic, value []byte) bool { seen++; return true }); cursor != 0; {
		cursor = tree.Scan(cursor, 3, func(topic, value []byte) bool {
			seen++
			if want, ok := twin[string(topic)]; !ok || want != string(value) {
				t.Fatalf("Scan showed %q = %q, want %q", topic, value, want)
			}
			return true
		})
	}
	if seen != len(twin) {
		t.Fatalf("Scan showed %d values of %d", seen, len(twin))
	}
	checkRetainedEmpty(t, tree)
}

func checkRetainedEmpty(t *testing.T, tree *Retained) {
	t.Helper()
	if n := tree.Content(); n != 0 {
		t.Errorf("left: a content of %d bytes", n)
	}
	for i := range tree.shards {
		s := &tree.shards[i]
		if s.count != 0 || s.live != 0 || s.heap.blocksInUse() != 0 {
			t.Errorf("left in shard %d: %d values, %d nodes, %d blocks", i, s.count, s.live, s.heap.blocksInUse())
		}
	}
}

func TestRetainedAgreesWithItsTwin(t *testing.T) {
	for seed := range uint64(3) {
		for _, c := range []struct {
			name          string
			keys          *keys
			steps, levels int
		}{
			{"few levels", processKeys, 1500, 3},
			{"many levels", processKeys, 500, 40},
			{"equal hashes", weakKeys(), 1500, 3},
		} {
			t.Run(fmt.Sprintf("%s/%d", c.name, seed), func(t *testing.T) {
				driveRetained(t, newRetained(c.keys), newRand(t, seed), c.steps, c.levels)
			})
		}
	}
}

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
