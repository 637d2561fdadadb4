// Package wheel holds the timers of one event loop: keep alive, session expiry, will delay, retries.
//
// A Wheel belongs to its loop's goroutine and takes no lock. A timer is 24 bytes without a pointer in slabs
// that never move, so a million of them cost the garbage collector nothing and growing copies nothing.
// Time is counted in ticks that the owner gives; the wheel reads no clock.
//
// Traffic should not touch the wheel: an owner notes the tick of the last packet beside the connection, and
// when the timer fires compares and adds again. Three levels of 256 buckets reach 2^24 ticks ahead (19
// days at 100 ms); what lies beyond fires early and is added again by the same rule.
package wheel

// ID names a timer from Add until it fires or is deleted; then it may be given again. 0 names none.
type ID uint32

const (
	bits    = 8
	buckets = 1 << bits
	mask    = buckets - 1
	levels  = 3
	horizon = 1<<(bits*levels) - 1 // farthest a timer can be ahead of now

	// Lists are rings through a node of their own, which makes splicing and appending cheap
	// and lets a node leave whichever list it is in without knowing it.
	due       = 1           // what fires next
	cascade   = due + 1     // +1, +2: what moves down from levels 1 and 2
	firstList = cascade + 2 // then the buckets, level by level
	firstFree = firstList + levels*buckets

	slabBits = 10
	slabSize = 1 << slabBits
)

// Work of one Advance call, in units of one timer moved: about a millisecond.
const (
	budget   = 16384
	fireCost = 8
)

// node is a timer or the head of a list. A free node has next in the free list and at left over.
type node struct {
	data       uint64
	at         uint32
	next, prev uint32 // prev is 0 while the node is free
}

// Wheel is a set of timers. Use New.
type Wheel struct {
	now   uint32
	free  uint32 // first free node
	top   uint32 // nodes from here on were never used
	n     int
	used  [buckets / 64]uint64 // buckets of level 0 that may hold something
	slabs []*[slabSize]node
}

// New makes a wheel whose present tick is now.
func New(now uint32) *Wheel {
	w := &Wheel{now: now, top: firstFree}
	w.grow()
	for i := uint32(due); i < firstFree; i++ {
		h := w.node(i)
		h.next, h.prev = i, i
	}
	return w
}

func (w *Wheel) node(i uint32) *node { return &w.slabs[i>>slabBits][i&(slabSize-1)] }

func (w *Wheel) grow() { w.slabs = append(w.slabs, new([slabSize]node)) }

// Len is how many timers wait.
func (w *Wheel) Len() int { return w.n }

// Now is the tick up to which Advance has come.
func (w *Wheel) Now() uint32 { return w.now }

// Add sets a timer that fires when Advance reaches tick at (the next time, if at has passed) and gives data
// to the owner then.
func (w *Wheel) Add(at uint32, data uint64) ID {
	i := w.free
	if i != 0 {
		w.free = w.node(i).next
	} else {
		i = w.top
		if w.top++; int(i>>slabBits) == len(w.slabs) {
			w.grow()
		}
	}
	w.node(i).data = data
	w.n++
	w.link(i, at)
	return ID(i)
}

// Del ends a timer before it fires. An ID whose timer has fired or was deleted must not be used any more: it
// may belong to another timer by now.
func (w *Wheel) Del(id ID) {
	if w.unlink(uint32(id)) {
		w.release(uint32(id))
	}
}

// Reset moves a waiting timer to another tick and keeps its ID and data.
func (w *Wheel) Reset(id ID, at uint32) {
	if w.unlink(uint32(id)) {
		w.link(uint32(id), at)
	}
}

func (w *Wheel) unlink(i uint32) bool {
	if i < firstFree || i >= w.top {
		return false
	}
	n := w.node(i)
	if n.prev == 0 {
		return false // free
	}
	w.node(n.prev).next = n.next
	w.node(n.next).prev = n.prev
	return true
}

func (w *Wheel) release(i uint32) {
	n := w.node(i)
	n.next, n.prev = w.free, 0
	w.free = i
	w.n--
}

// link appends node i to the list of tick at.
func (w *Wheel) link(i, at uint32) {
	ahead := int32(at - w.now)
	if ahead > horizon {
		ahead = horizon
		at = w.now + horizon
	}
	list := uint32(due)
	switch {
	case ahead <= 0:
	case ahead < buckets:
		list = firstList + at&mask
		w.used[at&mask/64] |= 1 << (at % 64)
	case ahead < buckets<<bits:
		list = firstList + buckets + at>>bits&mask
	default:
		list = firstList + 2*buckets + at>>(2*bits)&mask
	}
	n, h := w.node(i), w.node(list)
	n.at = at
	n.next, n.prev = list, h.prev
	w.node(h.prev).next = i
	h.prev = i
}
