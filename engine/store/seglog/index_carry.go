package seglog

import "github.com/penstock-mqtt/penstock/engine/store"

// carry puts into out what of the record at this place still counts, to be written again: the record, or of ENQ the deliveries
// that are not over, each released one with its REL. Of everything that only takes back it is nothing: what it takes back
// stood before it, and is gone when its turn comes.
//
// Three rules make that safe. A record is carried only from exactly the place that the index knows, because an older one of the same
// name may stand in the same segment, and written again behind the newer one it would win. REL travels with its
// ENQ, because where it stands now is before the place to which the ENQ goes. And the frame's own records must have been applied
// before, because a copy stands behind them: of a session that they end nothing may be carried.
func (x *index) carry(r *store.Record, at place, out *store.Batch) {
	switch r.Kind {
	case store.ENQ:
		x.carryEnqueue(r, at, out)
	case store.ACK, store.REL, store.QINDEL, store.SESDEL, store.UNSUB, store.RETDEL:
	case store.MSG, store.RET, store.META, store.SES, store.SUB, store.QIN:
		if x.counted(r, at) {
			out.Record(r)
		}
	default: // unknown
		x.free(at) // what is applied at the new place counts there
		out.Record(r)
	}
}

// counted tells whether exactly the record at this place counts, of the kinds that say something by themselves.
func (x *index) counted(r *store.Record, at place) bool {
	switch r.Kind {
	case store.MSG:
		n := x.find(r.Message.ID)
		return !n.m.unnamed() && n.m.at == at
	case store.RET:
		return x.retained[x.hash(r.Message.Topic)] == at
	case store.META:
		return x.notes[x.hash(r.Key)] == at
	}
	s := x.sessions[r.Session.ID]
	if s == nil {
		return false
	}
	switch r.Kind {
	case store.SES:
		return s.at == at
	case store.SUB:
		old, _ := s.subs.get(x.hash(r.Subscription.Filter))
		return old == at
	case store.QIN:
		seg, ok := s.incoming.get(r.PacketID)
		return ok && seg == at.seg
	}
	return false
}

// remaining is the deliveries of an ENQ that are not over, and good until the next call.
func (x *index) remaining(r *store.Record, seg uint32) []store.Delivery {
	kept := x.scratch[:0]
	for i := range r.Deliveries {
		if d := x.delivery(&r.Deliveries[i]); d != nil && d.seg == seg && d.message == r.Message.ID {
			kept = append(kept, r.Deliveries[i])
		}
	}
	x.scratch = kept
	return kept
}

// delivery is the entry of a delivery; nil: it is over.
func (x *index) delivery(d *store.Delivery) *delivery {
	if s := x.sessions[d.Session]; s != nil {
		return s.queue.get(d.Seq)
	}
	return nil
}

func (x *index) carryEnqueue(r *store.Record, at place, out *store.Batch) {
	kept := x.remaining(r, at.seg)
	if len(kept) == 0 {
		return
	}
	out.Enqueue(r.Message.ID, kept)
	for i := range kept {
		if x.delivery(&kept[i]).bits&bitsReleased != 0 {
			out.Release(kept[i].Session, kept[i].Seq)
		}
	}
}
