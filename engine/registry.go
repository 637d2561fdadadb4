package engine

import (
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/penstock-mqtt/penstock/fanout"
)

const directoryShards = 64

// directory maps client identifiers to slots and to the loop that has claimed the session last, its home. A claim
// takes the shard's lock once; claims of one client identifier are thereby in one order, and each is answered by the
// home before it: the session passes from loop to loop like a baton.
type directory struct {
	slots  *fanout.Slots
	shards [directoryShards]struct {
		mu sync.Mutex
		m  map[string]entry
		_  [40]byte
	}
}

type entry struct {
	slot uint32
	home uint32
}

func newDirectory(slots *fanout.Slots) *directory {
	d := &directory{slots: slots}
	for i := range d.shards {
		d.shards[i].m = map[string]entry{}
	}
	return d
}

// claim makes loop the home of the client identifier. fresh: nobody had it, the slot is new and belongs to loop.
// Otherwise prev is the home before, which has the session or waits for it.
func (d *directory) claim(id string, loop uint32) (slot, prev uint32, fresh bool) {
	s := &d.shards[xxhash.Sum64String(id)%directoryShards]
	if slot, prev, ok := d.reclaim(id, loop); ok {
		return slot, prev, false
	}
	n, _ := d.slots.Take(loop) // not under the shard's lock: no lock is held while taking another
	s.mu.Lock()
	if e, ok := s.m[id]; ok {
		s.m[id] = entry{e.slot, loop}
		s.mu.Unlock()
		d.slots.Free(n)
		return e.slot, e.home, false
	}
	s.m[id] = entry{n, loop}
	s.mu.Unlock()
	return n, loop, true
}

func (d *directory) reclaim(id string, loop uint32) (slot, prev uint32, ok bool) {
	s := &d.shards[xxhash.Sum64String(id)%directoryShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.m[id]
	if ok {
		s.m[id] = entry{e.slot, loop}
	}
	return e.slot, e.home, ok
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
