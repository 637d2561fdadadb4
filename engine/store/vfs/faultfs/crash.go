package faultfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// CutAfter cuts the power in the nth operation from now that changes something. 0: the power stays.
func (m *Mem) CutAfter(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cutAt = 0
	if n > 0 {
		m.cutAt = m.changes + n
	}
}

// Cut cuts the power.
func (m *Mem) Cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut()
}

// Off is closed when the power is cut.
func (m *Mem) Off() <-chan struct{} { return m.off }

func (m *Mem) cut() {
	if !m.isOff {
		m.isOff = true
		close(m.off)
	}
}

// Crash cuts the power and gives the disk as it might be found then; each call draws another one.
func (m *Mem) Crash(r *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut()
	names := maps.Clone(m.disk)
	through := survivors(r, len(m.pending))
	for i, o := range m.pending {
		if i < through || o.synced && r.IntN(2) == 0 {
			o.apply(names)
		}
	}
	after := NewMem(m.capacity)
	after.thin, after.lies, after.dirs = m.thin, m.lies, maps.Clone(m.dirs)
	for _, name := range slices.Sorted(maps.Keys(names)) { // in one order, so that a seed means the same each time
		n := &node{disk: names[name].crash(r), names: 1}
		n.data = slices.Clone(n.disk)
		after.view[name], after.disk[name] = n, n
		after.occupy(n)
	}
	return after
}

// Kill ends the process and leaves the power on: everything done is there, and what was not synced may still be lost.
// The old process's handles fail from now on.
func (m *Mem) Kill() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut()
	after := NewMem(m.capacity)
	after.thin, after.lies, after.dirs = m.thin, m.lies, maps.Clone(m.dirs)
	copies := map[*node]*node{}
	twin := func(n *node) *node {
		if copies[n] == nil {
			copies[n] = &node{data: slices.Clone(n.data), disk: slices.Clone(n.disk), pending: slices.Clone(n.pending), names: n.names}
		}
		return copies[n]
	}
	for name, n := range m.view {
		after.view[name] = twin(n)
		after.occupy(after.view[name])
	}
	for name, n := range m.disk {
		after.disk[name] = twin(n)
	}
	for _, o := range m.pending {
		o.node = twin(o.node)
		after.pending = append(after.pending, o)
	}
	return after
}

// occupy gives a file that is on the disk its room, even if the disk has become smaller.
func (m *Mem) occupy(n *node) {
	capacity := m.capacity
	m.capacity = 1<<63 - 1
	m.allocate(n, 0, int64(len(n.data)))
	m.capacity = capacity
}

// survivors draws how many of n operations came to the disk, in their order: rather often none or all.
func survivors(r *rand.Rand, n int) int {
	switch r.IntN(4) {
	case 0:
		return 0
	case 1:
		return n
	}
	return r.IntN(n + 1)
}

// crash draws what is found of a file.
func (n *node) crash(r *rand.Rand) []byte {
	out := slices.Clone(n.disk)
	whole := survivors(r, len(n.pending))  // of the writes, in their order
	stray := []int{0, 0, 2, 10}[r.IntN(4)] // of ten sectors behind those, so many are there
	for i := range n.pending {
		var chosen func() bool
		if i >= whole {
			// Some writes came through, wholly or in parts, although earlier ones did not.
			odds := stray
			if stray > 0 && r.IntN(3) == 0 {
				odds = 10 * r.IntN(2)
			}
			chosen = func() bool { return r.IntN(10) < odds }
		}
		out = n.pending[i].apply(out, chosen)
	}
	return out
}
