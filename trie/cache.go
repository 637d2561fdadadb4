package trie

// Cache is one loop's memory of what a topic led to. It belongs to one goroutine. V is the caller's.
type Cache[V any] struct {
	x                   *Index
	entries             map[string]*cached[V]
	hits, reval, misses uint64
}

type cached[V any] struct {
	gen uint64
	v   V
}

// NewCache returns a cache of about so many topics in front of x.
func NewCache[V any](x *Index, entries int) *Cache[V] {
	return &Cache[V]{x: x, entries: map[string]*cached[V]{}}
}

// Lookup returns what the caller left for topic. Not a hit: the caller matches and fills *v at once; *v is an
// older value for reuse.
func (c *Cache[V]) Lookup(topic []byte) (v *V, hit bool) {
	c.x.mu.RLock()
	gen := c.x.gen
	c.x.mu.RUnlock()
	e := c.entries[string(topic)]
	if e != nil && e.gen == gen {
		c.hits++
		return &e.v, true
	}
	if e == nil {
		e = new(cached[V])
		c.entries[string(topic)] = e
	}
	e.gen = gen
	c.misses++
	return &e.v, false
}

// Stats counts lookups: served at once, served after a check that no filter of theirs changed, not served.
func (c *Cache[V]) Stats() (hits, revalidated, misses uint64) { return c.hits, c.reval, c.misses }

// Clear forgets everything; drop sees each value the caller left.
func (c *Cache[V]) Clear(drop func(*V)) {
	for k, e := range c.entries {
		drop(&e.v)
		delete(c.entries, k)
	}
}
