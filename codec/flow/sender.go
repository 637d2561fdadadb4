package flow

import "github.com/penstock-mqtt/penstock/codec/mqtt"

// Step says what a PUBREC asks of the sender.
type Step uint8

const (
	Unknown    Step = iota // no such exchange: answer PUBREL with PacketIdentifierNotFound
	SendPubrel             // store that it is released, then send PUBREL; m stays with the exchange
	Ended                  // refused by the receiver: the exchange is over and m handed back
	Repeated               // was released before: send PUBREL again
)

// Sender holds the outgoing QoS 1 and QoS 2 exchanges of one session, and the send quota of its current
// connection. The zero value is ready and may send nothing until SetQuota. It is small while nothing is
// open, and with nothing open it may be thrown away and made anew.
//
// M is what the owner attaches to each exchange: a frame, or a reference to a stored message.
type Sender[M any] struct {
	pub      order[M]  // waiting for PUBACK or PUBREC, in the order of first transmission
	rel      *order[M] // waiting for PUBCOMP, in the order of their PUBRECs; nil until the first PUBREC
	low      uint64    // no open exchange has a lower sequence number
	high     uint64    // none has a higher one, and all are within 65,534 of it
	quota    uint16
	quotaMax uint16
}

// SetQuota begins a connection whose peer takes n open PUBLISHes (its Receive Maximum). The quota is
// fresh on each connection [MQTT-4.9.0-1]; all that is open waits for Resume.
func (s *Sender[M]) SetQuota(n int) {
	s.quotaMax = uint16(min(max(n, 0), Identifiers))
	s.quota = s.quotaMax
	s.pub.wait()
	if s.rel != nil {
		s.rel.wait()
	}
}

// CanSend tells whether the delivery seq may begin now: the quota is not used up [MQTT-4.9.0-2], nothing
// older waits to be resent (it would be overtaken), its identifier is free [MQTT-2.2.1-4], and it is at
// most 65,534 away from the oldest open exchange.
func (s *Sender[M]) CanSend(seq uint64) bool {
	if s.quota == 0 || s.Pending() {
		return false
	}
	if s.Len() == 0 {
		return true
	}
	if seq > s.high {
		return seq-s.low < Identifiers || seq-s.oldest() < Identifiers
	}
	e, _ := s.find(ID(seq))
	return s.high-seq < Identifiers && e == nil
}

// oldest looks for the lowest sequence number that is open, and keeps it.
func (s *Sender[M]) oldest() uint64 {
	s.low = s.high
	s.each(func(e *exchange[M]) { s.low = min(s.low, s.seq(e.id)) })
	return s.low
}

// seq is the sequence number of an open exchange: the one with its identifier that is at or below the highest.
func (s *Sender[M]) seq(id uint16) uint64 { return s.high - uint64(ahead(id, ID(s.high))) }

// find returns an open exchange, the row it is in and its place there, or nil. The pointer is good until the next
// call of another method.
func (s *Sender[M]) find(id uint16) (e *exchange[M], at spot[M]) {
	if i := s.pub.find(id); i < s.pub.n {
		return s.pub.at(i), spot[M]{&s.pub, i}
	}
	if s.rel != nil {
		if i := s.rel.find(id); i < s.rel.n {
			return s.rel.at(i), spot[M]{s.rel, i}
		}
	}
	return nil, at
}

// spot is a place in a row.
type spot[M any] struct {
	row *order[M]
	i   uint32
}

// Start begins an exchange, takes one of the quota and returns the packet identifier of the
// PUBLISH, which goes out with DUP 0. CanSend must have said yes.
func (s *Sender[M]) Start(seq uint64, qos byte, m M) uint16 {
	if s.quota == 0 {
		panic("flow: Start beyond the send quota")
	}
	s.quota--
	return s.open(seq, qos, m, &s.pub, charged)
}

// open puts an exchange at the end of a row.
func (s *Sender[M]) open(seq uint64, qos byte, m M, row *order[M], bits uint8) uint16 {
	id := ID(seq)
	follows := true
	switch {
	case s.Len() == 0:
		s.low, s.high = seq, seq
	case seq > s.high:
		s.high = seq
	default:
		if e, _ := s.find(id); e != nil {
			panic("flow: packet identifier in use")
		}
		s.low = min(s.low, seq)
		follows = s.follows(row, id)
	}
	if qos == 2 {
		bits |= isQoS2
	}
	row.append(exchange[M]{m: m, id: id, bits: bits | open}, follows)
	return id
}

// follows tells whether an identifier's sequence number is above the last one's in a row.
func (s *Sender[M]) follows(row *order[M], id uint16) bool {
	return row.n == 0 || s.seq(id) > s.seq(row.at(row.n-1).id)
}

// Puback ends a QoS 1 exchange, whatever its reason code [MQTT-4.3.2-3] [MQTT-4.4.0-2]. ok is false when
// id names none.
func (s *Sender[M]) Puback(id uint16) (seq uint64, m M, ok bool) {
	i := s.pub.find(id)
	if i >= s.pub.n || s.pub.at(i).bits&isQoS2 != 0 {
		return 0, m, false
	}
	seq, m = s.end(id, spot[M]{&s.pub, i})
	return seq, m, true
}

// Pubrec takes a PUBREC with reason r for id.
func (s *Sender[M]) Pubrec(id uint16, r mqtt.Reason) (seq uint64, m M, step Step) {
	e, at := s.find(id)
	switch {
	case e == nil || e.bits&isQoS2 == 0:
		return 0, m, Unknown
	case e.isReleased():
		// A late refusal too: the receiver answers the repeated PUBREL, and that ends the exchange.
		return 0, m, Repeated
	case r >= 0x80: // [MQTT-4.4.0-2]
		seq, m = s.end(id, at)
		return seq, m, Ended
	}
	// From here on the PUBLISH is never sent again [MQTT-4.3.3-6], PUBREL instead, in this order [MQTT-4.6.0-4].
	moved := *e
	moved.bits = moved.bits&^waiting | released
	at.row.remove(at.i)
	if s.rel == nil {
		s.rel = &order[M]{}
	}
	s.rel.append(moved, s.follows(s.rel, id))
	return s.seq(id), moved.m, SendPubrel // [MQTT-4.3.3-4]
}

// Pubcomp ends a released QoS 2 exchange, whatever its reason code [MQTT-4.3.3-5]. ok is false when id
// names none.
func (s *Sender[M]) Pubcomp(id uint16) (seq uint64, m M, ok bool) {
	if s.rel == nil {
		return 0, m, false
	}
	i := s.rel.find(id)
	if i >= s.rel.n {
		return 0, m, false
	}
	seq, m = s.end(id, spot[M]{s.rel, i})
	return seq, m, true
}

// end closes an exchange. Quota comes back only if the exchange took it on this connection,
// so that it never rises above where it started.
func (s *Sender[M]) end(id uint16, at spot[M]) (uint64, M) {
	e := at.row.at(at.i)
	m := e.m
	if e.bits&charged != 0 {
		s.quota++
	}
	at.row.remove(at.i)
	return s.seq(id), m
}

// Find returns the sequence number of the open exchange id and what is attached to it; the pointer
// is good until the next call of another method. An owner who drops the payload at PUBREC, or needs the
// sequence number for its record, comes here.
func (s *Sender[M]) Find(id uint16) (seq uint64, m *M, ok bool) {
	if e, _ := s.find(id); e != nil {
		return s.seq(id), &e.m, true
	}
	return 0, nil, false
}

// Remove takes the exchange seq out without an acknowledgement and hands its m back: a shared
// QoS 1 message that goes to another member, a message the peer cannot take.
func (s *Sender[M]) Remove(seq uint64) (m M, ok bool) {
	id := ID(seq)
	e, at := s.find(id)
	if e == nil || s.seq(id) != seq {
		return m, false
	}
	_, m = s.end(id, at)
	return m, true
}

// Len is how many exchanges are open.
func (s *Sender[M]) Len() int {
	if s.rel == nil {
		return int(s.pub.live)
	}
	return int(s.pub.live + s.rel.live)
}

// Quota is how many PUBLISHes may still be opened on this connection.
func (s *Sender[M]) Quota() int { return int(s.quota) }

// Trim lets go of the memory when nothing is open. It is for a session that has become idle: a busy one
// would allocate it again.
func (s *Sender[M]) Trim() {
	if s.Len() == 0 {
		s.pub, s.rel = order[M]{}, nil
	}
}
