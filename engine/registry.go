package engine

import (
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/penstock-mqtt/penstock/fanout"
)

const directoryShards = 64

// directory maps client identifiers to slots and to the loop that has claimed the session last, its home. A claim
// takes the shard's lock once; claims of one client identifier are thereby in one order, and each is answered by the
// home before it: the session passes from loop to loop like a baton. The time between two changes of home is a tenure,
// and has a number: a loop may be home, lose the session and claim it again before the first claim has reached it.
type directory struct {
	slots  *fanout.Slots
	shards [directoryShards]struct {
		mu sync.Mutex
		m  map[string]entry
		_  [40]byte
	}
}

type entry struct {
	slot   uint32
	home   uint32
	tenure uint32
}

// claimed is the answer to a claim.
type claimed struct {
	slot   uint32
	fresh  bool   // nobody had it: the slot is new and belongs to the loop that asked
	home   uint32 // the home before, which has the session or waits for it
	before uint32 // the tenure of the home before
	tenure uint32 // the tenure now
}

func newDirectory(slots *fanout.Slots) *directory {
	d := &directory{slots: slots}
	for i := range d.shards {
		d.shards[i].m = map[string]entry{}
	}
	return d
}

// claim makes loop the home of the client identifier.
func (d *directory) claim(id string, loop uint32) claimed {
	s := &d.shards[xxhash.Sum64String(id)%directoryShards]
	s.mu.Lock()
	if e, ok := s.m[id]; ok {
		defer s.mu.Unlock()
		return e.claim(s.m, id, loop)
	}
	s.mu.Unlock()
	n, _ := d.slots.Take(loop) // not under the shard's lock: no lock is held while taking another
	s.mu.Lock()
	if e, ok := s.m[id]; ok {
		a := e.claim(s.m, id, loop)
		s.mu.Unlock()
		d.slots.Free(n)
		return a
	}
	s.m[id] = entry{slot: n, home: loop}
	s.mu.Unlock()
	return claimed{slot: n, fresh: true, home: loop}
}

func (e entry) claim(m map[string]entry, id string, loop uint32) claimed {
	a := claimed{slot: e.slot, home: e.home, before: e.tenure, tenure: e.tenure}
	if e.home != loop {
		a.tenure++
		m[id] = entry{slot: e.slot, home: loop, tenure: a.tenure}
	}
	return a
}

// release takes an ended session out, unless another loop has claimed it meanwhile: then its request is on its way
// and the slot stays with the present home until it comes.
func (d *directory) release(id string, loop uint32) bool {
	s := &d.shards[xxhash.Sum64String(id)%directoryShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.m[id]
	if !ok || e.home != loop {
		return false
	}
	delete(s.m, id)
	return true
}

// lookup finds the home of a client identifier.
func (d *directory) lookup(id string) (slot, home uint32, ok bool) {
	s := &d.shards[xxhash.Sum64String(id)%directoryShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.m[id]
	return e.slot, e.home, ok
}

// len is the number of client identifiers known.
func (d *directory) len() int {
	n := 0
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		n += len(s.m)
		s.mu.Unlock()
	}
	return n
}
