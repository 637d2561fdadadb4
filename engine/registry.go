package engine

import (
	"hash/maphash"
	"sync"

	"github.com/penstock-mqtt/penstock/fanout"
)

const directoryShards = 64

// directory maps client identifiers to slots and to the loop that has claimed the session last, its home. A claim
// takes the shard's lock once; claims of one client identifier are thereby in one order, and each is answered by the
// home before it: the session passes from loop to loop like a baton. The time between two changes of home is a tenure,
// and has a number: a loop may be home, lose the session and claim it again before the first claim has reached it.
type directory struct {
	slots  *fanout.Slots
	seed   maphash.Seed
	shards [directoryShards]directoryShard
}

type directoryShard struct {
	mu sync.Mutex
	m  names
	_  [48]byte
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
	return &directory{slots: slots, seed: maphash.MakeSeed()}
}

func (d *directory) shard(id string) (s *directoryShard, hash uint64) {
	hash = maphash.String(d.seed, id)
	return &d.shards[hash%directoryShards], hash
}

// claim makes loop the home of the client identifier.
func (d *directory) claim(id string, loop uint32) claimed {
	s, hash := d.shard(id)
	s.mu.Lock()
	if e := s.m.find(hash, id); e != nil {
		defer s.mu.Unlock()
		return e.claim(loop)
	}
	s.mu.Unlock()
	n, _ := d.slots.Take(loop) // not under the shard's lock: no lock is held while taking another
	s.mu.Lock()
	if e := s.m.find(hash, id); e != nil {
		a := e.claim(loop)
		s.mu.Unlock()
		d.slots.Free(n)
		return a
	}
	s.m.add(d.seed, hash, id, entry{slot: n, home: loop})
	s.mu.Unlock()
	return claimed{slot: n, fresh: true, home: loop}
}

func (e *entry) claim(loop uint32) claimed {
	a := claimed{slot: e.slot, home: e.home, before: e.tenure, tenure: e.tenure}
	if e.home != loop {
		a.tenure++
		e.home, e.tenure = loop, a.tenure
	}
	return a
}

// release takes an ended session out, unless another loop has claimed it meanwhile: then its request is on its way
// and the slot stays with the present home until it comes.
func (d *directory) release(id string, loop uint32) bool {
	s, hash := d.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.m.find(hash, id); e == nil || e.home != loop {
		return false
	}
	s.m.remove(hash, id)
	return true
}

// lookup finds the home of a client identifier.
func (d *directory) lookup(id string) (slot, home uint32, ok bool) {
	s, hash := d.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.m.find(hash, id); e != nil {
		return e.slot, e.home, true
	}
	return 0, 0, false
}

// len is the number of client identifiers known.
func (d *directory) len() int {
	n := 0
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		n += s.m.n
		s.mu.Unlock()
	}
	return n
}
