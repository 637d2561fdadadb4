package engine

import "hash/maphash"

// names maps client identifiers to entries. It grows by small chunks that stay where they are: a Go map with these
// entries takes 75 bytes a name and leaves as many behind while it doubles, this takes 32 and a list head. Whoever
// chooses client identifiers does not know the seed of the hash, so no list gets long.
type names struct {
	heads  []uint32 // first of the list, by hash; 0: none
	chunks []*[namesChunk]named
	free   uint32 // list of entries that are not used
	top    uint32 // entries from here on never were; 0 stands for none
	n      int
}

const namesChunk = 32

type named struct {
	id   string
	e    entry
	next uint32
}

func (t *names) at(i uint32) *named { return &t.chunks[i/namesChunk][i%namesChunk] }

// find gives the entry of a name, nil when there is none; good until the next add or remove.
func (t *names) find(hash uint64, id string) *entry {
	if t.n == 0 {
		return nil
	}
	for i := t.heads[t.head(hash)]; i != 0; {
		e := t.at(i)
		if e.id == id {
			return &e.e
		}
		i = e.next
	}
	return nil
}

func (t *names) head(hash uint64) uint64 { return hash / directoryShards & uint64(len(t.heads)-1) }

// add puts in a name that is not there.
func (t *names) add(seed maphash.Seed, hash uint64, id string, e entry) {
	if t.n >= len(t.heads) {
		t.grow(seed)
	}
	i := t.free
	if i != 0 {
		t.free = t.at(i).next
	} else {
		t.top++
		if i = t.top; int(i/namesChunk) == len(t.chunks) {
			t.chunks = append(t.chunks, new([namesChunk]named))
		}
	}
	h := &t.heads[t.head(hash)]
	*t.at(i) = named{id: id, e: e, next: *h}
	*h = i
	t.n++
}

func (t *names) grow(seed maphash.Seed) {
	old := t.heads
	t.heads = make([]uint32, max(namesChunk, 2*len(old)))
	for _, i := range old {
		for i != 0 {
			e := t.at(i)
			next := e.next
			h := &t.heads[t.head(maphash.String(seed, e.id))]
			e.next, *h = *h, i
			i = next
		}
	}
}

// remove takes a name out that is there. The last of many takes the memory with it.
func (t *names) remove(hash uint64, id string) {
	p := &t.heads[t.head(hash)]
	for t.at(*p).id != id {
		p = &t.at(*p).next
	}
	i := *p
	*p = t.at(i).next
	*t.at(i) = named{next: t.free}
	t.free = i
	if t.n--; t.n == 0 && len(t.chunks) > 1 {
		*t = names{}
	}
}
