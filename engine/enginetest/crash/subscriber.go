package crash

import (
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// subscriber receives. What it knows of exchanges at QoS 2 outlives its connections.
type subscriber struct {
	device
	wants  []want // what it subscribes to at the beginning of a session
	group  *group // of a member of a shared subscription
	fickle []want // subscriptions that come and go
	hoards bool   // it stays away until the hoarders are released
	reborn bool   // it begins its session anew now and then
	began  map[uint16]key
	subs   map[string]*Sub // those that it means to have, by filter
	asked  *change         // under way
}

// want is a filter, as in a SUBSCRIBE, and a QoS.
type want struct {
	filter string
	qos    byte
}

// change is a SUBSCRIBE or UNSUBSCRIBE that has no answer yet.
type change struct {
	want want
	sub  *Sub
	ends bool
	id   uint16
}

// assure begins a session, in place of the one before if there is one, with its subscriptions.
func (s *subscriber) assure() bool {
	past := s.s
	if past != nil {
		s.f.Ledger.ending(past)
	}
	s.fresh(past)
	return s.come(past != nil)
}

// fresh is a session of which nothing is known yet.
func (s *subscriber) fresh(past *Session) {
	s.s = s.f.Ledger.session(s.id, s.group, past)
	s.began, s.subs, s.asked = map[uint16]key{}, map[string]*Sub{}, nil
}

// come connects and subscribes to what is wanted, as often as it takes. clean: with a clean start.
func (s *subscriber) come(clean bool) bool {
	for s.begin(clean) {
		if s.askAll() {
			return true
		}
		clean = false
	}
	return false
}

// askAll subscribes to what is wanted and not yet there.
func (s *subscriber) askAll() bool {
	for _, w := range s.wants {
		sub := s.subs[w.filter]
		if sub == nil {
			sub = s.f.Ledger.subscribe(s.s, w.bare(), w.qos)
			s.subs[w.filter] = sub
		}
		if sub.granted == 0 && !s.settle(sub, w.filter, s.take) {
			return false
		}
	}
	return true
}

// bare is the filter without the group.
func (w want) bare() string {
	if len(w.filter) > len(shared) && w.filter[:len(shared)] == shared {
		return w.filter[len(shared)+2:]
	}
	return w.filter
}

// shared begins the filter of a shared subscription; a group's name is one letter.
const shared = "$share/"

// begin connects. A session that is gone is begun again, as a new one.
func (s *subscriber) begin(clean bool) bool {
	hello := s.hello()
	hello.CleanStart = clean
	present, ok := s.resume(hello)
	switch {
	case !ok:
		return false
	case clean && present:
		s.f.Ledger.Fault(Risen, "%s began anew and the session is there", s.id)
	case clean:
		s.f.Ledger.anew(s.s)
	case !present && s.s.sure != 0:
		s.f.Ledger.lapsed(s.s)
		s.fresh(nil)
	}
	return true
}

func (s *subscriber) run() {
	if s.hoards {
		s.hangUp()
		for s.f.hoarding.Load() && !s.f.over.Load() {
			nap(s.rng, 10)
		}
		if !s.come(false) {
			return
		}
	}
	for s.goesOn() {
		s.life()
		if !s.goesOn() {
			break
		}
		s.leave()
		s.away()
		if s.reborn && !s.f.quiet.Load() && s.rng.IntN(8) == 0 {
			if !s.assure() {
				break
			}
		} else if !s.come(false) {
			break
		}
		if s.asked != nil {
			s.ask() // again
		}
	}
	s.farewell()
	s.hangUp()
}

func (s *subscriber) goesOn() bool { return !s.f.last.Load() && !s.f.over.Load() }

// farewell is the last connection.
func (s *subscriber) farewell() {
	s.hangUp()
	for s.come(false) {
		if s.asked != nil {
			s.ask()
		}
		if s.hearOut() {
			return
		}
	}
}

// hearOut listens until the broker has nothing more to say; false: the connection was lost.
func (s *subscriber) hearOut() bool {
	for quiet := 0; !s.f.over.Load(); nap(s.rng, 10) {
		quiet++
		if !s.ping(func(packet any) { quiet = 0; s.take(packet) }) {
			return false
		}
		switch {
		case quiet < 3:
		case len(s.began) == 0 && s.asked == nil:
			return true
		case quiet > 100:
			s.f.Ledger.hung(s.id, s.began)
			return true
		}
	}
	return true
}

// away is the time without a connection.
func (s *subscriber) away() {
	switch {
	case s.f.quiet.Load():
	case s.rng.IntN(6) == 0:
		s.f.wait(time.Duration(s.rng.IntN(400)) * time.Millisecond)
	default:
		nap(s.rng, 30)
	}
}

func (s *subscriber) life() {
	long := 120
	if s.f.quiet.Load() {
		long = 1000
	}
	over := time.Now().Add(time.Duration(1+s.rng.IntN(long)) * time.Millisecond)
	for s.goesOn() && time.Now().Before(over) {
		if !s.receive(time.Now().Add(10*time.Millisecond), s.take) {
			return
		}
		if s.rng.IntN(50) == 0 {
			nap(s.rng, 10)
		}
		if len(s.fickle) > 0 && s.asked == nil && !s.f.quiet.Load() && s.rng.IntN(3) == 0 {
			s.change()
			s.ask()
		}
	}
}

// change decides on a subscription to come or to go.
func (s *subscriber) change() {
	w := pick(s.rng, s.fickle)
	if sub := s.subs[w.filter]; sub != nil {
		s.f.Ledger.leaving(sub)
		s.asked = &change{want: w, sub: sub, ends: true}
		return
	}
	sub := s.f.Ledger.subscribe(s.s, w.filter, w.qos)
	s.subs[w.filter] = sub
	s.asked = &change{want: w, sub: sub}
}

// ask sends what is under way.
func (s *subscriber) ask() {
	c := s.asked
	c.id = s.next()
	filter := []byte(c.want.filter)
	if c.ends {
		s.send((&mqtt.Unsubscribe{ID: c.id, Filters: [][]byte{filter}}).AppendTo(nil, s.v, 0))
		return
	}
	s.send((&mqtt.Subscribe{ID: c.id, Filters: []mqtt.Subscription{{Filter: filter, Options: c.want.qos}}}).AppendTo(nil, s.v, 0))
}

// take is a packet. Some are not answered: the broker asks again on the next connection.
func (s *subscriber) take(packet any) {
	forget := s.rng.IntN(80) == 0 && !s.f.last.Load()
	switch p := packet.(type) {
	case *mqtt.Publish:
		s.publish(p, forget)
	case *mqtt.Ack:
		if p.Type != mqtt.PUBREL {
			s.f.Ledger.Fault(Spoken, "%s got %v", s.id, p.Type)
			return
		}
		if k, open := s.began[p.ID]; open {
			s.f.Ledger.closed(s.s, k)
			delete(s.began, p.ID)
		}
		if !forget {
			s.send(mqtt.AppendAck(nil, mqtt.PUBCOMP, p.ID, mqtt.Success, s.v))
		}
	case *mqtt.Suback:
		s.changed(p.ID, false, p.Codes[0])
	case *mqtt.Unsuback:
		s.changed(p.ID, true, first(p.Codes))
	case pong:
	default:
		s.f.Ledger.Fault(Spoken, "%s got %T", s.id, packet)
	}
}

// changed is the answer to what is under way.
func (s *subscriber) changed(id uint16, ends bool, code mqtt.Reason) {
	c := s.asked
	if code.Failed() && s.f.Ledger.mayRefuse() {
		return // it asks again in the next connection
	}
	if c == nil || c.id != id || c.ends != ends || !ends && code != mqtt.Reason(c.want.qos) {
		s.f.Ledger.Fault(Spoken, "%s: answer %d, UNSUBACK: %v, %v to %+v", s.id, id, ends, code, c)
		return
	}
	s.asked = nil
	if !ends {
		s.f.Ledger.granted(s.s, c.sub)
		return
	}
	s.f.Ledger.left(c.sub)
	delete(s.subs, c.want.filter)
}

// first is the code of an UNSUBACK for one filter; 3.x has none.
func first(codes []mqtt.Reason) mqtt.Reason {
	if len(codes) == 0 {
		return mqtt.Success
	}
	return codes[0]
}

// mistaken tells whether the broker may have another session than the client believes: a crash has taken a clean start, or a
// session of 3.1, which does not say so.
func (s *subscriber) mistaken() bool {
	return (s.s.past != nil || s.v == mqtt.V31) && s.f.Ledger.lossy()
}

func (s *subscriber) publish(p *mqtt.Publish, forget bool) {
	k, intact := told(p.Payload)
	a := arrival{key: k, topic: string(p.Topic), qos: p.QoS, intact: intact, fresh: true}
	switch p.QoS {
	case 1:
		s.f.Ledger.received(s.s, a)
		if !forget {
			s.send(mqtt.AppendAck(nil, mqtt.PUBACK, p.ID, mqtt.Success, s.v))
		}
	case 2:
		before, open := s.began[p.ID]
		switch {
		case !open || before == k && p.Dup:
		case s.mistaken():
			open = false
		default:
			s.f.Ledger.Fault(Spoken, "%s: message %v, DUP %v, has the identifier %d of %v, which is not finished", s.id, k, p.Dup, p.ID, before)
		}
		if a.fresh = !open; a.fresh {
			s.began[p.ID] = k
		}
		s.f.Ledger.received(s.s, a)
		if !forget {
			s.send(mqtt.AppendAck(nil, mqtt.PUBREC, p.ID, mqtt.Success, s.v))
		}
	default:
		s.f.Ledger.received(s.s, a)
	}
}
