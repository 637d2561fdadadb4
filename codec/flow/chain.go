package flow

// exchange is one outgoing QoS 1 or 2 message. With a pointer as M its place in the idmap takes 32 bytes.
type exchange[M any] struct {
	m          M
	seq        uint64
	next, prev uint16 // identifiers of the neighbours in its chain; 0: none
	bits       uint8
}

const (
	isQoS2   = 1 << iota // else QoS 1
	released             // PUBREC came, PUBREL is owed or sent
	charged              // holds one of the send quota of this connection
	waiting              // was open before this connection and has not been sent again on it
)

// chain is a list of exchanges in sending order. It links packet identifiers, so that entries may move.
type chain struct {
	head, tail uint16
	cursor     uint16 // first exchange still waiting to be resent; 0: none
}

func (s *Sender[M]) append(c *chain, id uint16, e *exchange[M]) {
	e.prev, e.next = c.tail, 0
	if c.tail == 0 {
		c.head = id
	} else {
		s.ids.find(c.tail).next = id
	}
	c.tail = id
	if c.cursor == 0 && e.bits&waiting != 0 {
		c.cursor = id
	}
}

func (s *Sender[M]) unlink(c *chain, id uint16, e *exchange[M]) {
	if c.cursor == id {
		c.cursor = s.nextWaiting(e)
	}
	if e.prev == 0 {
		c.head = e.next
	} else {
		s.ids.find(e.prev).next = e.next
	}
	if e.next == 0 {
		c.tail = e.prev
	} else {
		s.ids.find(e.next).prev = e.prev
	}
}

// nextWaiting is the first exchange after e that waits to be resent.
func (s *Sender[M]) nextWaiting(e *exchange[M]) uint16 {
	id := e.next
	for id != 0 {
		n := s.ids.find(id)
		if n.bits&waiting != 0 {
			break
		}
		id = n.next
	}
	return id
}

func (e *exchange[M]) isReleased() bool { return e.bits&released != 0 }

func (e *exchange[M]) qos() byte {
	if e.bits&isQoS2 != 0 {
		return 2
	}
	return 1
}
