package fanout

// later gathers references that one loop gives back, so that the count that other loops change at the same time is
// touched once for many. A message with hundreds of receivers is acknowledged by all of them in a short while, on every
// loop.
type later struct {
	msg *Message
	n   int32
}

const laterPlaces = 32 // messages that are gathered at a time; a power of two

// ReleaseLater gives one reference back, at the latest with the next Settle.
func (p *Pool) ReleaseLater(m *Message) {
	if m.refs.Load() == 1 { // nobody else counts
		p.Release(m, 1)
		return
	}
	x := &p.later[m.serial&(laterPlaces-1)]
	if x.msg != m {
		x.settle(p)
		x.msg = m
	}
	x.n++
	p.gathers = true
}

// Settle gives back what ReleaseLater has gathered.
func (p *Pool) Settle() {
	if !p.gathers {
		return
	}
	p.gathers = false
	for i := range p.later {
		p.later[i].settle(p)
	}
}

func (x *later) settle(p *Pool) {
	if x.n > 0 {
		p.Release(x.msg, x.n)
		*x = later{}
	}
}
