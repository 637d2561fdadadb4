package seglog

// newest is the message that a record named last: the next record is mostly about it as well, and the map is large.
type newest struct {
	id    uint64 // 0: none
	m     message
	there bool // in the map, or will be
	dirty bool

	top uint64 // the largest identifier so far: what is above it is in no map
}

// find makes a message the newest one, good until the next find. Identifiers mostly rise, so that a new message is known for one
// without a look into the map: a look misses every cache, and took a fifth of opening a million messages.
func (x *index) find(id uint64) *newest {
	n := &x.newest
	if n.id != id {
		x.flush()
		n.id, n.dirty = id, false
		if id > n.top {
			n.top, n.m, n.there = id, message{}, false
		} else {
			n.m, n.there = x.messages[id]
		}
	}
	return n
}

// flush writes the newest message to the map. Between frames that has been done.
func (x *index) flush() {
	n := &x.newest
	if n.dirty {
		if n.dirty = false; n.m.unnamed() {
			x.loose = append(x.loose, n.id)
		}
		x.set(n.id, n.m)
	}
	n.id = 0
}

// put takes in MSG. An identifier is given once: another message under it says nothing, but the same one from another segment
// has moved.
func (x *index) put(id uint64, at place, moved bool) {
	n := x.find(id)
	if n.m.at.len > 0 {
		if n.m.at.seg == at.seg {
			return
		}
		x.free(n.m.at)
	}
	if moved && x.lenient() {
		n.m.refs |= refMoved
	}
	n.m.at, n.there, n.dirty = at, true, true
	x.use(at)
}

// enqueue takes in ENQ: the deliveries to sessions that are there, of a message that is.
func (x *index) enqueue(id uint64, to []brief, seg uint32) {
	n := x.find(id)
	if !n.there && !x.lenient() {
		return
	}
	for i := range to {
		if s := x.session(to[i].id); s != nil && x.deliver(s, id, &to[i], seg) {
			n.m.refs++
			n.there, n.dirty = true, true
		}
	}
}

// deliver puts a delivery into a queue, or notes that it has moved. It says whether it is new.
func (x *index) deliver(s *session, id uint64, d *brief, seg uint32) bool {
	where, ok := s.queue.find(d.sub)
	if ok {
		if e := s.queue.entry(where); e.message == id && e.seg != seg {
			x.count(e.seg, -deliveryBytes)
			e.seg = seg
			x.count(seg, deliveryBytes)
		}
		return false
	}
	s.queue.insert(where, delivery{seq: d.sub, message: id, seg: seg, bits: d.bits})
	x.deliveries++
	x.count(seg, deliveryBytes)
	return true
}

// dropDelivery ends a delivery that is in no queue any more.
func (x *index) dropDelivery(d *delivery) {
	x.deliveries--
	x.count(d.seg, -deliveryBytes)
	n := x.find(d.message)
	n.m.refs--
	n.dirty = true
}

func (x *index) dropMessage(id uint64, m message) {
	x.free(m.at)
	x.unset(id)
}

// message is where a message that counts lies.
func (x *index) message(id uint64) (at place, ok bool) {
	m := x.messages[id]
	return m.at, m.at.len > 0
}
