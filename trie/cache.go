package trie

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// Cache is one loop's memory of what topics led to. It belongs to one goroutine and has no lock. V is the
// caller's, usually the lists of receivers.
//
// An entry holds as long as no filter that matches its topic was subscribed to, changed or unsubscribed. Such a
// filter is either the topic itself or has a literal prefix that is one of the topic's; so an entry records the
// generations of those, which every change bumps after it was made. They are recorded before the caller
// matches: a change that the match may have missed is one that makes the entry stale. A counter is shared by
// many prefixes, and prefixes are told apart only for their first levels: both cost misses, never freshness.
type Cache[V any] struct {
	index *Index
	table []cached[V] // a topic has one place in each half
	mask  uint64      // of a half
	clock uint32
	long  V // for topics that are not kept

	hits, revalidated, misses uint64
}

type cached[V any] struct {
	hash   uint64
	all    uint64 // Index.all when the generations were known to be unchanged
	topic  []byte
	clock  uint32 // when it was used last
	n      uint8  // generations recorded; 0: the entry is free
	at     [recorded]uint16
	counts [recorded]uint32
	v      V
}

const (
	recorded  = prefixLevels + 2 // the literal prefixes, the empty one included, and the topic itself
	longTopic = 1024             // a longer topic is not kept, or a client's topics could pin 64 KB each
)

// NewCache returns a cache of at least so many topics in front of x.
func NewCache[V any](x *Index, entries int) *Cache[V] {
	half := 1 << bits.Len(uint(max(entries, 2)-1)/2)
	return &Cache[V]{index: x, table: make([]cached[V], 2*half), mask: uint64(half - 1)}
}

// Lookup returns what the caller left for topic. If it is not a hit, the caller matches and fills *v at once:
// *v is then what was left for some topic before, to be cleaned up and reused. v is valid until the next Lookup.
func (c *Cache[V]) Lookup(topic []byte) (v *V, hit bool) {
	hash := xxhash.Sum64(topic)
	// Two independent places: topics that meet in one go apart in the other, so that few keep evicting each other.
	places := [2]*cached[V]{&c.table[hash&c.mask], &c.table[c.mask+1+hash>>32&c.mask]}
	c.clock++
	for _, e := range places {
		if e.hash != hash || e.n == 0 || string(e.topic) != string(topic) {
			continue
		}
		e.clock = c.clock
		all := c.index.all.Load()
		if all == e.all {
			c.hits++
			return &e.v, true
		}
		if c.fresh(e, all) {
			c.revalidated++
			return &e.v, true
		}
		c.claim(e, hash, topic)
		return &e.v, false
	}
	if len(topic) > longTopic {
		c.misses++
		return &c.long, false
	}
	e := places[0]
	if other := places[1]; e.n != 0 && (other.n == 0 || int32(other.clock-e.clock) < 0) {
		e = other
	}
	e.clock = c.clock
	c.claim(e, hash, topic)
	return &e.v, false
}

// fresh reports whether no generation of e has moved until all was read.
func (c *Cache[V]) fresh(e *cached[V], all uint64) bool {
	if all-e.all > 1<<31 { // a counter could have come round
		return false
	}
	for i, at := range e.at[:e.n] {
		if c.index.gens[at].Load() != e.counts[i] {
			return false
		}
	}
	e.all = all
	return true
}

// claim makes e the entry of topic, as of now.
func (c *Cache[V]) claim(e *cached[V], hash uint64, topic []byte) {
	c.misses++
	e.hash = hash
	e.topic = append(e.topic[:0], topic...)
	e.all = c.index.all.Load() // before the generations: what changes from here on will be looked at
	var prefixes [recorded]uint64
	e.n = 0
	for _, sum := range c.index.keys.prefixes(topic, prefixes[:0]) {
		e.record(c.index, prefixGen(sum))
	}
	e.record(c.index, exactGen(hash))
}

func (e *cached[V]) record(x *Index, gen uint16) {
	e.at[e.n], e.counts[e.n] = gen, x.gens[gen].Load()
	e.n++
}

// Stats counts lookups: served at once, served after a look at the generations, not served.
func (c *Cache[V]) Stats() (hits, revalidated, misses uint64) {
	return c.hits, c.revalidated, c.misses
}

// Clear forgets everything. drop, unless it is nil, sees each value the caller may have left.
func (c *Cache[V]) Clear(drop func(*V)) {
	for i := range c.table {
		e := &c.table[i]
		if e.n != 0 && drop != nil {
			drop(&e.v)
		}
		*e = cached[V]{}
	}
	if drop != nil {
		drop(&c.long)
	}
	var zero V
	c.long = zero
}
