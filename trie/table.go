package trie

import "sync/atomic"

// table says which entry a hash belongs to: open addressing over 4-byte slots. Writers hold the shard's lock.
// Whether there may be anything under a hash is asked without it: an entry never changes its slot within a
// table, slots between its home and it are never emptied, and a table that has been replaced is not written
// any more; so a reader finds whatever was there before it began.
type table struct {
	current atomic.Pointer[[]atomic.Uint32]
	used    int // slots that are not empty, tombstones included
}

// A slot is the low byte of the hash and the entry's number+1.
const (
	slotEmpty = 0
	slotTomb  = 1<<24 - 1
	slotEntry = 1<<24 - 1
)

func slotOf(hash, i uint32) uint32 { return hash<<24 | (i + 1) }

func home(hash uint32, slots int) int { return int(uint64(hash) * uint64(slots) >> 32) }

// may reports whether an entry might have this hash. No lock is needed.
func (t *table) may(hash uint32) bool {
	slots := t.current.Load()
	if slots == nil {
		return false
	}
	_, at := probeSlots(*slots, hash, home(hash, len(*slots)))
	return at >= 0
}

// seek returns the first candidate for a hash, and where it stands; at is negative when there is none.
func (t *table) seek(hash uint32) (i uint32, at int) {
	slots := t.current.Load()
	if slots == nil {
		return 0, -1
	}
	return probeSlots(*slots, hash, home(hash, len(*slots)))
}

// next returns the candidate behind the one at at.
func (t *table) next(hash uint32, at int) (i uint32, behind int) {
	slots := *t.current.Load()
	if at++; at == len(slots) {
		at = 0
	}
	return probeSlots(slots, hash, at)
}

func probeSlots(slots []atomic.Uint32, hash uint32, at int) (i uint32, found int) {
	for {
		s := slots[at].Load()
		if s == slotEmpty {
			return 0, -1
		}
		if s>>24 == hash&0xff && s != slotTomb {
			return s&slotEntry - 1, at
		}
		if at++; at == len(slots) {
			at = 0
		}
	}
}

// insert adds an entry that is not there yet but is one of en.
func (t *table) insert(hash, i uint32, en *entries) {
	if slots := t.current.Load(); slots == nil || (t.used+1)*5 > len(*slots)*4 {
		t.rebuild(en) // brings i along
		return
	}
	if place(*t.current.Load(), hash, i) {
		t.used++
	}
}

// place reports whether it took an empty slot.
func place(slots []atomic.Uint32, hash, i uint32) bool {
	for at := home(hash, len(slots)); ; {
		if s := slots[at].Load(); s == slotEmpty || s == slotTomb {
			slots[at].Store(slotOf(hash, i))
			return s == slotEmpty
		}
		if at++; at == len(slots) {
			at = 0
		}
	}
}

// remove frees the slot at at. Before an empty slot nothing has to be remembered.
func (t *table) remove(at int, en *entries) {
	slots := *t.current.Load()
	behind := at + 1
	if behind == len(slots) {
		behind = 0
	}
	if slots[behind].Load() != slotEmpty {
		slots[at].Store(slotTomb)
	} else {
		slots[at].Store(slotEmpty)
		for t.used--; ; t.used-- {
			if at--; at < 0 {
				at = len(slots) - 1
			}
			if slots[at].Load() != slotTomb {
				break
			}
			slots[at].Store(slotEmpty)
		}
	}
	if len(slots) > 64 && en.used*4 < len(slots) {
		t.rebuild(en)
	}
}

// rebuild makes a table that is six tenths full.
func (t *table) rebuild(en *entries) {
	slots := make([]atomic.Uint32, en.used*5/3+4)
	t.used = 0
	for c, i := 0, uint32(0); c < len(en.slab.chunks) && i < en.slab.n; c++ {
		chunk := en.slab.chunks[c]
		for k := 0; k < len(chunk) && i < en.slab.n; k++ {
			if chunk[k].length != 0 {
				place(slots, chunk[k].hash, i)
				t.used++
			}
			i++
		}
	}
	t.current.Store(&slots)
}

func (t *table) size() int {
	if slots := t.current.Load(); slots != nil {
		return len(*slots) * 4
	}
	return 0
}
