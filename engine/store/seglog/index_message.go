package seglog

import "github.com/penstock-mqtt/penstock/engine/store"

// put takes in MSG. An identifier is given once: another message under it says nothing, but the same one from another segment
// has moved.
func (x *index) put(id uint64, at place) {
	m, ok := x.messages[id]
	if m.at.len > 0 {
		if m.at.seg == at.seg {
			return
		}
		x.free(m.at)
	}
	m.at = at
	x.messages[id] = m
	x.use(at)
	if !ok {
		x.loose = append(x.loose, id)
	}
}

// enqueue takes in ENQ: the deliveries to sessions that are there, of a message that is.
func (x *index) enqueue(r *store.Record, at place) {
	m, ok := x.messages[r.Message.ID]
	if !ok && !x.lenient() {
		return
	}
	refs := m.refs
	for i := range r.Deliveries {
		d := &r.Deliveries[i]
		if s := x.session(d.Session); s != nil && x.deliver(s, r.Message.ID, d, at.seg) {
			refs++
		}
	}
	if refs != m.refs {
		m.refs = refs
		x.messages[r.Message.ID] = m
	}
}

// deliver puts a delivery into a queue, or notes that it has moved. It says whether it is new.
func (x *index) deliver(s *session, id uint64, d *store.Delivery, seg uint32) bool {
	chunk, i, ok := s.queue.find(d.Seq)
	if ok {
		if e := &s.queue.chunks[chunk][i]; e.message == id && e.seg != seg {
			x.count(e.seg, -deliveryBytes)
			e.seg = seg
			x.count(seg, deliveryBytes)
		}
		return false
	}
	bits := uint32(d.QoS & bitsQoS)
	if d.Retain {
		bits |= bitsRetain
	}
	if d.Shared {
		bits |= bitsShared
	}
	if x.replay != nil && len(d.SubIDs) > 0 {
		bits |= x.replay.sets.number(d.SubIDs) << bitsSetShift
	}
	s.queue.insert(chunk, i, delivery{seq: d.Seq, message: id, seg: seg, bits: bits})
	x.deliveries++
	x.count(seg, deliveryBytes)
	return true
}

// dropDelivery ends a delivery that is in no queue any more.
func (x *index) dropDelivery(d *delivery) {
	x.deliveries--
	x.count(d.seg, -deliveryBytes)
	m := x.messages[d.message]
	if m.refs--; m.refs == 0 {
		x.loose = append(x.loose, d.message)
	}
	x.messages[d.message] = m
}

func (x *index) dropMessage(id uint64, m message) {
	x.free(m.at)
	delete(x.messages, id)
}

// message is where a message that counts lies.
func (x *index) message(id uint64) (at place, ok bool) {
	m := x.messages[id]
	return m.at, m.at.len > 0
}
