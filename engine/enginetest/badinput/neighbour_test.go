package badinput

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// neighbour is two clients that exchange messages all the time and must not notice what others do to the broker.
type neighbour struct {
	t    *testing.T
	pub  *rig.Conn
	sub  *rig.Conn
	quit chan struct{}
	done chan struct{}
	n    uint32
	slow time.Duration // the longest that a message took

	mu   sync.Mutex
	took []time.Duration // by each message
}

// settle lets the two move in.
func settle(t *testing.T, b *rig.Broker) *neighbour {
	t.Helper()
	n := &neighbour{t: t, quit: make(chan struct{}), done: make(chan struct{})}
	n.pub, n.sub = connect(t, b, mqtt.V5, "neighbour-pub"), connect(t, b, mqtt.V311, "neighbour-sub")
	p := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("neighbour"), Options: 1}}}
	write(t, n.sub, p.AppendTo(nil, mqtt.V311, 0))
	want(t, n.sub, mqtt.SUBACK)
	go n.live()
	return n
}

func (n *neighbour) live() {
	defer close(n.done)
	for {
		select {
		case <-n.quit:
			return
		default:
		}
		n.n++
		began := time.Now()
		p := mqtt.Publish{Topic: []byte("neighbour"), QoS: 1, ID: uint16(n.n%65535) + 1, Payload: binary.BigEndian.AppendUint32(nil, n.n)}
		if _, err := n.pub.Write(p.AppendTo(nil, mqtt.V5)); err != nil {
			n.t.Errorf("the neighbour's message %d: %v", n.n, err)
			return
		}
		if !n.arrives() || !n.acknowledged() {
			return
		}
		n.note(time.Since(began))
		time.Sleep(200 * time.Microsecond) // leave the processors to those who make trouble
	}
}

func (n *neighbour) note(took time.Duration) {
	n.slow = max(n.slow, took)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.took = append(n.took, took)
}

// times is how long each message took until now.
func (n *neighbour) times() []time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.took)
}

// quantiles tells of times in one line.
func quantiles(d []time.Duration) string {
	if len(d) == 0 {
		return "none"
	}
	d = slices.Sorted(slices.Values(d))
	at := func(q float64) time.Duration { return d[int(q*float64(len(d)-1))].Round(10 * time.Microsecond) }
	return fmt.Sprintf("%d of them, p50 %v, p99 %v, longest %v", len(d), at(0.5), at(0.99), at(1))
}

func (n *neighbour) arrives() bool {
	h, body, err := n.sub.Next(rig.Patience)
	if err != nil {
		n.t.Errorf("the neighbour waited for message %d: %v", n.n, err)
		return false
	}
	got, err := n.sub.Decode(h, body)
	m, ok := got.(*mqtt.Publish)
	if err != nil || !ok || len(m.Payload) != 4 || binary.BigEndian.Uint32(m.Payload) != n.n {
		n.t.Errorf("the neighbour got %v % X (%v), want message %d", h.Type, body, err, n.n)
		return false
	}
	_, err = n.sub.Write(mqtt.AppendAck(nil, mqtt.PUBACK, m.ID, mqtt.Success, mqtt.V311))
	return err == nil
}

func (n *neighbour) acknowledged() bool {
	h, body, err := n.pub.Next(rig.Patience)
	if err != nil || h.Type != mqtt.PUBACK {
		n.t.Errorf("the neighbour got %v % X, %v, want the PUBACK of message %d", h.Type, body, err, n.n)
		return false
	}
	return true
}

// leave ends the exchange; it has to have gone on until now.
func (n *neighbour) leave() {
	n.t.Helper()
	close(n.quit)
	<-n.done
	_, _ = n.pub.Close(), n.sub.Close()
	if n.n < 2 {
		n.t.Errorf("the neighbour exchanged %d messages, want some", n.n)
	}
	n.t.Logf("the neighbour exchanged %d messages, none took more than %v", n.n, n.slow)
}
