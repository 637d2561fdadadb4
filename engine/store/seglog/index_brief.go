package seglog

import (
	"hash/maphash"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// brief is what an index needs of a record, or of one delivery of an ENQ: numbers alone, so that a replay can decode on one processor
// and index on another.
type brief struct {
	kind     store.Kind
	bits     uint32 // of a delivery; of META 1: it takes the note away; of MSG 1: it was moved
	id       uint64 // of the message or the session; the hash of topic or key
	sub      uint64 // sequence number, packet identifier, hash of the filter; of ENQ how many deliveries follow
	off, len uint32 // of the record
}

// briefDelivery is the kind of a delivery. It stands behind its ENQ.
const briefDelivery store.Kind = 0

// appendBriefs appends what an index with this seed needs of a record. Sets numbers the subscription identifiers; nil: they are not
// wanted.
func appendBriefs(dst []brief, r *store.Record, off, length uint32, seed maphash.Seed, sets *sets) []brief {
	b := brief{kind: r.Kind, off: off, len: length}
	switch r.Kind {
	case store.MSG:
		b.id = r.Message.ID
	case store.ENQ:
		b.id, b.sub = r.Message.ID, uint64(len(r.Deliveries))
		dst = append(dst, b)
		for i := range r.Deliveries {
			d := &r.Deliveries[i]
			dst = append(dst, brief{id: d.Session, sub: d.Seq, bits: deliveryBits(d, sets)})
		}
		return dst
	case store.RET, store.RETDEL:
		b.id = hash(seed, r.Message.Topic)
	case store.META:
		if b.id = hash(seed, r.Key); len(r.Value) == 0 {
			b.bits = 1
		}
	case store.SES, store.SESDEL:
		b.id = r.Session.ID
	case store.SUB, store.UNSUB:
		b.id, b.sub = r.Session.ID, hash(seed, r.Subscription.Filter)
	case store.ACK, store.REL:
		b.id, b.sub = r.Session.ID, r.Seq
	case store.QIN, store.QINDEL:
		b.id, b.sub = r.Session.ID, uint64(r.PacketID)
	}
	return append(dst, b)
}

func deliveryBits(d *store.Delivery, sets *sets) uint32 {
	bits := uint32(d.QoS & bitsQoS)
	if d.Retain {
		bits |= bitsRetain
	}
	if d.Shared {
		bits |= bitsShared
	}
	if sets != nil && len(d.SubIDs) > 0 {
		bits |= sets.number(d.SubIDs) << bitsSetShift
	}
	return bits
}

// keepBriefs is how many are kept room for: few records need more than one.
const keepBriefs = 1 << 10

// apply takes in one record at its place. A record that was there before has moved; one about what is not there says nothing.
func (x *index) apply(r *store.Record, at place) {
	x.briefs = appendBriefs(x.briefs[:0], r, at.off, at.len, x.seed, nil)
	x.take(x.briefs, at.seg)
	if cap(x.briefs) > keepBriefs {
		x.briefs = nil
	}
}

// touchSize is how many records are looked at ahead. With a million messages nearly each look at the index waits for the memory, and
// looks that do not depend on each other wait together: a replay takes three quarters of the time. Blocks of 64 and 512 gain less.
const touchSize = 128

// take takes in records of a segment.
func (x *index) take(all []brief, seg uint32) {
	for len(all) > 0 {
		n := min(len(all), touchSize)
		for n < len(all) && all[n].kind == briefDelivery { // with its ENQ
			n++
		}
		if n >= touchSize/8 {
			x.touch(all[:n])
		}
		x.block(all[:n], seg)
		all = all[n:]
	}
}

// touch has the processor fetch what the records are about. It changes nothing; what it sums up keeps the compiler from leaving
// the looks out.
func (x *index) touch(all []brief) {
	var found [touchSize]*session
	n, sum := 0, 0
	for i := range all {
		switch b := &all[i]; b.kind {
		case store.MSG:
			sum += int(x.messages[b.id].refs)
		case briefDelivery, store.ACK:
			if s := x.sessions[b.id]; s != nil && n < len(found) {
				found[n] = s
				n++
			}
		}
	}
	for _, s := range found[:n] {
		sum += len(s.queue.head)
	}
	for _, s := range found[:n] {
		if n := len(s.queue.head); n > 0 {
			sum += int(s.queue.head[n-1].seq)
		}
	}
	x.touched = sum
}

func (x *index) block(all []brief, seg uint32) {
	for i := 0; i < len(all); i++ {
		b := &all[i]
		at := place{seg, b.off, b.len}
		switch b.kind {
		case store.MSG:
			x.put(b.id, at, b.bits != 0)
		case store.ENQ:
			n := int(b.sub)
			x.enqueue(b.id, all[i+1:][:n], seg)
			i += n
		case store.RET:
			x.move(x.retained, b.id, at)
		case store.RETDEL:
			x.end(x.retained, b.id)
		case store.META:
			if b.bits == 0 {
				x.move(x.notes, b.id, at)
			} else {
				x.end(x.notes, b.id)
			}
		case store.SES:
			x.begin(b.id, at)
		case store.SESDEL:
			x.dropSession(b.id)
		case store.ACK, store.REL, store.SUB, store.UNSUB, store.QIN, store.QINDEL:
			x.ofSession(b, at)
		default: // of a newer version: carried along unread, for ever
			x.count(seg, int64(at.len))
		}
	}
}
