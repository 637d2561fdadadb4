package soak

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// subscriber enters what it receives into a ledger. What it knows of QoS 2 outlives its connections.
type subscriber struct {
	peer
	filter string
	qos    byte
	book   *ledger
	began  map[uint16]bool // packet identifiers from PUBLISH to PUBREL
}

// wants tells whether the subscription is for a publisher's messages.
func (s *subscriber) wants(pub int, qos byte) bool {
	switch s.filter {
	case "o/#", "$share/g/o/#":
		return true
	case "o/+/2":
		return qos == 2
	}
	return s.filter == fmt.Sprintf("o/%d/+", pub)
}

// begin makes the session and its subscription.
func (s *subscriber) begin() {
	s.began = map[uint16]bool{}
	if !s.connect(false) {
		s.f.t.FailNow()
	}
	p := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte(s.filter), Options: s.qos}}}
	s.send(p.AppendTo(nil, s.v, 0))
	if h, _, err := s.c.Next(rig.Patience); err != nil || h.Type != mqtt.SUBACK {
		s.f.t.Fatalf("%s: got %v, %v, want a SUBACK", s.id, h.Type, err)
	}
}

func (s *subscriber) run() {
	for !s.f.done.Load() && !s.f.t.Failed() {
		s.life()
		s.leave()
		if !s.connect(true) {
			return
		}
	}
	_ = s.c.Close()
}

func (s *subscriber) life() {
	over := time.Now().Add(time.Duration(1+s.rng.IntN(80)) * time.Millisecond)
	for time.Now().Before(over) {
		if !s.receive(over, s.take) {
			return
		}
		if s.rng.IntN(50) == 0 {
			nap(s.rng, 10)
		}
	}
}

func (s *subscriber) take(packet any) {
	forget := s.rng.IntN(60) == 0 // no answer: the broker asks again on the next connection
	switch p := packet.(type) {
	case *mqtt.Publish:
		s.publish(p, forget)
	case *mqtt.Ack:
		if p.Type != mqtt.PUBREL {
			s.f.t.Errorf("%s: got %v", s.id, p.Type)
			return
		}
		delete(s.began, p.ID)
		if !forget {
			s.send(mqtt.AppendAck(nil, mqtt.PUBCOMP, p.ID, mqtt.Success, s.v))
		}
	}
}

func (s *subscriber) publish(p *mqtt.Publish, forget bool) {
	var from source
	if _, err := fmt.Sscanf(string(p.Topic), "o/%d/%d", &from.pub, &from.qos); err != nil || len(p.Payload) < 4 {
		s.f.t.Errorf("%s: got a message on %q: % .20X", s.id, p.Topic, p.Payload)
		return
	}
	seq := binary.BigEndian.Uint32(p.Payload)
	if want := min(from.qos, s.qos); p.QoS != want {
		s.f.t.Errorf("%s: message %d on %q has QoS %d, want %d", s.id, seq, p.Topic, p.QoS, want)
	}
	switch {
	case p.QoS == 1:
		s.book.enter(s.id, from, seq)
		if !forget {
			s.send(mqtt.AppendAck(nil, mqtt.PUBACK, p.ID, mqtt.Success, s.v))
		}
	case s.began[p.ID] && !p.Dup:
		s.f.t.Errorf("%s: message %d on %q has the identifier %d of one that is not finished", s.id, seq, p.Topic, p.ID)
	default:
		if !s.began[p.ID] {
			s.began[p.ID] = true
			s.book.enter(s.id, from, seq)
		}
		if !forget {
			s.send(mqtt.AppendAck(nil, mqtt.PUBREC, p.ID, mqtt.Success, s.v))
		}
	}
}
