package soak

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// feed is numbered messages from publishers to sessions that lose their connection all the time: QoS 1 arrives at least
// once, QoS 2 exactly once, and what one publisher sends on one topic in its order, whichever loops the two are on.
type feed struct {
	t   *testing.T
	b   *rig.Broker
	end time.Time

	window  int // messages that a publisher has open
	pubs    []*publisher
	subs    []*subscriber
	done    atomic.Bool // everything has arrived, or something is wrong
	lives   atomic.Int64
	resends atomic.Int64
}

func TestSoakOfNumberedMessagesLosesAndDoublesNone(t *testing.T) {
	for _, c := range []struct {
		name  string
		loops int
		store store.Store
		tight bool
	}{
		{"one loop", 1, nil, true},
		{"three loops", 3, nil, false},
		{"four loops, tight limits", 4, nil, true},
		{"three loops, slow store", 3, store.NewDelayedMemory(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := rig.Config(c.loops)
			cfg.Session.MaxQueuedMessages, cfg.Session.MaxQueuedBytes = 1<<30, 1<<40
			cfg.Session.ExpiryV3 = lifetime * time.Second
			window := 12
			if c.tight {
				window = 3
				cfg.Limits.MaxInflight, cfg.Limits.ReceiveMaximum, cfg.Limits.MaxOutboundBytes = 3, 16, 4<<10
			}
			f := &feed{t: t, b: rig.Start(t, cfg, engine.Parts{Store: c.store}), end: time.Now().Add(rig.Long(t, 500*time.Millisecond)), window: window}
			defer steer(t, c.store)()
			f.run()
			if c.store != nil {
				f.b.Audit(c.store)
			}
			f.b.Forward(2 * lifetime * time.Second)
			f.b.Empty(0)
		})
	}
}

// lifetime is the Session Expiry Interval of all sessions, in seconds.
const lifetime = 3600

func (f *feed) run() {
	seed := rand.Uint64()
	f.t.Logf("seed %d", seed)
	for i := range 6 {
		f.pubs = append(f.pubs, &publisher{peer: f.newPeer(fmt.Sprint("pub", i), seed), n: i})
	}
	add := func(book *ledger, filter string, qos byte) {
		s := &subscriber{peer: f.newPeer(fmt.Sprint("sub", len(f.subs)), seed), filter: filter, qos: qos, book: book}
		f.subs = append(f.subs, s)
	}
	for i := range 4 {
		add(&ledger{f: f, ordered: true, qos: 2}, "o/#", 2)
		add(&ledger{f: f, ordered: true, qos: 2}, fmt.Sprintf("o/%d/+", i), 2)
		add(&ledger{f: f, ordered: true, qos: 1}, "o/+/2", 1) // QoS 2 as QoS 1
	}
	group := &ledger{f: f, qos: 2}
	for range 3 {
		add(group, "$share/g/o/#", 2)
	}
	for _, s := range f.subs {
		s.begin()
	}
	var pubs, subs sync.WaitGroup
	for _, s := range f.subs {
		subs.Go(s.run)
	}
	for _, p := range f.pubs {
		pubs.Go(p.run)
	}
	pubs.Wait()
	if !f.t.Failed() && !rig.Eventually(func() bool { return f.t.Failed() || f.missing() == "" }) {
		f.t.Errorf("not delivered: %s\n%+v\ndropped %v", f.missing(), f.b.Inventory(), f.b.Stats().Dropped)
	}
	f.done.Store(true)
	subs.Wait()
	sent := uint32(0)
	for _, p := range f.pubs {
		sent += p.sent[0] + p.sent[1]
	}
	f.t.Logf("%d messages, %d connections, %d resends, closed %v", sent, f.lives.Load(), f.resends.Load(), f.b.Stats().ClosedByBroker)
}

// missing names what some subscriber has not got.
func (f *feed) missing() string {
	for _, s := range f.subs {
		for _, p := range f.pubs {
			for q := range p.sent {
				qos := byte(q + 1)
				if !s.wants(p.n, qos) {
					continue
				}
				if got := s.book.count(source{p.n, qos}); got < p.sent[q] {
					return fmt.Sprintf("%s has %d of the %d messages of publisher %d at QoS %d", s.id, got, p.sent[q], p.n, qos)
				}
			}
		}
	}
	return ""
}

// source is where messages have an order.
type source struct {
	pub int
	qos byte
}

// ledger is what a subscriber, or all members of a shared subscription together, received.
type ledger struct {
	f       *feed
	ordered bool
	qos     byte // granted

	mu   sync.Mutex
	last map[source]uint32          // with ordered: all up to here
	seen map[source]map[uint32]bool // without
}

// enter notes a message.
func (l *ledger) enter(who string, s source, seq uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		l.last, l.seen = map[source]uint32{}, map[source]map[uint32]bool{}
	}
	again := s.qos < 2 || l.qos < 2 // allowed
	if !l.ordered {
		if l.seen[s] == nil {
			l.seen[s] = map[uint32]bool{}
		}
		if l.seen[s][seq] && !again {
			l.f.t.Errorf("%s: message %d of publisher %d came twice at QoS 2", who, seq, s.pub)
		}
		l.seen[s][seq] = true
		return
	}
	switch last := l.last[s]; {
	case seq == last+1:
		l.last[s] = seq
	case seq > last:
		l.f.t.Errorf("%s: message %d of publisher %d at QoS %d came after %d", who, seq, s.pub, s.qos, last)
		l.last[s] = seq
	case !again:
		l.f.t.Errorf("%s: message %d of publisher %d came again at QoS 2, after %d", who, seq, s.pub, last)
	}
}

func (l *ledger) count(s source) uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ordered {
		return l.last[s]
	}
	return uint32(len(l.seen[s]))
}

// peer is a client with a session that outlives its connections.
type peer struct {
	f   *feed
	id  string
	rng *rand.Rand
	v   mqtt.Version
	c   *rig.Conn
}

func (f *feed) newPeer(id string, seed uint64) peer {
	rng := rand.New(rand.NewPCG(seed, uint64(len(f.subs)<<8+len(f.pubs))))
	return peer{f: f, id: id, rng: rng, v: pick(rng, []mqtt.Version{mqtt.V31, mqtt.V311, mqtt.V5})}
}

// connect brings the session to a new connection; the old one may still be there. False: it was lost again.
func (p *peer) connect(present bool) bool {
	p.f.lives.Add(1)
	old := p.c
	c, err := rig.Dial(p.f.b.Addr, p.v)
	if err != nil {
		p.f.t.Errorf("%s: %v", p.id, err)
		p.f.done.Store(true)
		return false
	}
	p.c = c
	hello := &mqtt.Connect{ClientID: []byte(p.id)}
	if p.v == mqtt.V5 {
		hello.Props.Set(mqtt.PropSessionExpiry)
		hello.Props.SessionExpiry = lifetime
		hello.Props.Set(mqtt.PropReceiveMaximum)
		hello.Props.ReceiveMaximum = uint16(1 + p.rng.IntN(30))
	}
	ack, err := c.Connect(hello)
	if old != nil {
		_ = old.Close()
	}
	switch {
	case err != nil:
		p.f.t.Errorf("%s: connect: %v", p.id, err)
		return false
	case ack.Reason != mqtt.Success || ack.SessionPresent != (present && p.v != mqtt.V31):
		p.f.t.Errorf("%s: got CONNACK %v, session present %v; want success, %v", p.id, ack.Reason, ack.SessionPresent, present)
	}
	return true
}

// leave ends the connection in one of several ways; after one of them it is taken over.
func (p *peer) leave() {
	switch p.rng.IntN(5) {
	case 0:
		_ = p.c.Close()
	case 1:
		p.c.Cut()
	case 2:
		p.send([]byte{byte(mqtt.DISCONNECT) << 4, 0})
		_ = p.c.Close()
	default:
		return
	}
	p.c = nil
	nap(p.rng, 15)
}

func (p *peer) send(b []byte) {
	if len(b) > 0 {
		_ = p.c.SetWriteDeadline(time.Now().Add(rig.Patience))
		_, _ = p.c.Write(b) // that it is closed is for the next read to tell
	}
}

// receive takes packets until the connection ends or its time is over.
func (p *peer) receive(until time.Time, take func(packet any)) (open bool) {
	for time.Now().Before(until) {
		h, body, err := p.c.Next(2 * time.Millisecond)
		switch {
		case isTimeout(err):
			return true
		case rig.Ended(err):
			return false
		case err != nil:
			p.f.t.Errorf("%s: %v", p.id, err)
			return false
		}
		got, err := p.c.Decode(h, body)
		if err != nil {
			p.f.t.Errorf("%s: %v: % X", p.id, err, body)
			return false
		}
		take(got)
	}
	return true
}
