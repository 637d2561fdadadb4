package trie

import "encoding/binary"

// Sub is one subscription. The index does not look into it: Ref says who, and is the identity within a filter;
// Opt and ID come back as they were given.
type Sub struct{ Ref, Opt, ID uint32 }

const (
	subBytes  = 12
	blockSubs = 64 // a longer list is paged
	pagedSubs = 32 // a paged list this short is a block again
)

// entry is a filter with subscribers: 24 bytes, no pointer. A single subscription is kept inside; two and more
// are a block of the heap, many a pagedList.
type entry struct {
	hash   uint32
	name   uint32 // the filter: a ref of the heap, in the fallback a node; of a free entry: the next one, as number+1
	length uint16 // of the filter; 0: the entry is free
	meta   uint16 // bit 0: several; the rest: generation
	sub    Sub    // several: Ref = block or paged list, Opt = how many, ID = 1 for a paged list
}

const (
	several    = 1
	generation = ^uint16(several)
	maxEntries = 1<<24 - 2 // what a table's slot can hold
)

func (e *entry) several() bool { return e.meta&several != 0 }
func (e *entry) paged() bool   { return e.several() && e.sub.ID == 1 }

// entries holds the entries of a shard and their lists. No lock: it is guarded by its owner's.
type entries struct {
	heap  heap
	slab  slab[entry]
	free  uint32 // first free entry, as number+1
	used  int    // filters
	subs  int    // subscriptions
	lists []*pagedList
	spare []uint32 // free places in lists
}

const entriesChunk = 7 // 128 entries are 3 KB, a size class of the allocator

// create returns a new entry with its first subscription; ok is false when there are as many as can be.
func (en *entries) create(hash, name uint32, length int, s Sub) (i uint32, ok bool) {
	if i = en.free; i != 0 {
		i--
		en.free = en.slab.at(i).name
	} else if en.slab.n >= maxEntries {
		return 0, false
	} else {
		en.slab.shift = entriesChunk
		i = en.slab.add()
	}
	e := en.slab.at(i)
	*e = entry{hash: hash, name: name, length: uint16(length), meta: e.meta, sub: s}
	en.used++
	en.subs++
	return i, true
}

// destroy frees an entry that has no subscription left. Its generation moves on, so that old handles miss it.
func (en *entries) destroy(i uint32) {
	e := en.slab.at(i)
	*e = entry{name: en.free, meta: e.meta&generation + several<<1}
	en.free = i + 1
	en.used--
}

// add puts s into the list of an entry, in place of what its Ref had there.
func (en *entries) add(e *entry, s Sub) (old Sub, existed bool) {
	switch {
	case !e.several():
		if e.sub.Ref == s.Ref {
			old, e.sub = e.sub, s
			return old, true
		}
		r := en.heap.alloc(2 * subBytes)
		b := en.heap.view(r, 2*subBytes)
		storeSub(b, 0, e.sub)
		storeSub(b, 1, s)
		e.meta |= several
		e.sub = Sub{Ref: uint32(r), Opt: 2}
	case e.paged():
		l := en.lists[e.sub.Ref]
		if old, existed = l.add(s); existed {
			return old, true
		}
		e.sub.Opt++
	default:
		n := int(e.sub.Opt)
		b := en.heap.view(ref(e.sub.Ref), n*subBytes)
		if at := findSub(b, s.Ref); at >= 0 {
			old = loadSub(b, at)
			storeSub(b, at, s)
			return old, true
		}
		if n == blockSubs {
			en.toPaged(e).add(s)
		} else {
			en.resize(e, n+1)
			storeSub(en.heap.view(ref(e.sub.Ref), (n+1)*subBytes), n, s)
		}
		e.sub.Opt++
	}
	en.subs++
	return Sub{}, false
}

// remove takes ref's subscription out. empty says that it was the last one; the entry still stands then.
func (en *entries) remove(e *entry, who uint32) (old Sub, ok, empty bool) {
	switch {
	case !e.several():
		if e.sub.Ref != who {
			return Sub{}, false, false
		}
		en.subs--
		return e.sub, true, true
	case e.paged():
		l := en.lists[e.sub.Ref]
		if old, ok = l.remove(who); !ok {
			return Sub{}, false, false
		}
		e.sub.Opt--
		if l.n <= pagedSubs {
			en.toBlock(e)
		}
	default:
		n := int(e.sub.Opt)
		b := en.heap.view(ref(e.sub.Ref), n*subBytes)
		at := findSub(b, who)
		if at < 0 {
			return Sub{}, false, false
		}
		old = loadSub(b, at)
		last := loadSub(b, n-1)
		storeSub(b, at, last)
		if n == 2 {
			other := loadSub(b, 0)
			en.heap.free(ref(e.sub.Ref))
			e.meta &^= several
			e.sub = other
		} else {
			en.resize(e, n-1)
			e.sub.Opt--
		}
	}
	en.subs--
	return old, true, false
}

// get returns ref's subscription.
func (en *entries) get(e *entry, who uint32) (s Sub, ok bool) {
	switch {
	case !e.several():
		if e.sub.Ref != who {
			return Sub{}, false
		}
		return e.sub, true
	case e.paged():
		return en.lists[e.sub.Ref].get(who)
	}
	b := en.heap.view(ref(e.sub.Ref), int(e.sub.Opt)*subBytes)
	at := findSub(b, who)
	if at < 0 {
		return Sub{}, false
	}
	return loadSub(b, at), true
}

// appendTo appends the whole list.
func (en *entries) appendTo(e *entry, dst []Sub) []Sub {
	switch {
	case !e.several():
		return append(dst, e.sub)
	case e.paged():
		l := en.lists[e.sub.Ref]
		return l.appendPages(0, len(l.pages), dst)
	}
	b := en.heap.view(ref(e.sub.Ref), int(e.sub.Opt)*subBytes)
	for i := 0; i < int(e.sub.Opt); i++ {
		dst = append(dst, loadSub(b, i))
	}
	return dst
}

// resize moves a block to where n subscriptions belong.
func (en *entries) resize(e *entry, n int) {
	r := ref(e.sub.Ref)
	if en.heap.fits(r, n*subBytes) {
		return
	}
	moved := en.heap.alloc(n * subBytes)
	copy(en.heap.view(moved, n*subBytes), en.heap.view(r, min(n, int(e.sub.Opt))*subBytes))
	en.heap.free(r)
	e.sub.Ref = uint32(moved)
}

func (en *entries) toPaged(e *entry) *pagedList {
	l := new(pagedList)
	b := en.heap.view(ref(e.sub.Ref), int(e.sub.Opt)*subBytes)
	for i := 0; i < int(e.sub.Opt); i++ {
		l.add(loadSub(b, i))
	}
	en.heap.free(ref(e.sub.Ref))
	if n := len(en.spare); n > 0 {
		e.sub.Ref = en.spare[n-1]
		en.spare = en.spare[:n-1]
		en.lists[e.sub.Ref] = l
	} else {
		e.sub.Ref = uint32(len(en.lists))
		en.lists = append(en.lists, l)
	}
	e.sub.ID = 1
	return l
}

func (en *entries) toBlock(e *entry) {
	l := en.lists[e.sub.Ref]
	r := en.heap.alloc(l.n * subBytes)
	b := en.heap.view(r, l.n*subBytes)
	for i, s := range l.appendPages(0, len(l.pages), make([]Sub, 0, pagedSubs)) {
		storeSub(b, i, s)
	}
	l.dead = true
	en.lists[e.sub.Ref] = nil
	en.spare = append(en.spare, e.sub.Ref)
	e.sub.Ref, e.sub.ID = uint32(r), 0
}

// size is the memory of it all.
func (en *entries) size() int {
	n := en.heap.size() + en.slab.cap()*24 + cap(en.lists)*8
	for _, l := range en.lists {
		if l != nil {
			n += l.size()
		}
	}
	return n
}

func loadSub(b []byte, i int) Sub {
	b = b[i*subBytes : i*subBytes+subBytes]
	return Sub{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])}
}

func storeSub(b []byte, i int, s Sub) {
	b = b[i*subBytes : i*subBytes+subBytes]
	binary.LittleEndian.PutUint32(b, s.Ref)
	binary.LittleEndian.PutUint32(b[4:], s.Opt)
	binary.LittleEndian.PutUint32(b[8:], s.ID)
}

func findSub(b []byte, who uint32) int {
	for i := 0; i < len(b); i += subBytes {
		if binary.LittleEndian.Uint32(b[i:]) == who {
			return i / subBytes
		}
	}
	return -1
}
