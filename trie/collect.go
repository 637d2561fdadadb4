package trie

import "bytes"

// Collect appends a reference for each topic with a value that filter, a valid one, matches. What is set or
// deleted meanwhile may be among them or not. The order is none.
func (r *Retained) Collect(filter []byte, dst []RetainedRef) []RetainedRef {
	var few [16]wanted
	levels, hash := r.keys.wanted(filter, few[:0])
	w := walk{levels: levels, hash: hash}
	if shard, one := w.shard(r); one {
		return w.collect(r, shard, dst)
	}
	for shard := range r.shards {
		dst = w.collect(r, uint32(shard), dst)
	}
	return dst
}

// wanted is a level of a filter.
type wanted struct {
	name []byte
	hash uint64
	plus bool
}

// walk is a way through a tree along a filter. It needs no stack: the depth says which level of the filter is
// meant, and nodes know their parents and siblings.
type walk struct {
	levels []wanted
	hash   bool // "#" follows
	node   uint32
	depth  int  // levels from the root to node
	hidden bool // node is not for this filter, nor what is below
}

// wanted appends the levels of a filter; hash says that "#" follows them.
func (k *keys) wanted(filter []byte, dst []wanted) (levels []wanted, hash bool) {
	for more := true; more; {
		var name []byte
		name, filter, more = bytes.Cut(filter, slash)
		switch {
		case len(name) == 1 && name[0] == '#':
			return dst, true
		case len(name) == 1 && name[0] == '+':
			dst = append(dst, wanted{plus: true})
		default:
			dst = append(dst, wanted{name: name, hash: k.level(name)})
		}
	}
	return dst, false
}

// shard returns the only shard that can match, if there is only one.
func (w *walk) shard(r *Retained) (shard uint32, one bool) {
	switch n := len(w.levels); {
	case n >= 2 && !w.wild(1) && !w.wild(2):
		return r.shardOf(w.levels[0].name, w.levels[1].name), true
	case n == 1 && !w.hash && !w.wild(1):
		return r.shardOf(w.levels[0].name, nil), true
	}
	return 0, false
}

const (
	walkStep = 2048 // nodes to visit before others get at the shard
	walkTidy = 4096 // nodes to prune after the last walk
)

// collect walks over a shard. It lets go of the lock now and then; nodes are not freed then, so it finds its
// way on.
func (w *walk) collect(r *Retained, shard uint32, dst []RetainedRef) []RetainedRef {
	s := &r.shards[shard]
	w.node, w.depth, w.hidden = 0, 0, false
	s.mu.RLock()
	paused := false
	for done := false; ; {
		if dst, done = w.run(s, shard, dst); done {
			break
		}
		if !paused {
			s.walks.Add(1)
			paused = true
		}
		s.mu.RUnlock()
		s.mu.RLock()
	}
	if !paused {
		s.mu.RUnlock()
		return dst
	}
	left := s.walks.Add(-1) == 0 && len(s.unused) > 0
	s.mu.RUnlock()
	if left {
		s.mu.Lock()
		s.tidy(walkTidy)
		s.mu.Unlock()
	}
	return dst
}

// run visits some nodes; done says that there are no more.
func (w *walk) run(s *retainedShard, shard uint32, dst []RetainedRef) (all []RetainedRef, done bool) {
	for range walkStep {
		if (w.hidden || !w.down(s)) && !w.on(s) {
			return dst, true
		}
		n := s.node(w.node)
		w.hidden = n.parent == 0 && w.wild(1) && n.length > 0 && s.name(n)[0] == '$' // [MQTT-4.7.2-1]
		if w.depth >= len(w.levels) && !w.hidden && n.flags&nodeValue != 0 {
			dst = append(dst, retainedRef(shard, w.node, n.generation))
		}
	}
	return dst, false
}

// wild reports whether all siblings at this depth are of interest.
func (w *walk) wild(depth int) bool { return depth > len(w.levels) || w.levels[depth-1].plus }

// down goes to the first child that can match.
func (w *walk) down(s *retainedShard) bool {
	var child uint32
	switch {
	case w.depth == len(w.levels) && !w.hash:
	case w.wild(w.depth + 1):
		child = s.node(w.node).child
	default:
		level := &w.levels[w.depth]
		child = s.get(w.node, level.hash, level.name)
	}
	if child == 0 {
		return false
	}
	w.node, w.depth = child, w.depth+1
	return true
}

// on goes to the next sibling that can match, of the node or of the nearest one above it.
func (w *walk) on(s *retainedShard) bool {
	for w.node != 0 {
		n := s.node(w.node)
		if n.next != 0 && w.wild(w.depth) {
			w.node = n.next
			return true
		}
		w.node, w.depth = n.parent, w.depth-1
	}
	return false
}
