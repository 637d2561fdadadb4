// Package session holds what a session is: subscriptions, QoS state, the bounded queue of messages that wait, and
// who it belongs to. It does no I/O, reads no clock and has no lock: a session belongs to one event loop at a time,
// attached to a connection or not, and is handed over whole.
package session

import (
	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/fanout"
)

// NeverExpires is the Session Expiry Interval of a session that is kept without limit.
const NeverExpires = 1<<32 - 1

// Delivery is one message on its way to the session: queued, or open at QoS 1 or 2. The message is a frame in memory,
// of which the delivery holds one reference, or a position in the store until it is loaded.
type Delivery struct {
	Open
	Seq  uint64 // sequence number in this session; 0 for QoS 0
	Size uint32 // of the message's content
	QoS  uint8
}

// Open is what an exchange keeps of its delivery: what the exchange knows by itself is left out.
type Open struct {
	Msg    *fanout.Message // nil: in the store, under Aside's Ref
	Aside  *fanout.Aside   // nil: nothing of that
	ID     uint32          // the one subscription identifier; 0: none, or several
	Retain bool            // RETAIN as it is to be sent
	Again  bool            // it was sent before: DUP
	Shared bool            // it came back from the store, and a shared subscription had chosen it
}

// Group is the shared subscription that chose the session; nil: none did.
func (o *Open) Group() *fanout.Group {
	if o.Aside == nil {
		return nil
	}
	return o.Aside.Group
}

// Delivery is the delivery that an exchange was opened for.
func (o Open) Delivery(seq uint64, qos byte) Delivery {
	d := Delivery{Open: o, Seq: seq, QoS: qos}
	if o.Msg != nil {
		d.Size = uint32(o.Msg.Size())
	}
	return d
}

// IDs appends the delivery's subscription identifiers.
func (d *Delivery) IDs(dst []uint32) []uint32 {
	switch {
	case d.Aside != nil && d.Aside.IDs != nil:
		return append(dst, d.Aside.IDs...)
	case d.ID != 0:
		return append(dst, d.ID)
	}
	return dst
}

// Will is the message that is published when a connection ends without a clean DISCONNECT.
type Will struct {
	Topic, Props, Payload []byte // Props is in forwardable form
	QoS                   uint8
	Retain                bool
	Delay                 uint32 // seconds
	Expiry                uint32 // Message Expiry Interval in seconds
	HasExpiry             bool
}

// Session is the state that lives as long as the specification says, beyond connections if its expiry allows.
type Session struct {
	ClientID  string
	Principal string // who created it; empty for anonymous clients
	ID        uint64 // its name in the store; 0 when nothing is stored
	Slot      uint32
	Gen       uint16
	Version   mqtt.Version
	Parted    bool   // the broker ended its last connection to hand over: the will waits for the client to come back
	Expiry    uint32 // Session Expiry Interval in seconds
	Loading   bool   // queued messages are being read from the store
	Grouped   bool   // a shared subscription sent it something
	Busy      bool   // its window is full or messages wait before it, as its slot says
	Sink      bool   // an embedder's function gets its messages instead of a connection

	// An idle session costs its name and a subscription: what it does not use it does not have.
	Subs  Subs
	Send  *flow.Sender[Open] // nil while nothing was ever open
	Recv  *flow.Receiver     // nil while the client never published above QoS 0
	Queue Queue
	Will  *Will
}

// Persistent tells whether the session outlives its connection.
func (s *Session) Persistent() bool { return s.Expiry != 0 }

// Sender gives the sending half of the QoS machine.
func (s *Session) Sender() *flow.Sender[Open] {
	if s.Send == nil {
		s.Send = &flow.Sender[Open]{}
	}
	return s.Send
}

// InFlight is the number of outgoing exchanges that are open.
func (s *Session) InFlight() int {
	if s.Send == nil {
		return 0
	}
	return s.Send.Len()
}

// Sent is a sequence number above which nothing of what the session holds was ever sent.
func (s *Session) Sent() uint64 {
	if s.Send == nil {
		return s.Queue.sent()
	}
	return max(s.Send.High(), s.Queue.sent())
}

// Drop gives every message that the session holds to release and empties it.
func (s *Session) Drop(release func(Open)) {
	for s.Queue.Len() > 0 {
		release(s.Queue.Pop().Open)
	}
	if s.Send != nil {
		s.Send.Clear(release)
		s.Send = nil
	}
	s.Recv = nil
	s.Will = nil
}
