package flow

// idmap maps packet identifiers to V. It is sized by how many there are, not by their span: one exchange
// that a peer never acknowledges would pin a megabyte otherwise.
//
// Identifiers mostly follow each other, so their low bits are a hash without collisions. A peer who picks
// them to collide gets chains of at most 65,536/len(places), which is never more than 256: chaining rather
// than probing, because a run of neighbours makes deletion in a probed table walk all of it.
type idmap[V any] struct {
	places []place[V] // a power of two
	n      uint16
	free   uint16 // first free place
}

// place holds one entry, and apart from it the head of the chain of the identifiers whose low bits are its
// index. Places are numbered from 1 in head, next and free; 0 ends a chain.
type place[V any] struct {
	v          V
	id         uint16 // 0: free
	next, head uint16
}

// find returns the entry of id or nil. The pointer is good until the next get or drop.
func (m *idmap[V]) find(id uint16) *V {
	if m.n == 0 {
		return nil
	}
	for i := m.places[int(id)&(len(m.places)-1)].head; i != 0; {
		p := &m.places[i-1]
		if p.id == id {
			return &p.v
		}
		i = p.next
	}
	return nil
}

// get finds the entry of id or makes one.
func (m *idmap[V]) get(id uint16) *V {
	if v := m.find(id); v != nil {
		return v
	}
	if int(m.n) == len(m.places) {
		m.resize(max(minPlaces, 2*len(m.places)))
	}
	return m.add(id)
}

// add makes an entry for id, which has none. There must be a free place.
func (m *idmap[V]) add(id uint16) *V {
	i := m.free
	p := &m.places[i-1]
	head := &m.places[int(id)&(len(m.places)-1)].head
	m.free = p.next
	p.id, p.next, *head = id, *head, i
	m.n++
	return &p.v
}

// drop takes the entry of id out; it must be there.
func (m *idmap[V]) drop(id uint16) {
	link := &m.places[int(id)&(len(m.places)-1)].head
	for m.places[*link-1].id != id {
		link = &m.places[*link-1].next
	}
	i := *link
	p := &m.places[i-1]
	*link = p.next
	var none V
	p.v, p.id, p.next, m.free = none, 0, m.free, i
	m.n--
	// The wide distance between an eighth here and full in get keeps a window that breathes from allocating.
	if size := len(m.places); size > keepPlaces && int(m.n)*8 <= size {
		m.resize(size / 2)
	}
}

func (m *idmap[V]) resize(size int) {
	old := m.places
	m.places, m.n, m.free = make([]place[V], size), 0, 1
	for i := range m.places[:size-1] {
		m.places[i].next = uint16(i + 2)
	}
	for i := range old {
		if old[i].id != 0 {
			*m.add(old[i].id) = old[i].v
		}
	}
}

func (m *idmap[V]) len() int { return int(m.n) }

// all visits the entries in no particular order.
func (m *idmap[V]) all(visit func(id uint16, v *V)) {
	for i := range m.places {
		if p := &m.places[i]; p.id != 0 {
			visit(p.id, &p.v)
		}
	}
}
