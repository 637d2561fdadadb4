package engine

import (
	"math/rand/v2"

	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// doubt follows the recovery from a store that says that it was not closed. What a session was sent may not be written down: it
// was offline, and the record that it came back was not committed. So all that it has to get goes out as a repeat, but for what
// expires (see Queue.Doubt).
//
// A store that syncs later than it confirms may have lost its end besides, and clients remember exchanges that it does not
// know. Numbers move on by a random step, so that no identifier that a receiver has open comes for another message. Incoming
// exchanges may have been finished: a PUBLISH without DUP is a new message then, since a repeat has it [MQTT-3.3.1-1], and so
// is one at QoS 1. One with DUP at QoS 2 is taken for the repeat, although it may be that of a message which took the identifier
// after the exchange that the store knows: to lose one of the last messages before a crash is what these modes allow.
func (r *recovery) doubt() {
	o, ok := r.b.parts.Store.(store.Observed)
	if !ok {
		return
	}
	s := o.Stats()
	if s.Recovery.Clean {
		return
	}
	lossy := s.Sync == "interval" || s.Sync == "none"
	r.b.onLoops(func(l *loop) {
		for _, chunk := range l.table {
			for _, s := range chunk {
				if s != nil {
					l.doubt(s, lossy)
				}
			}
		}
	})
}

func (l *loop) doubt(s *sess, lossy bool) {
	s.Queue.Doubt()
	if !lossy {
		return
	}
	l.b.slots.SetSeq(s.Slot, l.b.slots.NextSeq(s.Slot)+rand.Uint64N(flow.Identifiers/2))
	if s.Recv != nil {
		s.Recv.Doubt()
	}
}

// anew ends what a PUBLISH that is no repeat shows to be over: an exchange with its identifier of which only a store knows that
// may have lost its end.
func (l *loop) anew(s *sess, id uint16) {
	if s.Recv != nil && s.Recv.Anew(id) {
		l.storeCompleted(s, id)
	}
}
