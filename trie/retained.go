package trie

import (
	"bytes"
	"sync"
	"sync/atomic"
)

// Retained holds one value a topic and says which topics a filter matches, without looking at those it cannot
// match. It may be used from any goroutine. What it holds is bytes and numbers, no pointers.
//
// Topics are spread over shards by their first two levels; a filter with both of them literal is served by one.
type Retained struct {
	keys    *keys
	content atomic.Int64
	shards  [retainedShards]retainedShard
}

const retainedShards = 16

type retainedShard struct {
	mu     sync.RWMutex
	count  int
	walks  atomic.Int32 // collections on their way that have let go of mu
	unused []uint32     // nodes to prune when there is no walk
	tree
	_ [64]byte
}

// RetainedRef names a topic's place; 0 names nothing. It stays usable: Load tells when the message is gone, and
// returns a later one on the same topic if that took the place before it was cleared away.
type RetainedRef uint64

// A reference is, from the low bits, the node (32), its generation (28) and the shard (4).
func retainedRef(shard, node, generation uint32) RetainedRef {
	return RetainedRef(node) | RetainedRef(generation&(1<<28-1))<<32 | RetainedRef(shard)<<60
}

// NewRetained returns an empty tree.
func NewRetained() *Retained { return newRetained(processKeys) }

func newRetained(k *keys) *Retained {
	r := &Retained{keys: k}
	for i := range r.shards {
		r.shards[i].init(k)
	}
	return r
}

// shardOf returns the shard of topics that begin with these two levels; second is nil for a lone level.
func (r *Retained) shardOf(first, second []byte) uint32 {
	sum := r.keys.level(first) * r.keys.place[0]
	if second != nil {
		sum += r.keys.level(second) * r.keys.place[1]
	}
	return uint32(finish(sum) >> 60)
}

func (r *Retained) shard(topic []byte) *retainedShard {
	first, rest, more := bytes.Cut(topic, slash)
	if !more {
		return &r.shards[r.shardOf(first, nil)]
	}
	second, _, _ := bytes.Cut(rest, slash)
	return &r.shards[r.shardOf(first, second)]
}

// Set stores value under topic; replaced says that there was one. Each level is a node of some 50 bytes unless
// other topics share it; so whoever takes topics from strangers bounds their Levels.
func (r *Retained) Set(topic, value []byte) (replaced bool) {
	s := r.shard(topic)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tidy(tidyStep)
	i := s.make(topic)
	n := s.node(i)
	replaced = n.flags&nodeValue != 0
	if !replaced {
		n.flags |= nodeValue
		n.value = 0
		s.count++
		r.content.Add(int64(len(topic)))
	}
	r.content.Add(int64(len(value)) - int64(n.size))
	if !s.heap.fits(ref(n.value), len(value)) {
		s.heap.free(ref(n.value))
		n.value = uint32(s.heap.alloc(len(value)))
	}
	n.size = uint32(len(value))
	copy(s.heap.view(ref(n.value), len(value)), value)
	return replaced
}

// Delete removes topic's value; false: there was none.
func (r *Retained) Delete(topic []byte) bool {
	s := r.shard(topic)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tidy(tidyStep)
	i := s.find(topic)
	if s.node(i).flags&nodeValue == 0 {
		return false
	}
	r.content.Add(-int64(len(topic)) - int64(s.node(i).size))
	s.drop(i)
	return true
}

// Get appends topic's value to dst.
func (r *Retained) Get(topic, dst []byte) (value []byte, ok bool) {
	s := r.shard(topic)
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := s.node(s.find(topic))
	if n.flags&nodeValue == 0 {
		return dst, false
	}
	return append(dst, s.value(n)...), true
}

// Load appends the topic and the value that ref names; ok is false when the message was deleted.
func (r *Retained) Load(ref RetainedRef, topicBuf, valueBuf []byte) (topic, value []byte, ok bool) {
	s := &r.shards[ref>>60]
	i := uint32(ref)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i >= s.nodes.n {
		return topicBuf, valueBuf, false
	}
	n := s.node(i)
	if n.flags&nodeValue == 0 || retainedRef(uint32(ref>>60), i, n.generation) != ref {
		return topicBuf, valueBuf, false
	}
	return s.path(i, topicBuf), append(valueBuf, s.value(n)...), true
}

// Len is the number of values.
func (r *Retained) Len() (n int) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.RLock()
		n += s.count
		s.mu.RUnlock()
	}
	return n
}

// Content is the number of bytes of all topics and values. It asks for no lock.
func (r *Retained) Content() int64 { return r.content.Load() }

// Bytes is the memory the tree holds.
func (r *Retained) Bytes() (n int) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.RLock()
		n += s.bytes() + cap(s.unused)*4
		s.mu.RUnlock()
	}
	return n
}

func (s *retainedShard) value(n *node) []byte { return s.heap.view(ref(n.value), int(n.size)) }

// drop takes the value of a node away, and the node with it unless somebody may be walking over it.
func (s *retainedShard) drop(i uint32) {
	n := s.node(i)
	s.heap.free(ref(n.value))
	n.value, n.size = 0, 0
	n.flags &^= nodeValue
	s.count--
	if s.walks.Load() > 0 {
		s.unused = append(s.unused, i)
		return
	}
	s.prune(i)
}

const tidyStep = 16 // what each change clears away of what walks left behind

// tidy prunes what could not be pruned during a walk.
func (s *retainedShard) tidy(limit int) {
	for ; len(s.unused) > 0 && limit > 0 && s.walks.Load() == 0; limit-- {
		last := len(s.unused) - 1
		i := s.unused[last]
		s.unused = s.unused[:last]
		s.prune(i) // by now it may be in use again, or pruned: then this does nothing
	}
	if len(s.unused) == 0 {
		s.unused = nil
	}
}
