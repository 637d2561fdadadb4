package flow

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// The model joins a Sender and a Receiver by a link that behaves worse than TCP: PUBLISHes keep their
// order and the end of them is lost when the connection breaks; acknowledgements and PUBRELs are lost,
// repeated and reordered at any time. Both sides may be rebuilt from what they would have stored.

type packet struct {
	kind   mqtt.Type
	id     uint16
	qos    byte
	dup    bool
	n      int // which message: index into model.msgs
	reason mqtt.Reason
}

type message struct {
	seq       uint64
	qos       byte
	topic     int
	delivered int
	refused   bool // the receiver said PUBREC 0x80
	ended     bool // the sender let it go
}

type model struct {
	t    *testing.T
	r    *rand.Rand
	seed uint64

	send     *Sender[int]
	recv     *Receiver
	max      int
	down, up []packet // sender to receiver, and back
	commits  []func() // what the receiver's store has not committed yet
	epoch    int

	msgs    []message
	next    int // next message to start
	seq     uint64
	open    map[int]bool // PUBLISHed on this connection and not answered: what the quota is about
	last    int          // last message PUBLISHed on this connection
	pubrecs []uint16     // identifiers by the order of their first PUBREC
	topics  map[[2]int]int
}

func (m *model) failf(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("seed %d: %s", m.seed, fmt.Sprintf(format, args...))
}

func (m *model) connect() {
	m.epoch++
	m.down, m.up = nil, nil
	m.max = 1 + m.r.IntN(8)
	if m.r.IntN(4) == 0 { // the sender's process was restarted
		s := new(Sender[int])
		m.send.Each(func(seq uint64, qos byte, released bool, n *int) { s.Restore(seq, qos, released, *n) })
		m.send = s
	}
	if m.r.IntN(4) == 0 { // the receiver's: what was not committed is known to have happened or not
		r := new(Receiver)
		m.recv.Each(r.Restore)
		m.recv, m.commits = r, nil
	}
	m.send.SetQuota(m.max)
	m.recv.SetMaximum(m.max)
	m.open, m.last = map[int]bool{}, -1
	m.resume()
}

func (m *model) resume() {
	lastRel := -1
	m.send.Resume(func(seq uint64, qos byte, released bool, n *int) bool {
		if m.r.IntN(10) == 0 {
			return false // the socket is full
		}
		if released {
			at := m.pubrecAt(ID(seq))
			if at < lastRel {
				m.failf("PUBREL of message %d resent out of the order of the PUBRECs", *n)
			}
			lastRel = at
			m.down = append(m.down, packet{kind: mqtt.PUBREL, id: ID(seq)})
			return true
		}
		m.publish(*n, ID(seq), true)
		return true
	})
}

func (m *model) pubrecAt(id uint16) int {
	for i := len(m.pubrecs) - 1; i >= 0; i-- {
		if m.pubrecs[i] == id {
			return i
		}
	}
	m.failf("PUBREL for id %d that never had a PUBREC", id)
	return -1
}

func (m *model) publish(n int, id uint16, dup bool) {
	msg := &m.msgs[n]
	if n <= m.last {
		m.failf("message %d sent after %d on one connection", n, m.last)
	}
	if want := ID(msg.seq); id != want {
		m.failf("message %d: got id %d, want %d", n, id, want)
	}
	m.last = n
	m.open[n] = true
	if len(m.open) > m.max {
		m.failf("%d PUBLISHes open, Receive Maximum %d", len(m.open), m.max)
	}
	m.down = append(m.down, packet{kind: mqtt.PUBLISH, id: id, qos: msg.qos, dup: dup, n: n})
}

func (m *model) start() {
	if m.next == len(m.msgs) {
		return
	}
	msg := &m.msgs[m.next]
	if msg.seq == 0 {
		m.seq += 1 + uint64(m.r.IntN(3))
		if m.r.IntN(30) == 0 {
			m.seq += uint64(m.r.IntN(20000)) // identifiers wrap
		}
		msg.seq = m.seq
	}
	if !m.send.CanSend(msg.seq) {
		return
	}
	m.publish(m.next, m.send.Start(msg.seq, msg.qos, m.next), false)
	m.next++
}

// end notes that message n is over for the sender.
func (m *model) end(n int) {
	msg := &m.msgs[n]
	if msg.ended {
		m.failf("message %d was handed back twice", n)
	}
	if msg.delivered == 0 && !msg.refused {
		m.failf("message %d (QoS %d) ended without a delivery", n, msg.qos)
	}
	msg.ended = true
	delete(m.open, n)
}

// fromReceiver lets the sender take one packet of the link up.
func (m *model) fromReceiver() {
	if len(m.up) == 0 {
		return
	}
	i := m.r.IntN(min(3, len(m.up)))
	p := m.up[i]
	switch m.r.IntN(8) {
	case 0: // lost: its PUBLISH stays open until the next connection
		m.up = append(m.up[:i:i], m.up[i+1:]...)
		return
	case 1: // repeated
	default:
		m.up = append(m.up[:i:i], m.up[i+1:]...)
	}
	switch p.kind {
	case mqtt.PUBACK:
		if _, n, ok := m.send.Puback(p.id); ok {
			m.end(n)
		}
	case mqtt.PUBREC:
		switch _, n, step := m.send.Pubrec(p.id, p.reason); step {
		case SendPubrel:
			m.pubrecs = append(m.pubrecs, p.id)
			m.down = append(m.down, packet{kind: mqtt.PUBREL, id: p.id})
		case Repeated, Unknown:
			m.down = append(m.down, packet{kind: mqtt.PUBREL, id: p.id})
		case Ended:
			m.end(n)
		}
	case mqtt.PUBCOMP:
		if _, n, ok := m.send.Pubcomp(p.id); ok {
			m.end(n)
		}
	}
	m.resume()
}

// fromSender lets the receiver take one packet of the link down.
func (m *model) fromSender() {
	if len(m.down) == 0 {
		return
	}
	p := m.down[0]
	m.down = m.down[1:]
	if p.kind == mqtt.PUBREL {
		switch m.r.IntN(8) {
		case 0:
			return // lost
		case 1:
			m.down = append(m.down, p)
		}
		m.pubrel(p)
		return
	}
	epoch := m.epoch
	ack := mqtt.PUBACK
	if p.qos == 2 {
		ack = mqtt.PUBREC
	}
	switch m.recv.Publish(p.id, p.qos) {
	case Exceeded:
		m.failf("message %d exceeds the Receive Maximum %d (sender has %d open)", p.n, m.max, len(m.open))
	case Duplicate:
		m.commit(func() { m.answer(epoch, packet{kind: ack, id: p.id}) })
	case New:
		reason := mqtt.Success
		if m.r.IntN(10) == 0 {
			reason = mqtt.UnspecifiedError
			m.msgs[p.n].refused = true
		} else {
			m.deliver(p)
		}
		if reason != mqtt.Success { // refused before it reaches the store
			m.answer(epoch, packet{kind: ack, id: p.id, reason: reason})
			m.recv.Acked(p.id, p.qos, reason)
			return
		}
		m.commit(func() {
			if m.answer(epoch, packet{kind: ack, id: p.id}) {
				m.recv.Acked(p.id, p.qos, mqtt.Success)
			}
		})
	}
}

func (m *model) pubrel(p packet) {
	epoch := m.epoch
	if !m.recv.Pubrel(p.id) {
		m.answer(epoch, packet{kind: mqtt.PUBCOMP, id: p.id, reason: mqtt.PacketIdentifierNotFound})
		return
	}
	m.commit(func() {
		m.recv.Completed(p.id)
		m.answer(epoch, packet{kind: mqtt.PUBCOMP, id: p.id})
	})
}

func (m *model) commit(f func()) { m.commits = append(m.commits, f) }

func (m *model) answer(epoch int, p packet) bool {
	if epoch == m.epoch {
		m.up = append(m.up, p)
	}
	return epoch == m.epoch
}

func (m *model) deliver(p packet) {
	msg := &m.msgs[p.n]
	msg.delivered++
	if msg.qos == 2 && msg.delivered > 1 {
		m.failf("message %d delivered %d times at QoS 2", p.n, msg.delivered)
	}
	if msg.delivered == 1 && !msg.refused {
		key := [2]int{msg.topic, int(msg.qos)}
		if last, ok := m.topics[key]; ok && last > p.n {
			m.failf("topic %d QoS %d: message %d first delivered after %d", msg.topic, msg.qos, p.n, last)
		}
		m.topics[key] = p.n
	}
}

func (m *model) step() {
	switch m.r.IntN(10) {
	case 0, 1, 2:
		m.start()
	case 3, 4, 5:
		m.fromSender()
	case 6, 7:
		m.fromReceiver()
	case 8:
		if len(m.commits) > 0 {
			f := m.commits[0]
			m.commits = m.commits[1:]
			f()
		}
	case 9:
		if m.r.IntN(20) == 0 {
			m.connect()
		} else {
			m.resume()
		}
	}
	if q := m.send.Quota(); q < 0 || q > m.max || q+len(m.open) > m.max {
		m.failf("quota %d with %d open of %d", q, len(m.open), m.max)
	}
}

func (m *model) over() bool { return m.next == len(m.msgs) && m.send.Len() == 0 }

func TestTheMachineKeepsItsPromisesOverALossyLink(t *testing.T) {
	seeds := 400
	if testing.Short() {
		seeds = 60
	}
	for seed := range uint64(seeds) {
		m := &model{t: t, r: rand.New(rand.NewPCG(seed, 99)), seed: seed,
			send: new(Sender[int]), recv: new(Receiver), msgs: make([]message, 120), topics: map[[2]int]int{}}
		for i := range m.msgs {
			m.msgs[i].qos = 1 + byte(m.r.IntN(2))
			m.msgs[i].topic = m.r.IntN(3)
		}
		m.connect()
		steps := 0
		for ; !m.over() && steps < 200000; steps++ {
			m.step()
		}
		for i, msg := range m.msgs {
			if !msg.ended {
				m.failf("message %d has not ended after %d steps", i, steps)
			}
			if msg.qos == 2 && msg.delivered != 1 && !msg.refused {
				m.failf("message %d delivered %d times at QoS 2, want 1", i, msg.delivered)
			}
			if msg.qos == 1 && msg.delivered == 0 && !msg.refused {
				m.failf("message %d lost at QoS 1", i)
			}
		}
	}
}
