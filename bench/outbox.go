package bench

// outbox gives the packet identifiers of a client and knows what each open one waits for. It is a ring by the identifier's
// low bits at most half full: identifiers follow each other and mostly end in their order, so the next place is nearly
// always free.
type outbox struct {
	places []place
	next   uint16
	open   int
}

type place struct {
	id    uint16
	waits wait
	at    uint32 // when the PUBLISH was sent, or meant to be, in microseconds of the run
	feed  *feed
}

// wait is the acknowledgement that an identifier waits for.
type wait uint8

const (
	nothing wait = iota
	forPuback
	forPubrec
	forPubcomp
)

// take opens an exchange of QoS 1 or 2 and returns its identifier. There are less than 32,768 at a time, which is for the
// window to see to.
func (o *outbox) take(f *feed, qos byte, at uint32) uint16 {
	if 2*(o.open+1) > len(o.places) {
		o.grow()
	}
	for {
		o.next++
		if o.next == 0 {
			o.next = 1
		}
		if p := &o.places[int(o.next)&(len(o.places)-1)]; p.waits == nothing {
			p.id, p.feed, p.at, p.waits = o.next, f, at, forPuback
			if qos == 2 {
				p.waits = forPubrec
			}
			o.open++
			return o.next
		}
	}
}

func (o *outbox) grow() {
	old := o.places
	o.places = make([]place, max(16, 2*len(old)))
	for _, p := range old {
		if p.waits != nothing {
			o.places[int(p.id)&(len(o.places)-1)] = p
		}
	}
}

// find returns the exchange id if it waits for that, else nil.
func (o *outbox) find(id uint16, what wait) *place {
	if len(o.places) == 0 {
		return nil
	}
	if p := &o.places[int(id)&(len(o.places)-1)]; p.id == id && p.waits == what {
		return p
	}
	return nil
}

// end closes an exchange.
func (o *outbox) end(p *place) *feed {
	f := p.feed
	*p = place{}
	o.open--
	return f
}
