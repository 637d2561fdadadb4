package fanout

import (
	"sync"
	"sync/atomic"
)

// NoSlot names no session.
const NoSlot = 1<<31 - 1

const slotChunk = 4096

// slot is what every loop may know of a session: 24 bytes, no pointer.
type slot struct {
	owner atomic.Uint32 // index of the loop that owns the session
	flags atomic.Uint32 // generation << 16 | flags; written by the owner
	seq   atomic.Uint64 // last sequence number taken
	name  atomic.Uint64 // the session's name in the store; 0: what it is sent is not stored
}

// Flags of a slot, written by the loop that owns it and read by whoever routes.
const (
	SlotOnline = 1 << iota // a connection is attached
	SlotBusy               // its window is full or messages wait before it
	SlotFull               // its queue takes no more, and publishers are to be refused
)

// Slots is the table of sessions as routing sees them. A slot's number stands in the subscription index and in
// items, so that none of them holds a pointer. Numbers are used again first-in first-out, with a new generation.
type Slots struct {
	chunks atomic.Pointer[[]*[slotChunk]slot]
	moves  atomic.Uint64 // counts changes of owners: what was grouped by loop before is stale

	mu   sync.Mutex
	next uint32
	free []uint32
	head int
}

// NewSlots gives an empty table.
func NewSlots() *Slots {
	s := &Slots{}
	s.chunks.Store(&[]*[slotChunk]slot{})
	return s
}

// at finds a slot. Numbers that follow each other are far apart: sessions that began one after the other are often busy
// at the same time, and loops that count up two slots in one cache line would wait for each other.
func (s *Slots) at(n uint32) *slot {
	i := n % slotChunk
	return &(*s.chunks.Load())[n/slotChunk][(i<<6|i>>6)%slotChunk]
}

// Take allots a slot to a session that the loop owns.
func (s *Slots) Take(loop uint32) (n uint32, gen uint16) {
	s.mu.Lock()
	if s.head < len(s.free) {
		n = s.free[s.head]
		s.head++
		if s.head == len(s.free) {
			s.free, s.head = s.free[:0], 0
		} else if s.head > 4096 && s.head*2 > len(s.free) {
			s.free, s.head = append(s.free[:0], s.free[s.head:]...), 0
		}
	} else {
		n = s.next
		s.next++
		if old := *s.chunks.Load(); int(n/slotChunk) >= len(old) {
			grown := append(append(make([]*[slotChunk]slot, 0, len(old)+1), old...), new([slotChunk]slot))
			s.chunks.Store(&grown)
		}
	}
	s.mu.Unlock()
	e := s.at(n)
	e.owner.Store(loop)
	e.seq.Store(0)
	gen = uint16(e.flags.Load() >> 16)
	e.flags.Store(uint32(gen) << 16)
	return n, gen
}

// Free gives a slot back. Items that still name its generation reach nobody.
func (s *Slots) Free(n uint32) {
	e := s.at(n)
	e.name.Store(0)
	e.flags.Store((e.flags.Load()>>16 + 1) << 16)
	s.mu.Lock()
	s.free = append(s.free, n)
	s.mu.Unlock()
}

// Renew starts a new generation of a slot whose session begins afresh.
func (s *Slots) Renew(n uint32) (gen uint16) {
	e := s.at(n)
	gen = uint16(e.flags.Load()>>16) + 1
	e.name.Store(0)
	e.flags.Store(uint32(gen) << 16)
	e.seq.Store(0)
	return gen
}

// Len is the number of slots in use.
func (s *Slots) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.next) - (len(s.free) - s.head)
}

// Owner is the loop that owns the slot's session.
func (s *Slots) Owner(n uint32) uint32 { return s.at(n).owner.Load() }

// Move gives the slot to another loop. Only the present owner calls it.
func (s *Slots) Move(n, loop uint32) {
	s.at(n).owner.Store(loop)
	s.moves.Add(1)
}

// Gen is the slot's present generation.
func (s *Slots) Gen(n uint32) uint16 { return uint16(s.at(n).flags.Load() >> 16) }

// Flags are the slot's present flags.
func (s *Slots) Flags(n uint32) uint32 { return s.at(n).flags.Load() & 0xffff }

// SetFlags sets and clears flags; only the owner calls it.
func (s *Slots) SetFlags(n, set, clear uint32) {
	e := s.at(n)
	if old := e.flags.Load(); old&set != set || old&clear != 0 {
		e.flags.Store(old&^clear | set)
	}
}

// Name is the session's name in the store, 0 when what it is sent is not stored.
func (s *Slots) Name(n uint32) uint64 { return s.at(n).name.Load() }

// NameOf is the name in the store of the session that had the slot in this generation; 0 when it is over, or when what it
// is sent is not stored. A name goes before its generation does and comes after the next one is there, so that between two
// looks at the same generation it is of this one.
func (s *Slots) NameOf(n uint32, gen uint16) uint64 {
	e := s.at(n)
	if uint16(e.flags.Load()>>16) != gen {
		return 0
	}
	name := e.name.Load()
	if uint16(e.flags.Load()>>16) != gen {
		return 0
	}
	return name
}

// SetName says under which name the session is stored; only the owner calls it.
func (s *Slots) SetName(n uint32, name uint64) { s.at(n).name.Store(name) }

// NextSeq takes the session's next sequence number. Any loop may call it; a number that is never used is legal.
func (s *Slots) NextSeq(n uint32) uint64 { return s.at(n).seq.Add(1) }

// SetSeq restores the last sequence number of a session that came back from the store.
func (s *Slots) SetSeq(n uint32, seq uint64) { s.at(n).seq.Store(seq) }
