package trie

import (
	"sync"
	"sync/atomic"
)

// deep is the fallback for the filters that shapes do not serve: those with more levels than a shape has bits
// for, and those of shapes that got no place in the plan. A tree whose nodes are levels of filters; the value
// of a node is its entry. Matching visits a node at most once, whatever the topic and the filters are, so it
// never does more than there is stored.
type deep struct {
	count atomic.Int64 // filters; looked at without the lock
	mu    sync.RWMutex
	tree
	entries
	plus, hash uint64 // the keyed hashes of "+" and "#"
}

func (d *deep) init(k *keys) {
	d.tree.init(k)
	d.plus, d.hash = k.level(plusLevel), k.level(hashLevel)
}

var plusLevel, hashLevel = []byte{'+'}, []byte{'#'}

// subscribe adds s to the filter's entry; ok is false when the fallback is full.
func (d *deep) subscribe(hash uint32, filter []byte, s Sub) (h Handle, old Sub, existed, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.tree.make(filter)
	n := d.node(i)
	if n.flags&nodeValue != 0 {
		e := d.slab.at(n.value)
		old, existed = d.add(e, s)
		return handleOf(fallback, n.value, e), old, existed, true
	}
	n.value, ok = d.create(hash, i, 1, s)
	if !ok {
		d.prune(i)
		return 0, Sub{}, false, false
	}
	n.flags |= nodeValue
	d.count.Add(1)
	return handleOf(fallback, n.value, d.slab.at(n.value)), Sub{}, false, true
}

// replace is subscribe for who is already there; ok is false when s.Ref is not.
func (d *deep) replace(filter []byte, s Sub) (h Handle, old Sub, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.node(d.find(filter))
	if n.flags&nodeValue == 0 {
		return 0, Sub{}, false
	}
	e := d.slab.at(n.value)
	if _, ok = d.entries.get(e, s.Ref); !ok {
		return 0, Sub{}, false
	}
	old, _ = d.add(e, s)
	return handleOf(fallback, n.value, e), old, true
}

func (d *deep) unsubscribe(filter []byte, who uint32) (h Handle, old Sub, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.node(d.find(filter))
	if n.flags&nodeValue == 0 {
		return 0, Sub{}, false
	}
	i := n.value
	h = handleOf(fallback, i, d.slab.at(i))
	old, ok = d.take(i, who)
	return h, old, ok
}

// take removes who's subscription from entry i, and what is left without one.
func (d *deep) take(i uint32, who uint32) (old Sub, ok bool) {
	e := d.slab.at(i)
	old, ok, empty := d.remove(e, who)
	if empty {
		at := e.name
		d.node(at).flags &^= nodeValue
		d.prune(at)
		d.destroy(i)
		d.count.Add(-1)
	}
	return old, ok
}
