package transcript

import (
	"fmt"
	"slices"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// cast is a publisher and its subscribers around a broker whose commits happen when commit says so.
type cast struct {
	s         *scenario
	pub       *peer
	subs      []*peer
	got       *received
	shared    bool
	published int
}

// sent is how many messages are published, by turns at QoS 1 and 2.
const sent = 6

// newCast starts a broker and connects everybody; loops says where the subscribers are. More than one of them share the
// subscription.
func newCast(s *scenario, pool, window int, loops ...int) *cast {
	s.mem = store.NewMemory()
	s.command(fmt.Sprint("broker store=given pool=", pool))
	c := &cast{s: s, got: &received{}, shared: len(loops) > 1}
	filter := "subscribe t,q2"
	if c.shared {
		filter = "subscribe $share/g/t,q2"
	}
	for i, loop := range loops {
		sub := newPeer(c.got, fmt.Sprint("s", i), window)
		sub.connect(s, loop, true)
		sub.c.await()
		sub.c.send(sub.c.encode(parse(s, filter)))
		sub.c.await()
		c.subs = append(c.subs, sub)
	}
	c.pub = newPeer(c.got, "p", 0)
	c.pub.connect(s, 0, true)
	c.pub.c.await()
	s.settle()
	s.rig.gate.delay(true)
	return c
}

// publish publishes up to the nth message.
func (c *cast) publish(n int) {
	for ; c.published < min(n, sent); c.published++ {
		c.pub.publish(fmt.Sprint(c.published), byte(1+c.published%2))
	}
}

// crash leaves what is committed to another broker.
func (c *cast) crash() {
	c.s.command("crash")
	c.s.clients = nil
	c.s.rig.gate.delay(true)
}

// finish connects everybody once more, on these loops, sends the rest and sees what has arrived.
func (c *cast) finish(t *testing.T, loop func() int) {
	c.s.rig.gate.delay(false)
	all := append(slices.Clone(c.subs), c.pub)
	for _, p := range all {
		p.connect(c.s, loop(), false)
	}
	c.publish(sent)
	// Those who wait for a session come one after the other, and each hop takes its barrier. Of two connections of a client
	// that came at about the same time the broker may have taken the first for the later one.
	for range 10 {
		c.s.settle()
		for _, p := range all {
			if p.c.state == over {
				p.connect(c.s, 0, false)
			}
		}
	}
	c.got.check(t, c.s.at, c.shared)
	if n := len(c.pub.open); n > 0 {
		t.Errorf("%s: %d messages were never acknowledged", c.s.at, n)
	}
}

// received is what came to the subscribers, payloads by QoS.
type received [3][]string

func newPeer(got *received, name string, window int) *peer {
	return &peer{got: got, name: name, window: window, taken: map[uint16]bool{}}
}

// peer is a client with the session state of the specification.
type peer struct {
	c     *client
	ids   uint16
	open  []mqtt.Publish  // not acknowledged; QoS 2 with an empty topic: released
	taken map[uint16]bool // QoS 2 messages that came and were not released yet
	got   *received

	name   string
	window int // Receive Maximum; 0: none
}

// connect opens a connection; what is open is sent again once there is a CONNACK.
func (p *peer) connect(s *scenario, loop int, clean bool) {
	c := newClient(s, p.name, fmt.Sprint(loop), args{s: s})
	c.react = func(h mqtt.Header, body []byte) []byte {
		if p.c != c {
			return nil // of a connection that it has given up
		}
		return p.react(h, body)
	}
	p.c = c
	s.add(c)
	start := "connect clean=0 expiry=1000"
	if clean {
		start = "connect clean=1 expiry=1000"
	}
	if p.window > 0 {
		start += fmt.Sprintf(" recvmax=%d", p.window)
	}
	p.c.send(p.c.encode(parse(s, start)))
}

func (p *peer) publish(payload string, qos byte) {
	p.ids++
	m := mqtt.Publish{Topic: []byte("t"), Payload: []byte(payload), QoS: qos, ID: p.ids}
	p.open = append(p.open, m)
	if p.c.state == greeted {
		p.c.send(m.AppendTo(nil, mqtt.V5))
	}
}

// react answers a packet.
func (p *peer) react(h mqtt.Header, body []byte) []byte {
	from := mqtt.Peer{Version: mqtt.V5, Server: true}
	ack := mqtt.Ack{Type: h.Type}
	switch h.Type {
	case mqtt.CONNACK:
		return p.resume()
	case mqtt.PUBLISH:
		var m mqtt.Publish
		if m.Decode(from, h.Flags, body) != nil {
			return nil
		}
		if m.QoS == 1 || !p.taken[m.ID] {
			p.got[m.QoS] = append(p.got[m.QoS], string(m.Payload))
		}
		if m.QoS == 1 {
			return mqtt.AppendAck(nil, mqtt.PUBACK, m.ID, 0, mqtt.V5)
		}
		p.taken[m.ID] = true
		return mqtt.AppendAck(nil, mqtt.PUBREC, m.ID, 0, mqtt.V5)
	case mqtt.PUBREL:
		_ = ack.Decode(from, h.Flags, body)
		delete(p.taken, ack.ID)
		return mqtt.AppendAck(nil, mqtt.PUBCOMP, ack.ID, 0, mqtt.V5)
	case mqtt.PUBACK, mqtt.PUBCOMP:
		_ = ack.Decode(from, h.Flags, body)
		p.open = slices.DeleteFunc(p.open, func(m mqtt.Publish) bool { return m.ID == ack.ID })
	case mqtt.PUBREC:
		_ = ack.Decode(from, h.Flags, body)
		for i := range p.open {
			if p.open[i].ID == ack.ID {
				p.open[i].Topic = nil
			}
		}
		return mqtt.AppendAck(nil, mqtt.PUBREL, ack.ID, 0, mqtt.V5)
	}
	return nil
}

// resume sends what is open again.
func (p *peer) resume() (b []byte) {
	for _, m := range p.open {
		if m.Topic == nil {
			b = mqtt.AppendAck(b, mqtt.PUBREL, m.ID, 0, mqtt.V5)
			continue
		}
		m.Dup = true
		b = m.AppendTo(b, mqtt.V5)
	}
	return b
}

// check compares what came with what was sent. Members of a shared subscription get it in no common order.
func (r *received) check(t *testing.T, at string, shared bool) {
	var want [3][]string
	for i := range sent {
		want[1+i%2] = append(want[1+i%2], fmt.Sprint(i))
	}
	if shared {
		slices.Sort(r[1])
		slices.Sort(r[2])
	}
	if !slices.Equal(r[2], want[2]) {
		t.Errorf("%s: QoS 2: got %v, want %v", at, r[2], want[2])
	}
	var first []string
	for _, m := range r[1] {
		if !slices.Contains(first, m) {
			first = append(first, m)
		}
	}
	if !slices.Equal(first, want[1]) {
		t.Errorf("%s: QoS 1: got %v, want %v, repeats aside", at, r[1], want[1])
	}
}
