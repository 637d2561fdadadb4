package trie

import (
	"bytes"
	"sync"
)

// descent is one topic's way down the fallback: a stack of nodes to go on from, and the levels of the topic as
// far as they were needed. It is kept for the next topic, and keeps no slice of this one.
type descent struct {
	stack  []step
	levels []topicLevel
	parsed int // bytes of the topic, slashes included; more than there are: all levels are known
}

// step is a node that the topic's first levels lead to.
type step struct{ node, depth uint32 }

type topicLevel struct {
	start, end int
	hash       uint64
	hashed     bool
}

var descents = sync.Pool{New: func() any { return new(descent) }}

const keepLevels = 4096 // a longer one is not kept for the next topic

// match appends the subscriptions of all filters that match topic, and says how many nodes it looked at.
func (d *deep) match(topic []byte, dst []Sub) (all []Sub, visited int) {
	w := descents.Get().(*descent)
	w.stack, w.levels, w.parsed = append(w.stack[:0], step{}), w.levels[:0], 0
	d.mu.RLock()
	for len(w.stack) > 0 {
		at := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		visited++
		dst = d.step(w, at, topic, dst)
	}
	d.mu.RUnlock()
	if cap(w.stack)+cap(w.levels) <= keepLevels {
		descents.Put(w)
	}
	return dst, visited
}

// fewKids are compared one by one: what costs is the memory touched, and hashing asks in three places.
const fewKids = 4

func (d *deep) step(w *descent, at step, topic []byte, dst []Sub) []Sub {
	n := d.node(at.node)
	level, more := w.level(topic, int(at.depth))
	if !more && n.flags&nodeValue != 0 {
		dst = d.appendTo(d.slab.at(n.value), dst)
	}
	var kids [fewKids]uint32
	k, kid := 0, n.child
	for ; kid != 0 && k < fewKids; k++ {
		kids[k] = kid
		kid = d.node(kid).next
	}
	if kid != 0 {
		k, kids = 0, [fewKids]uint32{d.tree.get(at.node, d.hash, hashLevel)}
		if more {
			kids[1] = d.tree.get(at.node, d.plus, plusLevel)
			kids[2] = d.tree.get(at.node, w.hash(d.keys, topic, int(at.depth)), level)
		}
		for _, kid := range kids[:3] {
			if kid != 0 {
				kids[k] = kid
				k++
			}
		}
	}
	dollar := at.node == 0 && len(topic) > 0 && topic[0] == '$'
	for _, kid := range kids[:k] {
		n := d.node(kid)
		switch name := d.name(n); {
		case len(name) == 1 && name[0] == '#': // whatever follows, and nothing, too
			if !dollar && n.flags&nodeValue != 0 { // [MQTT-4.7.2-1]
				dst = d.appendTo(d.slab.at(n.value), dst)
			}
		case !more:
		case len(name) == 1 && name[0] == '+':
			if !dollar { // [MQTT-4.7.2-1]
				w.stack = append(w.stack, step{kid, at.depth + 1})
			}
		case string(name) == string(level):
			w.stack = append(w.stack, step{kid, at.depth + 1})
		}
	}
	return dst
}

// level returns level i of the topic; all before it were asked for earlier.
func (w *descent) level(topic []byte, i int) (name []byte, ok bool) {
	if i == len(w.levels) {
		if w.parsed > len(topic) {
			return nil, false
		}
		end := len(topic)
		if k := bytes.IndexByte(topic[w.parsed:], '/'); k >= 0 {
			end = w.parsed + k
		}
		w.levels = append(w.levels, topicLevel{start: w.parsed, end: end})
		w.parsed = end + 1
	}
	l := &w.levels[i]
	return topic[l.start:l.end], true
}

// hash is the keyed hash of a level that level has returned. It is made once, however many nodes ask.
func (w *descent) hash(k *keys, topic []byte, i int) uint64 {
	l := &w.levels[i]
	if !l.hashed {
		l.hash, l.hashed = k.level(topic[l.start:l.end]), true
	}
	return l.hash
}
