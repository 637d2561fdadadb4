package trie

import (
	"bytes"
	"encoding/binary"
)

// tree is a tree of topic levels. Its nodes are numbered, without pointers; a node's child is found by a hash
// of both, its children are linked for those who want them all. Node 0 is the root. No lock: it is guarded by
// its owner's.
type tree struct {
	keys  *keys
	heap  heap
	nodes slab[node]
	free  uint32 // first free node, linked by next; 0: none
	live  int    // nodes in use, the root excluded
	buckets
}

// node is 48 bytes. A node without value and child is pruned.
type node struct {
	parent      uint32
	child       uint32 // first one
	next, prev  uint32 // siblings
	hash, chain uint32
	value, size uint32 // the owner's: a ref of the heap and its length, or a number
	generation  uint32
	length      uint16 // of the name
	flags       uint16
	name        [shortName]byte // the name if it fits, else a ref of the heap
}

const (
	nodeLive  = 1 << iota
	nodeValue // has a value

	shortName  = 8
	nodesChunk = 11 // 2048 nodes are 12 pages of the allocator
)

func (t *tree) init(k *keys) {
	t.keys = k
	t.nodes.shift = nodesChunk
	t.nodes.add()
}

func (t *tree) node(i uint32) *node { return t.nodes.at(i) }

// name is valid until a node is added or n is freed.
func (t *tree) name(n *node) []byte {
	if n.length <= shortName {
		return n.name[:n.length]
	}
	return t.heap.view(n.nameRef(), int(n.length))
}

func (t *tree) setName(n *node, name []byte) {
	n.length = uint16(len(name))
	if len(name) <= shortName {
		copy(n.name[:], name)
	} else {
		binary.LittleEndian.PutUint32(n.name[:], uint32(t.heap.put(name)))
	}
}

func (n *node) nameRef() ref { return ref(binary.LittleEndian.Uint32(n.name[:])) }

func (t *tree) hash(parent uint32, level uint64) uint32 {
	return uint32((level ^ uint64(parent)*t.keys.child) * t.keys.mix >> 32)
}

// get returns parent's child of this name, or 0. level is its keyed hash.
func (t *tree) get(parent uint32, level uint64, name []byte) uint32 {
	if t.n == 0 || t.node(parent).child == 0 {
		return 0
	}
	hash := t.hash(parent, level)
	for i := *t.head(hash); i != 0; {
		n := t.node(i)
		if n.hash == hash && n.parent == parent && string(t.name(n)) == string(name) {
			return i
		}
		i = n.chain
	}
	return 0
}

// find returns the node of a path, or 0.
func (t *tree) find(path []byte) (i uint32) {
	for {
		name, rest, more := bytes.Cut(path, slash)
		if i = t.get(i, t.keys.level(name), name); i == 0 || !more {
			return i
		}
		path = rest
	}
}

// make returns the node of a path, with all that leads to it. The caller gives it a value.
func (t *tree) make(path []byte) (i uint32) {
	for {
		name, rest, more := bytes.Cut(path, slash)
		level := t.keys.level(name)
		child := t.get(i, level, name)
		if child == 0 {
			child = t.attach(i, level, name)
		}
		if i = child; !more {
			return i
		}
		path = rest
	}
}

func (t *tree) attach(parent uint32, level uint64, name []byte) uint32 {
	if from, to, mask, n := t.grow(); from != nil {
		t.split(from, to, mask, n)
	}
	i := t.free
	if i != 0 {
		t.free = t.node(i).next
	} else {
		i = t.nodes.add()
	}
	hash := t.hash(parent, level)
	head, p, n := t.head(hash), t.node(parent), t.node(i)
	*n = node{
		parent: parent, next: p.child, hash: hash, chain: *head,
		generation: n.generation, flags: nodeLive,
	}
	t.setName(n, name)
	if p.child != 0 {
		t.node(p.child).prev = i
	}
	*head, p.child = i, i
	t.live++
	return i
}

// prune takes away i and what led only to it, as far as there is neither value nor child.
func (t *tree) prune(i uint32) {
	for i != 0 {
		n := t.node(i)
		if n.flags != nodeLive || n.child != 0 {
			return
		}
		if n.prev != 0 {
			t.node(n.prev).next = n.next
		} else {
			t.node(n.parent).child = n.next
		}
		if n.next != 0 {
			t.node(n.next).prev = n.prev
		}
		t.unchain(i, n)
		if n.length > shortName {
			t.heap.free(n.nameRef())
		}
		parent := n.parent
		*n = node{next: t.free, generation: n.generation + 1}
		t.free = i
		t.live--
		if from, to := t.shrink(); from != nil {
			t.join(from, to)
		}
		i = parent
	}
}

func (t *tree) unchain(i uint32, n *node) {
	link := t.head(n.hash)
	for *link != i {
		link = &t.node(*link).chain
	}
	*link = n.chain
}

func (t *tree) split(from, to *uint32, mask, n uint32) {
	*to = 0
	for link := from; *link != 0; {
		i := *link
		at := t.node(i)
		if at.hash&mask == n {
			*link, at.chain, *to = at.chain, *to, i
		} else {
			link = &at.chain
		}
	}
}

func (t *tree) join(from, to *uint32) {
	for *to != 0 {
		to = &t.node(*to).chain
	}
	*to, *from = *from, 0
}

// path appends the names from the root to i.
func (t *tree) path(i uint32, dst []byte) []byte {
	size := -1
	for k := i; k != 0; k = t.node(k).parent {
		size += int(t.node(k).length) + 1
	}
	start := len(dst)
	dst = append(dst, make([]byte, max(size, 0))...)
	for at := len(dst); i != 0; {
		n := t.node(i)
		at -= int(n.length)
		copy(dst[at:], t.name(n))
		if i = n.parent; at > start {
			at--
			dst[at] = '/'
		}
	}
	return dst
}

func (t *tree) bytes() int { return t.heap.size() + t.nodes.cap()*48 + t.heads.cap()*4 }
