package seglog

import "github.com/penstock-mqtt/penstock/engine/store"

// segment is the one with this identifier; nil: it is not there any more.
func (x *index) segment(id uint32) *segment {
	if len(x.segments) == 0 {
		return nil
	}
	if i := int64(id) - int64(x.segments[0].id); i >= 0 && i < int64(len(x.segments)) {
		return x.segments[i]
	}
	return nil
}

// count adds to the bytes of a segment that count.
func (x *index) count(seg uint32, n int64) {
	x.live += n
	if s := x.segment(seg); s != nil {
		s.live += n
	}
}

func (x *index) use(at place) { x.count(at.seg, int64(at.len)) }

// free takes a place back; one that is not there is nothing.
func (x *index) free(at place) {
	if at.len > 0 {
		x.count(at.seg, -int64(at.len))
	}
}

// counts fills in how much there is of what.
func (x *index) counts(s *store.Stats) {
	s.Segments, s.LiveBytes = len(x.segments), x.live
	s.Sessions, s.Subscriptions, s.Retained = len(x.sessions), x.subscriptions, len(x.retained)
	s.Messages, s.Deliveries = len(x.messages), x.deliveries
}
