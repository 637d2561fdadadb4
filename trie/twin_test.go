package trie

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The naive twins: maps and the rule itself.

type indexTwin map[string]map[uint32]Sub

func (x indexTwin) subscribe(filter string, s Sub) (old Sub, existed bool) {
	if x[filter] == nil {
		x[filter] = map[uint32]Sub{}
	}
	old, existed = x[filter][s.Ref]
	x[filter][s.Ref] = s
	return old, existed
}

func (x indexTwin) unsubscribe(filter string, who uint32) (old Sub, ok bool) {
	old, ok = x[filter][who]
	delete(x[filter], who)
	if len(x[filter]) == 0 {
		delete(x, filter)
	}
	return old, ok
}

func (x indexTwin) match(topic string) (all []Sub) {
	for f, subs := range x {
		if Matches([]byte(f), []byte(topic)) {
			for _, s := range subs {
				all = append(all, s)
			}
		}
	}
	return all
}

func (x indexTwin) len() (n int) {
	for _, subs := range x {
		n += len(subs)
	}
	return n
}

func sortSubs(s []Sub) []Sub {
	slices.SortFunc(s, func(a, b Sub) int {
		if a.Ref != b.Ref {
			return int(int64(a.Ref) - int64(b.Ref))
		}
		if a.Opt != b.Opt {
			return int(int64(a.Opt) - int64(b.Opt))
		}
		return int(int64(a.ID) - int64(b.ID))
	})
	return s
}

type retainedTwin map[string]string

func (r retainedTwin) collect(filter string) (topics []string) {
	for t := range r {
		if Matches([]byte(filter), []byte(t)) {
			topics = append(topics, t)
		}
	}
	slices.Sort(topics)
	return topics
}

// Levels of a small alphabet, so that filters and topics meet often.
var alphabet = []string{"", "a", "b", "ab", "$a", "sixteen-bytes-xx"}

func randomTopic(r *rand.Rand, levels int) string {
	parts := make([]string, 1+r.IntN(levels))
	for i := range parts {
		parts[i] = alphabet[r.IntN(len(alphabet))]
	}
	if t := strings.Join(parts, "/"); t != "" {
		return t
	}
	return "/"
}

func randomFilter(r *rand.Rand, levels int) string {
	parts := make([]string, 1+r.IntN(levels))
	for i := range parts {
		parts[i] = alphabet[r.IntN(len(alphabet))]
		if r.IntN(3) == 0 {
			parts[i] = "+"
		}
	}
	if r.IntN(4) == 0 {
		parts[len(parts)-1] = "#"
	}
	if f := strings.Join(parts, "/"); f != "" {
		return f
	}
	return "+"
}

// weakKeys make all filters collide: every key is the same.
func weakKeys() *keys {
	k := newKeys()
	k.place = [maxLevels]uint64{}
	k.hash, k.child, k.mix = 0, 0, 0
	return k
}

func newRand(t testing.TB, seed uint64) *rand.Rand {
	t.Helper()
	return rand.New(rand.NewPCG(seed, 1))
}
