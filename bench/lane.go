package bench

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/hist"
	"github.com/penstock-mqtt/penstock/bench/internal/loop"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// counters are a lane's, over the whole run. Differences of two readings are what happened between.
type counters struct {
	sent        uint64 // messages begun
	delivered   uint64 // messages received for the first time
	owed        uint64 // deliveries that what was sent asks for
	settled     uint64 // deliveries of those that came or were given up
	aside       uint64 // deliveries to receivers counted apart
	redelivered uint64 // allowed duplicates
	answered    uint64 // CONNACKs that accept
	allowed     uint64 // losses that are none
	unsent      uint64 // messages that were due, and that there was never room for
	open        int64  // exchanges of QoS 1 and 2 that wait for their end
	unreleased  int64  // exchanges of QoS 2 that the broker began and has not released
	connected   int64
}

func (c *counters) add(o *counters) {
	c.sent += o.sent
	c.delivered += o.delivered
	c.owed += o.owed
	c.settled += o.settled
	c.aside += o.aside
	c.redelivered += o.redelivered
	c.answered += o.answered
	c.allowed += o.allowed
	c.unsent += o.unsent
	c.open += o.open
	c.unreleased += o.unreleased
	c.connected += o.connected
}

// lane is what one event loop of the generator owns: its clients, its counters, its share of the pace. Everything in it is
// touched on its loop only; others post.
type lane struct {
	counters
	r     *run
	index int
	loop  *loop.Loop
	now   uint32 // microseconds of the run, read once for what one read brings

	// Which deliveries count for latency: those of messages meant to be sent in [from, from+span).
	from, span uint32

	latency, apart, late, acks, connects, subscribes hist.Recorder // µs
	faults                                           faultBook

	schedules []*schedule
	nextDue   time.Duration
	reach     [][]*feed // by lane: feeds whose oldest message has reached everybody
	reached   bool

	secured string // what the first TLS handshake has agreed on, in words

	keepers [][]*client // who sends a PINGREQ in which tick
	hand    int

	// scratch for packets that are seldom
	publish mqtt.Publish
	ack     mqtt.Ack
}

// on gives the lane its loop.
func (ln *lane) on(l *loop.Loop) *lane {
	ln.loop = l
	return ln
}

// clock sets now.
func (ln *lane) clock() { ln.now = ln.r.micros() }

// arrived counts the first delivery of a message.
func (ln *lane) arrived(t *track, m stamp, v verdict, by uint32) {
	took := ln.now - m.time
	if int32(took) < 0 { // another lane's clock was read a moment later
		took = 0
	}
	counts := m.time-ln.from < ln.span && !t.retain // a retained one is as old as it is
	if t.aside {
		ln.aside++
		if counts {
			ln.apart.Add(int64(took))
		}
		return
	}
	ln.delivered++
	ln.settled++
	if counts && !t.awry {
		ln.latency.Add(int64(took))
	}
	f := t.of.feed
	if f.rest == nil || v == late {
		return
	}
	if v == early {
		for k := m.number - by; k != m.number; k++ {
			ln.credit(f, k, t.of.place) // do not hold the window for what is lost, or late
		}
	}
	ln.credit(f, m.number, t.of.place)
}

// acknowledged counts how long a publisher has waited for the PUBACK or PUBREC that answers for its message.
func (ln *lane) acknowledged(p *place) {
	if took := ln.now - p.at; p.at-ln.from < ln.span && int32(took) >= 0 {
		ln.acks.Add(int64(took))
	}
}

// credit says that one receiver has had, or will not have, the number-th message of one of the feed's streams.
func (ln *lane) credit(f *feed, number, place uint32) {
	seq := number*uint32(len(f.streams)) + place
	rest := &f.rest[seq&uint32(len(f.rest)-1)]
	if !f.crosses {
		if *rest--; *rest == 0 && seq == f.low {
			f.advance()
		}
		return
	}
	if atomic.AddInt32(rest, -1) != 0 {
		return
	}
	if home := f.c.lane; home != ln {
		ln.reach[home.index] = append(ln.reach[home.index], f)
		ln.reached = true
		ln.loop.Pass()
	} else {
		f.advance()
	}
}

func load(p *int32, crosses bool) int32 {
	if crosses {
		return atomic.LoadInt32(p)
	}
	return *p
}

// round runs at the end of a round, before the writes.
func (ln *lane) round() {
	if len(ln.schedules) > 0 {
		ln.pace()
	}
	if !ln.reached {
		return
	}
	ln.reached = false
	for i, feeds := range ln.reach {
		if len(feeds) == 0 {
			continue
		}
		ln.reach[i] = nil
		home := ln.r.lanes[i]
		home.loop.Post(func() {
			home.clock()
			for _, f := range feeds {
				f.advance()
			}
		})
	}
}

// tick sends the pings that are due. A client's turn comes every three quarters of its keep alive.
func (ln *lane) tick() {
	if len(ln.keepers) == 0 {
		return
	}
	ln.clock()
	list := ln.keepers[ln.hand]
	if ln.hand++; ln.hand == len(ln.keepers) {
		ln.hand = 0
	}
	for _, k := range list {
		k.ping()
	}
}

// enlist has a client ping.
func (ln *lane) enlist(k *client) {
	if k.enlisted || ln.r.cfg.KeepAlive <= 0 {
		return
	}
	if ln.keepers == nil {
		ln.keepers = make([][]*client, max(1, int(ln.r.cfg.KeepAlive*3/4/(100*time.Millisecond))))
	}
	k.enlisted = true
	at := (ln.hand + len(ln.keepers) - 1) % len(ln.keepers) // the whole way round from now
	ln.keepers[at] = append(ln.keepers[at], k)
}

// reading is what a lane hands over about what it has seen since the reading before.
type reading struct {
	counters
	latency, apart, late, acks, connects, subscribes *hist.Histogram
	errors                                           uint64
}

// openEnd is a span whose end is not known yet, and recent what of it counts when it has become long: the clock of
// messages goes round.
const (
	openEnd = math.MaxInt32
	recent  = uint32(10 * time.Minute / time.Microsecond)
)

// read takes a reading.
func (ln *lane) read() reading {
	if ln.clock(); ln.span == openEnd && ln.now-ln.from > 2*recent {
		ln.from = ln.now - recent
	}
	return reading{
		counters:   ln.counters,
		latency:    ln.latency.Swap(nil),
		apart:      ln.apart.Swap(nil),
		late:       ln.late.Swap(nil),
		acks:       ln.acks.Swap(nil),
		connects:   ln.connects.Swap(nil),
		subscribes: ln.subscribes.Swap(nil),
		errors:     ln.faults.total(),
	}
}
