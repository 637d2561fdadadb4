package flow

// exchange is one outgoing QoS 1 or 2 message. With a pointer as M it takes 16 bytes: its sequence number follows
// from its identifier, see Sender.seq.
type exchange[M any] struct {
	m    M
	id   uint16
	bits uint8 // 0: over, but still in the row
}

const (
	open     = 1 << iota
	isQoS2   // else QoS 1
	released // PUBREC came, PUBREL is owed or sent
	charged  // holds one of the send quota of this connection
	waiting  // was open before this connection and has not been sent again on it
)

func (e *exchange[M]) isReleased() bool { return e.bits&released != 0 }

func (e *exchange[M]) qos() byte {
	if e.bits&isQoS2 != 0 {
		return 2
	}
	return 1
}

// order is a row of exchanges as they were sent, in a ring. Receivers mostly acknowledge in that order, so that the
// search for an identifier mostly ends at the first; sender and acknowledgement walk through memory in one direction,
// which matters more than anything else where one message goes to hundreds of receivers.
//
// What ends in the middle leaves a gap, which is closed when the ring is full: one exchange that a peer never
// acknowledges pins a few places, not all that was sent since.
type order[M any] struct {
	ring    []exchange[M] // a power of two
	head, n uint32        // first place, and how many places there are with the gaps; first and last are open
	live    uint32        // how many of them are open
	waits   uint32        // how many of them wait to be resent
	cursor  uint32        // places before it do not wait; counted as head is
	mixed   bool          // identifiers do not follow each other in the order of sequence numbers
}

func (o *order[M]) at(i uint32) *exchange[M] { return &o.ring[(o.head+i)&uint32(len(o.ring)-1)] }

// ahead is how far identifier b is ahead of a.
func ahead(a, b uint16) uint16 {
	if b >= a {
		return b - a
	}
	return b - a - 1 // there is no identifier 0
}

// find returns the place of an identifier, or n.
func (o *order[M]) find(id uint16) uint32 {
	if o.n == 0 {
		return 0
	}
	first := o.at(0).id
	if first == id {
		return 0
	}
	if o.mixed {
		for i := uint32(1); i < o.n; i++ {
			if e := o.at(i); e.id == id && e.bits != 0 {
				return i
			}
		}
		return o.n
	}
	// No place is further on than its identifier, so the guess is right or too far.
	target := ahead(first, id)
	lo, hi := uint32(1), min(uint32(target)+1, o.n)
	if hi == uint32(target)+1 && o.at(hi-1).id == id {
		lo = hi - 1
	}
	for lo < hi {
		mid := (lo + hi) / 2
		switch d := ahead(first, o.at(mid).id); {
		case d == target:
			if o.at(mid).bits == 0 {
				return o.n
			}
			return mid
		case d < target:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return o.n
}

// append puts an exchange at the end. follows tells whether its sequence number is above the last one's.
func (o *order[M]) append(e exchange[M], follows bool) {
	if int(o.n) == len(o.ring) {
		o.makeRoom()
	}
	if o.n == 0 {
		o.mixed, o.cursor = false, o.head
	} else if !follows {
		o.mixed = true
	}
	if e.bits&waiting != 0 {
		if o.waits == 0 {
			o.cursor = o.head + o.n
		}
		o.waits++
	}
	o.n++
	o.live++
	*o.at(o.n - 1) = e
}

// remove ends the exchange at place i.
func (o *order[M]) remove(i uint32) {
	e := o.at(i)
	if e.bits&waiting != 0 {
		o.waits--
	}
	*e = exchange[M]{id: e.id}
	o.live--
	for o.n > 0 && o.at(0).bits == 0 {
		o.head++
		o.n--
	}
	for o.n > 0 && o.at(o.n-1).bits == 0 {
		o.n--
	}
	// The wide distance between an eighth here and full in append keeps a window that breathes from allocating.
	if size := len(o.ring); size > keepPlaces && int(o.live)*8 <= size {
		o.move(make([]exchange[M], size/2))
	}
}

// makeRoom closes the gaps where they are half of the ring, and doubles it otherwise.
func (o *order[M]) makeRoom() {
	to := o.ring
	if int(o.live)*2 > len(to) || len(to) == 0 {
		to = make([]exchange[M], max(minPlaces, 2*len(to)))
	}
	o.move(to)
}

// move puts what is open into a ring, which may be the present one, without gaps.
func (o *order[M]) move(to []exchange[M]) {
	n, mask := uint32(0), uint32(len(to)-1)
	for i := range o.n {
		e := o.at(i)
		if e.bits == 0 {
			continue
		}
		moved := *e
		if &to[0] == &o.ring[0] {
			*e = exchange[M]{}
		}
		to[(o.head+n)&mask] = moved
		n++
	}
	o.ring, o.n, o.cursor = to, n, o.head
}

// wait marks all exchanges as not resent yet and not charged.
func (o *order[M]) wait() {
	for i := range o.n {
		if e := o.at(i); e.bits != 0 {
			e.bits = e.bits&^charged | waiting
		}
	}
	o.waits, o.cursor = o.live, o.head
}

// nextWaiting is the first exchange that waits to be resent; there must be one.
func (o *order[M]) nextWaiting() *exchange[M] {
	if int32(o.cursor-o.head) < 0 {
		o.cursor = o.head
	}
	for {
		if e := o.at(o.cursor - o.head); e.bits&waiting != 0 {
			return e
		}
		o.cursor++
	}
}

// each visits the open exchanges in their order.
func (o *order[M]) each(visit func(e *exchange[M])) {
	for i := range o.n {
		if e := o.at(i); e.bits != 0 {
			visit(e)
		}
	}
}
