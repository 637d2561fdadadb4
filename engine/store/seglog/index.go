package seglog

import "github.com/penstock-mqtt/penstock/engine/store"

// index knows which records of the log count and where they lie. It holds numbers, not contents: a topic, a filter or a key is
// a hash in it.
type index struct {
	segments []*segment // ascending and contiguous; the last one is written to
	live     int64      // bytes of the records that count, of all segments
}

func newIndex() *index { return &index{} }

// apply takes in one record at its place. A record that was there before has moved; one about what is not there says nothing.
func (x *index) apply(r *store.Record, at place) { panic("seglog: not written yet") }

// endFrame follows the records of each frame: messages that they left without a delivery are over.
func (x *index) endFrame() { panic("seglog: not written yet") }

// carry puts into out what of the record at this place still counts, to be written again: the record, or of ENQ the deliveries
// that are not over, each released one with its REL. Of everything that only takes back it is nothing.
func (x *index) carry(r *store.Record, at place, out *store.Batch) { panic("seglog: not written yet") }

// message is where a message that counts lies.
func (x *index) message(id uint64) (at place, ok bool) { panic("seglog: not written yet") }

// counts fills in how much there is of what.
func (x *index) counts(s *store.Stats) { panic("seglog: not written yet") }
