package transcript

import (
	"fmt"
	"slices"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// The broker crashes after the first, the second, each commit of an exchange in which publisher and subscriber keep the
// state that the specification asks of them. Whenever it was, what was acknowledged arrives: QoS 2 once, QoS 1 at least
// once, each in its order.
func TestACrashAtAnyCommitKeepsThePromises(t *testing.T) {
	for name, plan := range map[string]plan{
		"one loop":                  {},
		"two loops":                 {subscriber: 1},
		"the subscriber reconnects": {subscriber: 1, reconnects: true},
		"the subscriber hops":       {subscriber: 1, reconnects: true, hops: true},
		"the publisher hops":        {publisherHops: true},
		"everybody hops":            {publisherHops: true, reconnects: true, hops: true},
		"one at a time":             {subscriber: 1, window: 1, spaced: true, reconnects: true, hops: true},
		"a shared subscription":     {subscriber: 1, shared: true, spaced: true},
		"a shared one that hops":    {subscriber: 1, shared: true, reconnects: true, hops: true, window: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for commits := 0; plan.play(t, commits); commits++ {
			}
		})
	}
}

// plan is where the clients are and what they do in the middle of it.
type plan struct {
	subscriber    int // loop
	reconnects    bool
	hops          bool // to the other loop
	publisherHops bool
	spaced        bool // a message before each commit, instead of all before the first
	shared        bool // with a second member
	window        int  // Receive Maximum of the subscribers; 0: none
}

const sent = 6 // messages, by turns at QoS 1 and 2

// play lets so many commits happen before the crash; more tells that there would have been others.
func (v plan) play(t *testing.T, commits int) (more bool) {
	s := newScenario(t)
	defer s.end()
	s.at = fmt.Sprintf("crash after %d commits", commits)
	s.mem = store.NewDelayedMemory()
	s.command("broker store=given pool=6")
	got := &received{}
	sub, other, pub := newPeer(got, v.window), newPeer(got, v.window), newPeer(got, 0)
	sub.connect(s, "s", v.subscriber, true)
	filter := "subscribe t,q2"
	if v.shared {
		filter = "subscribe $share/g/t,q2"
		other.connect(s, "o", 0, true)
		other.c.send(other.c.encode(parse(s, filter)))
	}
	sub.c.send(sub.c.encode(parse(s, filter)))
	pub.connect(s, "p", 0, true)
	s.settle()
	s.rig.mem.Step(s.rig.mem.Waiting())
	s.settle()
	published := 0
	publish := func(upTo int) {
		for ; published < min(upTo, sent); published++ {
			pub.publish(fmt.Sprint(published), byte(1+published%2))
		}
		s.settle()
	}
	if !v.spaced {
		publish(sent)
	}
	for i := range commits {
		publish(i)
		switch {
		case i == commits/2 && v.reconnects:
			loop := v.subscriber
			if v.hops {
				loop = 1 - loop
			}
			sub.connect(s, "s", loop, false)
		case i == commits/2 && v.publisherHops:
			pub.connect(s, "p", 1, false)
		}
		s.settle()
		s.rig.mem.Step(1)
		s.settle()
	}
	more = s.rig.mem.Waiting() > 0
	s.command("crash")
	s.clients = nil
	if v.shared {
		other.connect(s, "o", 0, false)
	}
	sub.connect(s, "s", 1-v.subscriber, false)
	pub.connect(s, "p", 0, false)
	s.settle()
	publish(sent)
	got.check(t, s.at, v.shared)
	if len(pub.open) > 0 {
		t.Errorf("%s: %d messages were never acknowledged", s.at, len(pub.open))
	}
	return (more || v.spaced && commits <= sent) && !t.Failed()
}

// received is what came to the subscribers, payloads by QoS.
type received [3][]string

func newPeer(got *received, window int) *peer {
	return &peer{got: got, window: window, taken: map[uint16]bool{}}
}

// peer is a client with the session state of the specification.
type peer struct {
	c     *client
	ids   uint16
	open  []mqtt.Publish  // not acknowledged; QoS 2 with an empty topic: released
	taken map[uint16]bool // QoS 2 messages that came and were not released yet
	got   *received

	window int
}

// connect opens a connection; what is open is sent again once there is a CONNACK.
func (p *peer) connect(s *scenario, name string, loop int, clean bool) {
	c := newClient(s, name, fmt.Sprint(loop), args{s: s})
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
