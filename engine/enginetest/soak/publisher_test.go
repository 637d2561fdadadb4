package soak

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// publisher sends numbered messages at QoS 1 and 2, and again what was not acknowledged when its connection ended.
type publisher struct {
	peer
	n     int
	sent  [2]uint32 // last number, by QoS-1
	open  []sending // in the order of sending
	ids   uint16
	known bool // there is a session
}

type sending struct {
	id       uint16
	seq      uint32
	qos      byte
	released bool
	again    bool // sent on an earlier connection too
}

func (p *publisher) run() {
	for !p.f.t.Failed() && (time.Now().Before(p.f.end) || len(p.open) > 0) {
		if !p.connect(p.known) {
			return
		}
		p.known = true
		p.life()
		p.leave()
	}
	if p.c != nil {
		_ = p.c.Close()
	}
}

func (p *publisher) life() {
	over := time.Now().Add(time.Duration(1+p.rng.IntN(60)) * time.Millisecond)
	var b []byte
	for i := range p.open {
		b = p.append(b, &p.open[i], true)
		p.f.resends.Add(1)
	}
	p.send(b)
	for time.Now().Before(over) {
		b = b[:0]
		for len(p.open) < p.f.window && time.Now().Before(p.f.end) {
			qos := byte(1 + p.rng.IntN(2))
			p.sent[qos-1]++
			p.ids = max(p.ids+1, 1)
			p.open = append(p.open, sending{id: p.ids, seq: p.sent[qos-1], qos: qos})
			b = p.append(b, &p.open[len(p.open)-1], false)
		}
		p.send(b)
		if !p.receive(over, p.take) {
			return
		}
	}
}

func (p *publisher) append(b []byte, s *sending, again bool) []byte {
	s.again = again
	if s.released {
		return mqtt.AppendAck(b, mqtt.PUBREL, s.id, mqtt.Success, p.v)
	}
	payload := binary.BigEndian.AppendUint32(nil, s.seq)
	if s.seq%100 == 0 {
		payload = append(payload, make([]byte, 5000)...)
	}
	m := mqtt.Publish{Topic: fmt.Appendf(nil, "o/%d/%d", p.n, s.qos), QoS: s.qos, ID: s.id, Dup: again, Payload: payload}
	return m.AppendTo(b, p.v)
}

// take is an acknowledgement. Some are overlooked: the next connection asks again.
func (p *publisher) take(packet any) {
	a, ok := packet.(*mqtt.Ack)
	if !ok || p.rng.IntN(100) == 0 {
		return
	}
	for i := range p.open {
		s := &p.open[i]
		if s.id != a.ID {
			continue
		}
		switch {
		case a.Type == mqtt.PUBCOMP && a.Reason == mqtt.PacketIdentifierNotFound && s.released && s.again: // an earlier PUBCOMP was lost
			p.open = append(p.open[:i], p.open[i+1:]...)
		case a.Reason.Failed():
			p.f.t.Errorf("%s: message %d was answered %v %v", p.id, s.seq, a.Type, a.Reason)
		case a.Type == mqtt.PUBREC && s.qos == 2:
			s.released = true
			p.send(mqtt.AppendAck(nil, mqtt.PUBREL, s.id, mqtt.Success, p.v))
		case a.Type == mqtt.PUBACK && s.qos == 1, a.Type == mqtt.PUBCOMP && s.released:
			p.open = append(p.open[:i], p.open[i+1:]...)
		default:
			p.f.t.Errorf("%s: message %d of QoS %d, released %v, was answered with %v", p.id, s.seq, s.qos, s.released, a.Type)
		}
		return
	}
}
