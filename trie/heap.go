package trie

import "slices"

// heap hands out blocks of bytes for what has no fixed size: filters, level names, values, short lists. Blocks
// are cut from pages of one size class each, so a million blocks are a few thousand objects to the garbage
// collector, a freed block serves the next of its class, and a page without blocks goes back. What is too big
// for a class is an allocation of its own. No lock: a heap is guarded by its owner's.
type heap struct {
	pages     []page
	freePages []uint32
	large     [][]byte
	freeLarge []uint32
	classes   [heapClasses]heapClass
	bytes     int // of all blocks and pages
}

// ref names a block of a heap; 0 is the empty block.
type ref uint32

const (
	heapClasses = 40
	heapMax     = 1024    // larger blocks stand alone
	largeRef    = 1 << 31 // marks a ref that is an index into large
	pageBlocks  = 128     // most blocks a page may have: the low bits of a ref
	pageTarget  = 8192    // bytes that a page of large blocks should not exceed by much
	maxPages    = 1 << 24 // page numbers a ref can hold
)

type heapClass struct {
	room  uint32 // a page with a free block, as number+1
	pages uint32
}

type page struct {
	buf        []byte
	next, prev uint32 // neighbours among the class's pages with room, as number+1
	class      uint8
	blocks     uint8
	used       uint8 // blocks handed out
	fresh      uint8 // blocks ever handed out: those behind were never used
	free       uint8 // first block of the free list, as number+1; a free block's first byte is the next
}

// classOf returns the class for n bytes: steps of 8 up to 128, then eight steps to each doubling, so that no
// more than an eighth is lost.
func classOf(n int) int {
	switch {
	case n <= 128:
		return (n+7)>>3 - 1
	case n <= 256:
		return 16 + (n-129)>>4
	case n <= 512:
		return 24 + (n-257)>>5
	}
	return 32 + (n-513)>>6
}

func classSize(c int) int {
	switch {
	case c < 16:
		return (c + 1) << 3
	case c < 24:
		return 128 + (c-15)<<4
	case c < 32:
		return 256 + (c-23)<<5
	}
	return 512 + (c-31)<<6
}

// alloc returns a block for n bytes; what is in it is whatever was there.
func (h *heap) alloc(n int) ref {
	if n == 0 {
		return 0
	}
	if n > heapMax {
		return h.allocLarge(n)
	}
	class := classOf(n)
	if h.classes[class].room == 0 && !h.addPage(class) {
		return h.allocLarge(n)
	}
	number := h.classes[class].room - 1
	p := &h.pages[number]
	block := uint32(p.fresh)
	if p.free != 0 {
		block = uint32(p.free) - 1
		p.free = p.buf[int(block)*classSize(class)]
	} else {
		p.fresh++
	}
	p.used++
	if p.free == 0 && p.fresh == p.blocks {
		h.unlist(number)
	}
	return ref(number*pageBlocks+block) + 1
}

// put copies b into a block.
func (h *heap) put(b []byte) ref {
	r := h.alloc(len(b))
	copy(h.view(r, len(b)), b)
	return r
}

// view returns the first n bytes of a block. It is valid until the block is freed.
func (h *heap) view(r ref, n int) []byte {
	if r == 0 {
		return nil
	}
	if r >= largeRef {
		return h.large[r-largeRef][:n]
	}
	r--
	p := &h.pages[r/pageBlocks]
	at := int(r%pageBlocks) * classSize(int(p.class))
	return p.buf[at : at+n]
}

// fits reports whether n bytes belong into the block r as it is: they fit, and no smaller block would do.
func (h *heap) fits(r ref, n int) bool {
	switch {
	case r == 0 || n == 0:
		return r == 0 && n == 0
	case r >= largeRef:
		have := len(h.large[r-largeRef])
		return n > heapMax && n <= have && n >= have-have/8
	case n > heapMax:
		return false
	}
	return int(h.pages[(r-1)/pageBlocks].class) == classOf(n)
}

// free gives a block back.
func (h *heap) free(r ref) {
	if r == 0 {
		return
	}
	if r >= largeRef {
		i := uint32(r - largeRef)
		h.bytes -= len(h.large[i])
		h.large[i] = nil
		h.freeLarge = append(h.freeLarge, i)
		return
	}
	r--
	number, block := uint32(r/pageBlocks), uint32(r%pageBlocks)
	p := &h.pages[number]
	full := p.free == 0 && p.fresh == p.blocks
	p.buf[int(block)*classSize(int(p.class))] = p.free
	p.free = uint8(block + 1)
	p.used--
	if full {
		h.list(number)
	}
	// The last page with room stays: a lone block that comes and goes shall not make and drop a page each time.
	if p.used == 0 && (p.next != 0 || p.prev != 0) {
		h.dropPage(number)
	}
}

// addPage gives a class a page with room. Pages grow with their class, so a small index stays small.
func (h *heap) addPage(class int) bool {
	number := uint32(len(h.pages))
	if n := len(h.freePages); n > 0 {
		number = h.freePages[n-1]
		h.freePages = h.freePages[:n-1]
	} else if number == maxPages {
		return false
	} else {
		h.pages = append(h.pages, page{})
	}
	c := &h.classes[class]
	size := classSize(class)
	blocks := min(4<<min(c.pages, 3), max(pageTarget/size, 8))
	buf := slices.Grow([]byte(nil), blocks*size) // rounded up to what the allocator gives anyway
	blocks = min(cap(buf)/size, pageBlocks)
	buf = buf[:blocks*size]
	h.pages[number] = page{buf: buf, class: uint8(class), blocks: uint8(blocks)}
	h.bytes += len(buf)
	c.pages++
	h.list(number)
	return true
}

func (h *heap) dropPage(number uint32) {
	p := &h.pages[number]
	h.unlist(number)
	h.bytes -= len(p.buf)
	h.classes[p.class].pages--
	*p = page{}
	h.freePages = append(h.freePages, number)
}

// list puts a page in front of the pages of its class with room.
func (h *heap) list(number uint32) {
	p := &h.pages[number]
	c := &h.classes[p.class]
	p.prev, p.next = 0, c.room
	if c.room != 0 {
		h.pages[c.room-1].prev = number + 1
	}
	c.room = number + 1
}

func (h *heap) unlist(number uint32) {
	p := &h.pages[number]
	if p.prev != 0 {
		h.pages[p.prev-1].next = p.next
	} else {
		h.classes[p.class].room = p.next
	}
	if p.next != 0 {
		h.pages[p.next-1].prev = p.prev
	}
	p.next, p.prev = 0, 0
}

func (h *heap) allocLarge(n int) ref {
	i := uint32(len(h.large))
	if k := len(h.freeLarge); k > 0 {
		i = h.freeLarge[k-1]
		h.freeLarge = h.freeLarge[:k-1]
		h.large[i] = make([]byte, n)
	} else {
		h.large = append(h.large, make([]byte, n))
	}
	h.bytes += n
	return ref(i) + largeRef
}

// size is the memory the heap holds, its own tables included.
func (h *heap) size() int {
	return h.bytes + cap(h.pages)*40 + (cap(h.freePages)+cap(h.freeLarge))*4 + cap(h.large)*24
}
