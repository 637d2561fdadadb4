package faulty

import (
	"math/rand/v2"
	"time"
)

// Fault is one way to be wrong.
type Fault uint8

// Faults of deliveries. Topics that begin with '$' are left alone and not counted.
const (
	None       Fault = iota
	Drop             // a delivery is left out
	Double           // it is sent twice, as two messages
	DoubleDup        // at QoS 1 and 2 the same packet is sent again, with DUP
	Swap             // it is sent behind the next one of its topic; not counted if there is none
	Corrupt          // one byte of the payload is changed
	Truncate         // the payload's last byte is missing
	Extend           // the payload has a byte more
	Retopic          // the topic's last byte is changed
	Stray            // it goes to one more client, who did not subscribe
	ChangeQoS        // at another QoS: 0 becomes 1, 1 and 2 become 0
	FlipRetain       // with the other RETAIN flag
	Malformed        // behind a packet that cannot be decoded
	Sever            // the receiver's connection is closed in its place
)

// Faults of PUBLISHes that come in.
const (
	Stall            Fault = iota + 32 // the whole broker stands still for Rule.For
	SeverSender                        // the publisher's connection is closed and the message forgotten
	WithholdAck                        // no PUBACK or PUBREC
	WrongAck                           // PUBACK or PUBREC with another packet identifier
	RefuseAck                          // PUBACK or PUBREC with an error (5.0; 3.1.1 has none) and no delivery
	WithholdComp                       // no PUBCOMP
	WithholdRel                        // no PUBREL to a receiver of QoS 2
	StartlePublisher                   // a PUBACK that nobody waits for, besides the right one
)

// Faults of connections.
const (
	RefuseConnect   Fault = iota + 64 // CONNACK with an error
	MuteConnect                       // no CONNACK
	WrongConnect                      // something else than a CONNACK
	FalsePresent                      // CONNACK with the other Session Present
	ForgetSession                     // a session that was kept is gone; CONNACK says so
	RefuseSubscribe                   // SUBACK with an error
	MuteSubscribe                     // no SUBACK
)

// Rule says what goes wrong and when. Each rule counts for itself the events its fault is about, from 1.
type Rule struct {
	Do    Fault
	Every int           // at each event whose number this divides; 0 is never
	After int           // not at the first so many events, which are not counted either
	Times int           // at most so often; 0 does not limit it
	Seed  uint64        // not 0: the distance from one to the next varies by it, and Every is the mean
	For   time.Duration // of a Stall
}

// plan is a rule at work.
type plan struct {
	Rule
	seen, next, done int
	random           *rand.Rand
}

func newPlan(r Rule) *plan {
	p := &plan{Rule: r}
	if r.Seed != 0 {
		p.random = rand.New(rand.NewPCG(r.Seed, r.Seed))
	}
	p.next = r.After + p.distance()
	return p
}

func (p *plan) distance() int {
	if p.random == nil || p.Every <= 1 {
		return p.Every
	}
	return 1 + p.random.IntN(2*p.Every-1)
}

// hit counts an event and says whether the rule applies to it.
func (p *plan) hit() bool {
	if p.Every == 0 || p.Times > 0 && p.done >= p.Times {
		return false
	}
	if p.seen++; p.seen < p.next {
		return false
	}
	p.next = p.seen + p.distance()
	p.done++
	return true
}

// faults is what applies to one event.
type faults map[Fault]time.Duration

func (f faults) has(one Fault) bool { _, ok := f[one]; return ok }

// event counts one for all rules whose fault is among those, and returns the ones that apply.
func (b *Broker) event(among ...Fault) faults {
	var f faults
	for _, p := range b.plans {
		for _, one := range among {
			if p.Do == one && p.hit() {
				if f == nil {
					f = make(faults)
				}
				f[one] = p.For
			}
		}
	}
	return f
}

// undone takes back a fault that came to nothing.
func (b *Broker) undone(one Fault) {
	for _, p := range b.plans {
		if p.Do == one && p.done > 0 {
			p.done--
			return
		}
	}
}

// Done is how often a fault was committed so far.
func (b *Broker) Done(one Fault) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, p := range b.plans {
		if p.Do == one {
			n += p.done
		}
	}
	return n
}
