package crash

import (
	"fmt"
	"slices"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// publisher sends numbered messages at QoS 1 and 2, and again what was not acknowledged when its connection ended.
type publisher struct {
	device
	source int
	frugal bool // the lowest packet identifier that is free is taken, as some libraries do; else the next one
	ids    uint16
	tired  bool       // it was refused, and waits before it goes on
	open   []*sending // in the order of sending
}

// sending is a message that is not finished.
type sending struct {
	m        *message
	id       uint16
	released bool // PUBREC came
	again    bool // sent on more than one connection
}

func (p *publisher) run() {
	for p.goesOn() {
		if !p.begin() {
			return
		}
		p.life()
		if !p.goesOn() {
			break
		}
		p.leave()
		nap(p.rng, 10)
	}
	p.hangUp()
}

// goesOn: a publisher that is to end finishes what it has begun.
func (p *publisher) goesOn() bool {
	return !p.f.over.Load() && (!p.f.quiet.Load() || len(p.open) > 0)
}

// begin connects; a session that is gone takes what it had open along.
func (p *publisher) begin() bool {
	present, ok := p.resume(p.hello())
	if !ok {
		return false
	}
	if !present && p.s.sure != 0 {
		p.f.Ledger.lapsed(p.s)
		p.s = p.f.Ledger.session(p.id, nil, nil)
	}
	if !present {
		p.open = nil
	}
	return true
}

func (p *publisher) life() {
	over := time.Now().Add(time.Duration(1+p.rng.IntN(150)) * time.Millisecond)
	var b []byte
	for _, s := range p.open {
		s.again = true
		p.f.Ledger.repeat(s.m)
		b = p.append(b, s)
	}
	p.send(b)
	for p.goesOn() && time.Now().Before(over) {
		b = b[:0]
		for len(p.open) < p.f.plan.Window && !p.f.quiet.Load() {
			s := &sending{m: p.f.Ledger.send(p.message()), id: p.id16()}
			p.open = append(p.open, s)
			b = p.append(b, s)
		}
		p.send(b)
		if !p.receive(time.Now().Add(p.f.plan.Pace), p.take) {
			return
		}
		if p.tired {
			nap(p.rng, 40)
			p.tired = false
		}
	}
}

// message is a new one: on a topic of the publisher's own for each QoS, or to be retained.
func (p *publisher) message() *message {
	m := &message{key: key{source: p.source}, qos: byte(1 + p.rng.IntN(2)), size: p.rng.IntN(100) + p.f.plan.Size}
	if p.rng.IntN(50) == 0 {
		m.size = p.rng.IntN(8000)
	}
	switch n := p.rng.IntN(20); {
	case p.f.plan.Hoarders > 0 || n > 1:
		m.topic = fmt.Sprintf("d/%d/%d/%s", p.source, m.qos, pick(p.rng, []string{"a", "b"}))
	case n == 0:
		m.retain, m.topic = true, ownTopic(p.source)
	default:
		m.retain, m.topic = true, pick(p.rng, commonTopics)
	}
	m.erases = m.retain && p.rng.IntN(10) == 0
	return m
}

// ownTopic is what a publisher alone retains.
func ownTopic(source int) string { return fmt.Sprint("r/", source) }

// commonTopics are what all publishers retain.
var commonTopics = []string{"rr/0", "rr/1"}

func (p *publisher) id16() uint16 {
	if p.frugal {
		p.ids = 0
	}
	for {
		if p.ids++; p.ids == subscribing {
			p.ids = 1
		}
		if !slices.ContainsFunc(p.open, func(s *sending) bool { return s.id == p.ids }) {
			return p.ids
		}
	}
}

func (p *publisher) append(b []byte, s *sending) []byte {
	if s.released {
		return mqtt.AppendAck(b, mqtt.PUBREL, s.id, mqtt.Success, p.v)
	}
	m := mqtt.Publish{Topic: []byte(s.m.topic), QoS: s.m.qos, ID: s.id, Dup: s.again, Retain: s.m.retain, Payload: s.m.payload()}
	return m.AppendTo(b, p.v)
}

// take is an acknowledgement.
func (p *publisher) take(packet any) {
	a, ok := packet.(*mqtt.Ack)
	if !ok {
		p.f.Ledger.Fault(Spoken, "%s got %T", p.id, packet)
		return
	}
	i := slices.IndexFunc(p.open, func(s *sending) bool { return s.id == a.ID })
	if i < 0 {
		return // of a session that the broker has lost
	}
	s := p.open[i]
	if p.step(s, a) {
		p.open = slices.Delete(p.open, i, i+1)
	}
}

// step takes an acknowledgement of a message; over: it was the last.
func (p *publisher) step(s *sending, a *mqtt.Ack) (over bool) {
	l := p.f.Ledger
	switch {
	case a.Type == mqtt.PUBCOMP && s.released && (!a.Reason.Failed() || a.Reason == mqtt.PacketIdentifierNotFound && s.again):
		return true // or an earlier PUBCOMP was lost
	case a.Reason == mqtt.QuotaExceeded && !s.released && (a.Type == mqtt.PUBACK && s.m.qos == 1 || a.Type == mqtt.PUBREC && s.m.qos == 2):
		l.refuse(s.m, !s.again)
		p.tired = true
		return true
	case a.Reason.Failed():
		l.Fault(Spoken, "%s: message %v was answered %v %v", p.id, s.m.key, a.Type, a.Reason)
	case a.Type == mqtt.PUBREC && s.m.qos == 2:
		l.acknowledged(s.m)
		s.released = true
		p.send(mqtt.AppendAck(nil, mqtt.PUBREL, s.id, mqtt.Success, p.v))
	case a.Type == mqtt.PUBACK && s.m.qos == 1:
		l.acknowledged(s.m)
		return true
	default:
		l.Fault(Spoken, "%s: message %v of QoS %d, released: %v, was answered with %v", p.id, s.m.key, s.m.qos, s.released, a.Type)
	}
	return false
}

// assure makes the publisher's session one that the broker's log has.
func (p *publisher) assure() bool {
	for !p.f.over.Load() {
		if !p.begin() {
			return false
		}
		own := "c/" + p.id
		if p.settle(p.f.Ledger.subscribe(p.s, own, 1), own, func(any) {}) {
			return true
		}
	}
	return false
}
