package flow

import "github.com/penstock-mqtt/penstock/codec/mqtt"

// Verdict says what an incoming QoS 1 or 2 PUBLISH is.
type Verdict uint8

const (
	New       Verdict = iota // take the message over, store, acknowledge
	Duplicate                // QoS 2 repeat: answer PUBREC, deliver nothing
	Exceeded                 // more open PUBLISHes than the Receive Maximum: ReceiveMaximumExceeded, close
	InUse                    // QoS 1 with the identifier of an open QoS 2 exchange: PacketIdentifierInUse
)

// Receiver holds the packet identifiers of a session's incoming QoS 2 exchanges and counts what its current
// connection has open. The zero value is ready, takes 65,535 at a time and allocates nothing before
// the first QoS 2 PUBLISH.
//
// Only PUBLISHes seen on the current connection count against the maximum: a peer starts each
// connection with a fresh quota and pays for a PUBLISH it repeats, but not for a PUBREL.
type Receiver struct {
	ids  idmap[state]
	max  uint16 // 0: as many as there are identifiers
	open uint16
}

// state is what is known of one identifier. Both halves at once are a peer that takes an identifier again
// before its PUBCOMP.
type state uint8

const (
	received          state = 1 << iota // from PUBLISH to PUBREL
	counted                             // that PUBLISH counts against the maximum of this connection
	completing                          // from PUBREL to PUBCOMP
	completingCounted                   // its PUBLISH counts against the maximum still
	doubtful                            // with received: the exchange may be over, see Doubt
)

// SetMaximum begins a connection with our Receive Maximum n (0: 65,535). Acknowledgements of
// PUBLISHes from earlier connections must not be reported by Acked any more if they were QoS 1.
func (r *Receiver) SetMaximum(n int) {
	r.max = uint16(min(max(n, 0), Identifiers))
	r.open = 0
	r.ids.all(func(_ uint16, st *state) { *st &^= counted | completingCounted })
}

// Publish takes an incoming PUBLISH of QoS 1 or 2. For QoS 1 each one is new: its identifier means nothing
// after the PUBACK [MQTT-4.3.2-5]. A QoS 2 one is a repeat from its first PUBLISH to PUBREL
// [MQTT-4.3.3-10]. New and Duplicate take from the maximum if that PUBLISH has not yet on this connection,
// Exceeded and InUse change nothing and must not be reported by Acked.
func (r *Receiver) Publish(id uint16, qos byte) Verdict {
	verdict := New
	if st := r.ids.find(id); st != nil && *st&received != 0 {
		switch {
		case qos != 2:
			return InUse
		case *st&counted != 0: // paid for already on this connection
			return Duplicate
		}
		*st &^= doubtful // it goes on
		verdict = Duplicate
	}
	if r.open == r.maximum() { // [MQTT-3.3.4-7]
		return Exceeded
	}
	if qos == 2 {
		*r.ids.get(id) |= received | counted
	}
	r.open++
	return verdict
}

func (r *Receiver) maximum() uint16 {
	if r.max == 0 {
		return Identifiers
	}
	return r.max
}

// Acked says that PUBACK (qos 1) or PUBREC (qos 2) with the given reason is sent. A PUBREC of 0x80 or above
// ends the exchange: the next PUBLISH with this identifier is a new message [MQTT-4.3.3-9].
func (r *Receiver) Acked(id uint16, qos byte, reason mqtt.Reason) {
	switch {
	case qos != 2:
		r.giveBack(true)
	case reason >= 0x80:
		r.forget(id, received, counted)
	}
}

// Pubrel takes a PUBREL. False: no such exchange, answer PUBCOMP with PacketIdentifierNotFound. True: store
// that the exchange is over, send PUBCOMP, call Completed. A PUBREL repeated in between is true again.
func (r *Receiver) Pubrel(id uint16) bool {
	st := r.ids.find(id)
	if st == nil {
		return false
	}
	if *st&received != 0 {
		r.giveBack(*st&completingCounted != 0) // two at once
		held := *st & counted
		*st = completing
		if held != 0 {
			*st |= completingCounted
		}
	}
	return true
}

// Completed says that PUBCOMP is sent. The identifier is free for a new message [MQTT-4.3.3-12] and what it
// held of the maximum comes back. If a new PUBLISH has taken the identifier before, that one stays.
func (r *Receiver) Completed(id uint16) { r.forget(id, completing, completingCounted) }

// forget clears one half of id's state and gives back what it held.
func (r *Receiver) forget(id uint16, half, held state) {
	st := r.ids.find(id)
	if st == nil {
		return
	}
	r.giveBack(*st&held != 0)
	if *st &^= half | held; *st == 0 {
		r.ids.drop(id)
	}
}

func (r *Receiver) giveBack(held bool) {
	if held && r.open > 0 {
		r.open--
	}
}

// Open is how many PUBLISHes of this connection are not finished.
func (r *Receiver) Open() int { return int(r.open) }

// Len is how many QoS 2 exchanges are open, whichever connection they began on.
func (r *Receiver) Len() int { return r.ids.len() }

// Each visits the identifiers of the open QoS 2 exchanges, in no particular order.
func (r *Receiver) Each(visit func(id uint16)) {
	r.ids.all(func(id uint16, _ *state) { visit(id) })
}

// Restore puts back an identifier that came out of Each or of the store.
func (r *Receiver) Restore(id uint16) { *r.ids.get(id) |= received }

// Doubt says that the exchanges that were restored may be over: whoever has kept them may have lost what came last.
func (r *Receiver) Doubt() {
	r.ids.all(func(_ uint16, st *state) {
		if *st&received != 0 {
			*st |= doubtful
		}
	})
}

// Anew takes the identifier of a PUBLISH without DUP, or at QoS 1, before Publish. An exchange in doubt was over then, for its
// repeat would have DUP [MQTT-3.3.1-1]; true: store so.
func (r *Receiver) Anew(id uint16) bool {
	st := r.ids.find(id)
	if st == nil || *st&doubtful == 0 {
		return false
	}
	r.forget(id, received|doubtful, counted)
	return true
}

// Clear forgets all exchanges: the session is over.
func (r *Receiver) Clear() { *r = Receiver{max: r.max} }
