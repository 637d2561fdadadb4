package trie

import "math/bits"

// pagedList is the list of a filter with very many subscribers. Each keeps its place while the list is dense,
// so that a reader may copy page by page and let others in between: what was there all the time is copied
// once. Only when the list has shrunk to half of its pages the last one moves into the place that gets free,
// and moved tells readers to start again. A table of places finds a Ref without a search.
type pagedList struct {
	pages []*subPage
	n     int
	open  []uint64 // a bit for each page: it has room
	parts []placeTable
	moved uint32
	dead  bool // the list is not used any more
}

const pageSubs = 126 // such a page fills a size class of the allocator

type subPage struct {
	subs [pageSubs]Sub
	live [2]uint64
	n    uint32
}

const (
	partsAt  = 4096 // with so many the table is split, so that one that grows never holds up for long
	partBits = 8
)

func (l *pagedList) at(place uint32) *Sub { return &l.pages[place/pageSubs].subs[place%pageSubs] }

func (l *pagedList) get(who uint32) (s Sub, ok bool) {
	if place, ok := l.part(who).find(l, who); ok {
		return *l.at(place), true
	}
	return Sub{}, false
}

func (l *pagedList) add(s Sub) (old Sub, existed bool) {
	if place, ok := l.part(s.Ref).find(l, s.Ref); ok {
		p := l.at(place)
		old, *p = *p, s
		return old, true
	}
	place := l.free()
	l.put(place, s)
	l.n++
	if l.n == partsAt && len(l.parts) == 1 {
		l.split()
	}
	l.part(s.Ref).add(l, s.Ref, place)
	return Sub{}, false
}

func (l *pagedList) remove(who uint32) (old Sub, ok bool) {
	part := l.part(who)
	place, ok := part.find(l, who)
	if !ok {
		return Sub{}, false
	}
	old = *l.at(place)
	part.remove(l, who)
	l.clear(place)
	l.n--
	if l.n*2 < len(l.pages)*pageSubs {
		if last := l.last(); last > place {
			s := *l.at(last)
			part := l.part(s.Ref)
			part.remove(l, s.Ref)
			l.clear(last)
			l.put(place, s)
			part.add(l, s.Ref, place)
			l.moved++
		}
		for k := len(l.pages) - 1; k >= 0 && l.pages[k].n == 0; k-- {
			l.pages[k] = nil
			l.pages = l.pages[:k]
			l.open[k/64] &^= 1 << (k % 64)
		}
	}
	return old, true
}

// free returns a place that is not in use: the first page that has one, so that the last pages empty first.
func (l *pagedList) free() uint32 {
	page := len(l.pages)
	for w, open := range l.open {
		if open != 0 {
			page = w*64 + bits.TrailingZeros64(open)
			break
		}
	}
	if page == len(l.pages) {
		l.pages = append(l.pages, new(subPage))
		if page/64 == len(l.open) {
			l.open = append(l.open, 0)
		}
		l.open[page/64] |= 1 << (page % 64)
	}
	return uint32(page*pageSubs + l.pages[page].firstFree())
}

func (l *pagedList) put(place uint32, s Sub) {
	p, i := l.pages[place/pageSubs], place%pageSubs
	p.subs[i] = s
	p.live[i>>6] |= 1 << (i & 63)
	if p.n++; p.n == pageSubs {
		l.open[place/pageSubs/64] &^= 1 << (place / pageSubs % 64)
	}
}

func (l *pagedList) clear(place uint32) {
	p, i := l.pages[place/pageSubs], place%pageSubs
	p.live[i>>6] &^= 1 << (i & 63)
	p.n--
	l.open[place/pageSubs/64] |= 1 << (place / pageSubs % 64)
}

// last is the highest place in use.
func (l *pagedList) last() uint32 {
	for k := len(l.pages) - 1; k >= 0; k-- {
		for w := len(l.pages[k].live) - 1; w >= 0; w-- {
			if live := l.pages[k].live[w]; live != 0 {
				return uint32(k*pageSubs + w*64 + 63 - bits.LeadingZeros64(live))
			}
		}
	}
	return 0
}

func (p *subPage) firstFree() int {
	if i := bits.TrailingZeros64(^p.live[0]); i < 64 {
		return i
	}
	return 64 + bits.TrailingZeros64(^p.live[1])
}

// appendPages appends what is on the pages from … to-1.
func (l *pagedList) appendPages(from, to int, dst []Sub) []Sub {
	for _, p := range l.pages[from:to] {
		if p.n == pageSubs {
			dst = append(dst, p.subs[:]...)
			continue
		}
		for w, live := range p.live {
			for ; live != 0; live &= live - 1 {
				dst = append(dst, p.subs[w*64+bits.TrailingZeros64(live)])
			}
		}
	}
	return dst
}

func (l *pagedList) part(who uint32) *placeTable {
	switch len(l.parts) {
	case 0:
		l.parts = make([]placeTable, 1)
		fallthrough
	case 1:
		return &l.parts[0]
	}
	return &l.parts[placeHash(who)>>(32-partBits)]
}

func (l *pagedList) split() {
	old := l.parts[0]
	l.parts = make([]placeTable, 1<<partBits)
	for _, place := range old.slots {
		if place != 0 {
			who := l.at(place - 1).Ref
			l.part(who).add(l, who, place-1)
		}
	}
}

func (l *pagedList) size() int {
	n := len(l.pages)*(1536+8) + cap(l.open)*8 + len(l.parts)*32
	for i := range l.parts {
		n += cap(l.parts[i].slots) * 4
	}
	return n
}

// placeTable finds places by Ref: open addressing, without tombstones. A slot is a place+1.
type placeTable struct {
	slots []uint32
	n     int
}

func placeHash(who uint32) uint32 { return who * 0x9E3779B1 }

func (t *placeTable) home(who uint32) int {
	h := placeHash(who)
	return int((h ^ h>>15) & uint32(len(t.slots)-1))
}

func (t *placeTable) find(l *pagedList, who uint32) (place uint32, ok bool) {
	i, ok := t.slot(l, who)
	if !ok {
		return 0, false
	}
	return t.slots[i] - 1, true
}

func (t *placeTable) slot(l *pagedList, who uint32) (i int, ok bool) {
	if len(t.slots) == 0 {
		return 0, false
	}
	for i = t.home(who); t.slots[i] != 0; i = (i + 1) & (len(t.slots) - 1) {
		if l.at(t.slots[i]-1).Ref == who {
			return i, true
		}
	}
	return 0, false
}

func (t *placeTable) add(l *pagedList, who, place uint32) {
	if (t.n+1)*4 > len(t.slots)*3 {
		t.rehash(l, max(8, 2*len(t.slots)))
	}
	t.insert(who, place)
	t.n++
}

func (t *placeTable) insert(who, place uint32) {
	i := t.home(who)
	for t.slots[i] != 0 {
		i = (i + 1) & (len(t.slots) - 1)
	}
	t.slots[i] = place + 1
}

func (t *placeTable) rehash(l *pagedList, size int) {
	old := t.slots
	t.slots = make([]uint32, size)
	for _, place := range old {
		if place != 0 {
			t.insert(l.at(place-1).Ref, place-1)
		}
	}
}

// remove closes the gap: those behind whose way led over it move up.
func (t *placeTable) remove(l *pagedList, who uint32) {
	gap, ok := t.slot(l, who)
	if !ok {
		return
	}
	mask := len(t.slots) - 1
	for i := (gap + 1) & mask; t.slots[i] != 0; i = (i + 1) & mask {
		home := t.home(l.at(t.slots[i] - 1).Ref)
		if (i-home)&mask >= (i-gap)&mask {
			t.slots[gap] = t.slots[i]
			gap = i
		}
	}
	t.slots[gap] = 0
	t.n--
	if len(t.slots) > 64 && t.n*8 < len(t.slots) {
		t.rehash(l, len(t.slots)/2)
	}
}
