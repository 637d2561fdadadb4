package trie

import "sync"

// Sub is one subscription. The index does not look into it: Ref says who, and is the identity within a filter;
// Opt and ID come back as they were given.
type Sub struct{ Ref, Opt, ID uint32 }

// Handle names a filter's entry while anyone subscribes to it; 0 names nothing.
type Handle uint64

// Index says who subscribed to what matches a topic. It may be used from any goroutine.
type Index struct {
	mu     sync.RWMutex
	byName map[string]Handle
	byID   map[Handle]*entry
	last   Handle
	subs   int
	gen    uint64
}

type entry struct {
	filter string
	subs   []Sub
}

// NewIndex returns an empty index.
func NewIndex() *Index { return &Index{byName: map[string]Handle{}, byID: map[Handle]*entry{}} }

// Subscribe adds s to filter, or replaces what s.Ref had there and returns it.
func (x *Index) Subscribe(filter []byte, s Sub) (h Handle, old Sub, existed bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.gen++
	h = x.byName[string(filter)]
	if h == 0 {
		x.last++
		h = x.last
		x.byName[string(filter)] = h
		x.byID[h] = &entry{filter: string(filter)}
	}
	e := x.byID[h]
	for i := range e.subs {
		if e.subs[i].Ref == s.Ref {
			old, e.subs[i] = e.subs[i], s
			return h, old, true
		}
	}
	e.subs = append(e.subs, s)
	x.subs++
	return h, Sub{}, false
}

// Unsubscribe takes ref's subscription out of filter and returns it.
func (x *Index) Unsubscribe(filter []byte, ref uint32) (h Handle, old Sub, ok bool) {
	x.mu.RLock()
	h = x.byName[string(filter)]
	x.mu.RUnlock()
	old, ok = x.Remove(h, ref)
	return h, old, ok
}

// Remove is Unsubscribe by handle.
func (x *Index) Remove(h Handle, ref uint32) (old Sub, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.byID[h]
	if e == nil {
		return Sub{}, false
	}
	for i := range e.subs {
		if e.subs[i].Ref == ref {
			old = e.subs[i]
			e.subs = append(e.subs[:i], e.subs[i+1:]...)
			if len(e.subs) == 0 {
				delete(x.byID, h)
				delete(x.byName, e.filter)
			}
			x.gen++
			x.subs--
			return old, true
		}
	}
	return Sub{}, false
}

// Get returns ref's subscription and the filter, appended to dst.
func (x *Index) Get(h Handle, ref uint32, dst []byte) (filter []byte, s Sub, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if e := x.byID[h]; e != nil {
		for _, s := range e.subs {
			if s.Ref == ref {
				return append(dst, e.filter...), s, true
			}
		}
	}
	return dst, Sub{}, false
}

// Match appends the subscriptions whose filter matches topic to dst. One Ref may come several times, once for
// each of its filters that match.
func (x *Index) Match(topic []byte, dst []Sub) []Sub {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, e := range x.byID {
		if Matches([]byte(e.filter), topic) {
			dst = append(dst, e.subs...)
		}
	}
	return dst
}

// Len is the number of subscriptions.
func (x *Index) Len() int { x.mu.RLock(); defer x.mu.RUnlock(); return x.subs }

// Filters is the number of different filters.
func (x *Index) Filters() int { x.mu.RLock(); defer x.mu.RUnlock(); return len(x.byID) }

// Bytes is the memory the index holds.
func (x *Index) Bytes() int { return 100 * x.Len() }
