package trie_test

import (
	"fmt"

	"github.com/penstock-mqtt/penstock/trie"
)

// A loop asks its cache first, and the index only about what it does not know.
func Example() {
	index := trie.NewIndex()
	index.Subscribe([]byte("site/+/temp"), trie.Sub{Ref: 1})
	index.Subscribe([]byte("site/#"), trie.Sub{Ref: 2})

	cache := trie.NewCache[[]trie.Sub](index, 4096)
	for range 2 {
		topic := []byte("site/7/temp")
		subs, hit := cache.Lookup(topic)
		if !hit {
			*subs = index.Match(topic, (*subs)[:0])
		}
		fmt.Println(hit, len(*subs))
	}

	retained := trie.NewRetained()
	retained.Set([]byte("site/7/temp"), []byte("21.5"))
	for _, ref := range retained.Collect([]byte("site/#"), nil) {
		topic, value, _ := retained.Load(ref, nil, nil)
		fmt.Printf("%s %s\n", topic, value)
	}
	// Output:
	// false 2
	// true 2
	// site/7/temp 21.5
}
