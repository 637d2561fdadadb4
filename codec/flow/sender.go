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
	ids      idmap[exchange[M]]
	pub      chain // waiting for PUBACK or PUBREC, in the order of first transmission
	rel      chain // waiting for PUBCOMP, in the order of their PUBRECs
	quota    uint16
	quotaMax uint16
}

// SetQuota begins a connection whose peer takes n open PUBLISHes (its Receive Maximum). The quota is
// fresh on each connection [MQTT-4.9.0-1]; all that is open waits for Resume.
func (s *Sender[M]) SetQuota(n int) {
	s.quotaMax = uint16(min(max(n, 0), Identifiers))
	s.quota = s.quotaMax
	s.ids.all(func(_ uint16, e *exchange[M]) { e.bits = e.bits&^charged | waiting })
	s.pub.cursor, s.rel.cursor = s.pub.head, s.rel.head
}

// CanSend tells whether the delivery seq may begin now: the quota is not used up [MQTT-4.9.0-2], nothing
// older waits to be resent (it would be overtaken), its identifier is free [MQTT-2.2.1-4], and it is at
// most 65,534 away from the oldest open exchange.
func (s *Sender[M]) CanSend(seq uint64) bool {
	if s.quota == 0 || s.Pending() {
		return false
	}
	if s.ids.n == 0 {
		return true
	}
	oldest := s.oldest()
	return max(seq, oldest)-min(seq, oldest) < Identifiers && s.ids.find(ID(seq)) == nil
}

func (s *Sender[M]) oldest() uint64 {
	switch p, r := s.ids.find(s.pub.head), s.ids.find(s.rel.head); {
	case p == nil:
		return r.seq
	case r == nil:
		return p.seq
	default:
		return min(p.seq, r.seq)
	}
}

// Start begins an exchange, takes one of the quota and returns the packet identifier of the
// PUBLISH, which goes out with DUP 0. CanSend must have said yes.
func (s *Sender[M]) Start(seq uint64, qos byte, m M) uint16 {
	if s.quota == 0 {
		panic("flow: Start beyond the send quota")
	}
	id := ID(seq)
	e := s.open(id, seq, qos, m)
	e.bits |= charged
	s.quota--
	s.append(&s.pub, id, e)
	return id
}

func (s *Sender[M]) open(id uint16, seq uint64, qos byte, m M) *exchange[M] {
	if s.ids.find(id) != nil {
		panic("flow: packet identifier in use")
	}
	e := s.ids.get(id)
	e.seq, e.m = seq, m
	if qos == 2 {
		e.bits = isQoS2
	}
	return e
}

// Puback ends a QoS 1 exchange, whatever its reason code [MQTT-4.3.2-3] [MQTT-4.4.0-2]. ok is false when
// id names none.
func (s *Sender[M]) Puback(id uint16) (m M, ok bool) {
	e := s.ids.find(id)
	if e == nil || e.bits&isQoS2 != 0 {
		return m, false
	}
	return s.end(id, e), true
}

// Pubrec takes a PUBREC with reason r for id.
func (s *Sender[M]) Pubrec(id uint16, r mqtt.Reason) (m M, step Step) {
	e := s.ids.find(id)
	switch {
	case e == nil || e.bits&isQoS2 == 0:
		return m, Unknown
	case e.isReleased():
		// A late refusal too: the receiver answers the repeated PUBREL, and that ends the exchange.
		return m, Repeated
	case r >= 0x80: // [MQTT-4.4.0-2]
		return s.end(id, e), Ended
	}
	// From here on the PUBLISH is never sent again [MQTT-4.3.3-6], PUBREL instead, in this order [MQTT-4.6.0-4].
	s.unlink(&s.pub, id, e)
	e.bits = e.bits&^waiting | released
	s.append(&s.rel, id, e)
	return e.m, SendPubrel // [MQTT-4.3.3-4]
}

// Pubcomp ends a released QoS 2 exchange, whatever its reason code [MQTT-4.3.3-5]. ok is false when id
// names none.
func (s *Sender[M]) Pubcomp(id uint16) (m M, ok bool) {
	e := s.ids.find(id)
	if e == nil || !e.isReleased() {
		return m, false
	}
	return s.end(id, e), true
}

// end closes an exchange. Quota comes back only if the exchange took it on this connection,
// so that it never rises above where it started.
func (s *Sender[M]) end(id uint16, e *exchange[M]) M {
	m := e.m
	if e.bits&charged != 0 {
		s.quota++
	}
	if e.isReleased() {
		s.unlink(&s.rel, id, e)
	} else {
		s.unlink(&s.pub, id, e)
	}
	s.ids.drop(id)
	return m
}

// Find returns the sequence number of the open exchange id and what is attached to it; the pointer
// is good until the next call of another method. An owner who drops the payload at PUBREC, or needs the
// sequence number for its record, comes here.
func (s *Sender[M]) Find(id uint16) (seq uint64, m *M, ok bool) {
	if e := s.ids.find(id); e != nil {
		return e.seq, &e.m, true
	}
	return 0, nil, false
}

// Remove takes the exchange seq out without an acknowledgement and hands its m back: a shared
// QoS 1 message that goes to another member, a message the peer cannot take.
func (s *Sender[M]) Remove(seq uint64) (m M, ok bool) {
	id := ID(seq)
	if e := s.ids.find(id); e != nil && e.seq == seq {
		return s.end(id, e), true
	}
	return m, false
}

// Len is how many exchanges are open.
func (s *Sender[M]) Len() int { return s.ids.len() }

// Quota is how many PUBLISHes may still be opened on this connection.
func (s *Sender[M]) Quota() int { return int(s.quota) }

// Trim lets go of the table when nothing is open. It is for a session that has become idle: a busy one
// would allocate it again.
func (s *Sender[M]) Trim() {
	if s.ids.n == 0 {
		s.ids = idmap[exchange[M]]{}
	}
}
