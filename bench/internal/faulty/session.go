package faulty

import (
	"bytes"

	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// message is one that was published. It is never changed.
type message struct {
	topic, payload []byte
	qos            byte
	retain         bool
}

func newMessage(topic, payload []byte, qos byte, retain bool) *message {
	return &message{bytes.Clone(topic), bytes.Clone(payload), qos, retain}
}

// delivery is a message on its way to one session, as it will be sent.
type delivery struct {
	*message
	qos    byte
	retain bool
	again  bool // sent twice, the second time with DUP
}

// session is what is kept of one client.
type session struct {
	broker   *Broker
	id       string
	known    bool // to its client: a CONNACK went out for it
	kept     bool // beyond its connection
	conn     *conn
	subs     []subscription
	sender   flow.Sender[delivery]
	receiver flow.Receiver
	seq      uint64
	queue    []delivery  // QoS 1 and 2 without a connection or a free place in the window
	held     []*delivery // for Swap
}

// put sends a delivery, or keeps it until it can be sent.
func (s *session) put(d delivery) {
	if d.qos == 0 {
		if s.conn != nil {
			s.conn.send(func(dst []byte) []byte { return d.appendTo(dst, s.conn.version, 0, false) })
		}
		return
	}
	s.queue = append(s.queue, d)
	s.pump()
}

// pump sends what waits, as far as the window is open.
func (s *session) pump() {
	if s.conn == nil {
		return
	}
	s.sender.Resume(s.resend)
	for len(s.queue) > 0 && s.sender.CanSend(s.seq+1) {
		s.seq++
		d := s.queue[0]
		s.queue = s.queue[1:]
		id := s.sender.Start(s.seq, d.qos, d)
		s.conn.send(func(dst []byte) []byte { return d.appendTo(dst, s.conn.version, id, false) })
		if d.again {
			s.conn.send(func(dst []byte) []byte { return d.appendTo(dst, s.conn.version, id, true) })
		}
	}
}

// resume begins a connection of the session.
func (s *session) resume(quota int) {
	s.sender.SetQuota(quota)
	s.receiver.SetMaximum(0)
	s.pump()
}

func (s *session) resend(seq uint64, _ byte, released bool, d *delivery) bool {
	id := flow.ID(seq)
	if released {
		s.conn.ack(mqtt.PUBREL, id, mqtt.Success)
		return true
	}
	s.conn.send(func(dst []byte) []byte { return d.appendTo(dst, s.conn.version, id, true) })
	return true
}

func (d delivery) appendTo(dst []byte, v mqtt.Version, id uint16, dup bool) []byte {
	p := mqtt.Publish{Dup: dup, QoS: d.qos, Retain: d.retain, Topic: d.topic, ID: id, Payload: d.payload}
	return p.AppendTo(dst, v)
}
