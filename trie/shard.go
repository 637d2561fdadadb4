package trie

import (
	"bytes"
	"slices"
	"sync"
)

// shard holds the filters whose key falls to it.
type shard struct {
	table
	_  [48]byte // what is read without the lock is not disturbed by those who take it
	mu sync.RWMutex
	entries
	_ [64]byte
}

// lookup finds the entry of a filter.
func (s *shard) lookup(hash uint32, filter []byte) (i uint32, at int) {
	for i, at = s.seek(hash); at >= 0; i, at = s.next(hash, at) {
		if e := s.slab.at(i); e.hash == hash && bytes.Equal(s.filter(e), filter) {
			break
		}
	}
	return i, at
}

func (s *shard) filter(e *entry) []byte { return s.heap.view(ref(e.name), int(e.length)) }

// subscribe adds s to the filter's entry; ok is false when the shard is full.
func (s *shard) subscribe(hash uint32, filter []byte, sub Sub) (i uint32, e *entry, old Sub, existed, ok bool) {
	i, at := s.lookup(hash, filter)
	if at >= 0 {
		e = s.slab.at(i)
		old, existed = s.add(e, sub)
		return i, e, old, existed, true
	}
	name := s.heap.put(filter)
	if i, ok = s.create(hash, uint32(name), len(filter), sub); !ok {
		s.heap.free(name)
		return 0, nil, Sub{}, false, false
	}
	s.insert(hash, i, &s.entries)
	return i, s.slab.at(i), Sub{}, false, true
}

// unsubscribe takes who's subscription out of entry i, and the entry away with the last one.
func (s *shard) unsubscribe(i uint32, who uint32) (old Sub, ok bool) {
	e := s.slab.at(i)
	old, ok, empty := s.entries.remove(e, who)
	if empty {
		_, at := s.lookup(e.hash, s.filter(e))
		s.heap.free(ref(e.name))
		s.destroy(i)
		s.table.remove(at, &s.entries)
	}
	return old, ok
}

const (
	pagesAtOnce = 32 // pages of a long list that are copied under one lock: some 4,000 subscriptions
	restarts    = 3  // of copying a long list that others shrink meanwhile; then the lock is kept
)

// match appends the subscriptions of the filter with this shape that matches topic.
func (s *shard) match(hash uint32, topic []byte, sh shape, dst []Sub) []Sub {
	start := len(dst)
	for try := 0; ; try++ {
		s.mu.RLock()
		e := s.matching(hash, topic, sh)
		if e == nil {
			s.mu.RUnlock()
			return dst
		}
		if try == restarts || !e.paged() || len(s.lists[e.sub.Ref].pages) <= pagesAtOnce {
			dst = s.appendTo(e, dst)
			s.mu.RUnlock()
			return dst
		}
		l := s.lists[e.sub.Ref]
		n, moved := l.n, l.moved
		s.mu.RUnlock()
		var done bool
		if dst, done = s.copyList(l, moved, slices.Grow(dst, n)); done {
			return dst
		}
		dst = dst[:start]
	}
}

// copyList copies a long list in pieces, with the lock free in between. done is false when that has been
// spoilt.
func (s *shard) copyList(l *pagedList, moved uint32, dst []Sub) (all []Sub, done bool) {
	for page := 0; ; page += pagesAtOnce {
		s.mu.RLock()
		if l.dead || l.moved != moved {
			s.mu.RUnlock()
			return dst, false
		}
		last := page+pagesAtOnce >= len(l.pages)
		if page < len(l.pages) {
			dst = l.appendPages(page, min(page+pagesAtOnce, len(l.pages)), dst)
		}
		s.mu.RUnlock()
		if last {
			return dst, true
		}
	}
}

// matching finds the entry of the one filter with this shape that matches topic.
func (s *shard) matching(hash uint32, topic []byte, sh shape) *entry {
	for i, at := s.seek(hash); at >= 0; i, at = s.next(hash, at) {
		if e := s.slab.at(i); e.hash == hash && sh.filters(s.filter(e), topic) {
			return e
		}
	}
	return nil
}

// filters reports whether filter is the one of this shape that matches topic. Equal hashes do not prove it.
func (s shape) filters(filter, topic []byte) bool {
	plus := s.plus
	for i := 0; i < int(s.levels); i++ {
		if i > 0 {
			if len(filter) == 0 || filter[0] != '/' || len(topic) == 0 || topic[0] != '/' {
				return false
			}
			filter, topic = filter[1:], topic[1:]
		}
		k := 0
		if plus&1 != 0 {
			if len(filter) == 0 || filter[0] != '+' {
				return false
			}
			for k < len(topic) && topic[k] != '/' {
				k++
			}
			filter, topic = filter[1:], topic[k:]
		} else {
			for k < len(topic) && topic[k] != '/' {
				k++
			}
			if len(filter) < k || string(filter[:k]) != string(topic[:k]) {
				return false
			}
			filter, topic = filter[k:], topic[k:]
		}
		plus >>= 1
	}
	if !s.hash {
		return len(filter) == 0 && len(topic) == 0
	}
	if s.levels == 0 {
		return string(filter) == "#"
	}
	return string(filter) == "/#" && (len(topic) == 0 || topic[0] == '/')
}
