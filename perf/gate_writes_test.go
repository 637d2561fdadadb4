package perf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
)

// The broker's write(2) calls for a window of 16 messages that arrived in one read. All that a connection is owed in one
// pass goes out in one write, so a window costs a write for each side and step: the publisher is answered with PUBACKs in
// one, with PUBRECs and then PUBCOMPs in two; a subscriber gets the PUBLISHes in one, the PUBRELs in another. Anything
// above says that a batch was torn apart; the tenth beyond is for reads that the kernel tears.
func TestWritesPerWindow(t *testing.T) {
	steps := [3]struct{ publisher, subscriber float64 }{{0, 1}, {1, 1}, {2, 2}}
	for qos := range byte(3) {
		for _, subs := range []int{1, 100} {
			for _, loops := range []int{1, 2} {
				t.Run(fmt.Sprintf("qos%d/subscribers%d/loops%d", qos, subs, loops), func(t *testing.T) {
					want := steps[qos].publisher + steps[qos].subscriber*float64(subs)
					broker, addr := startBroker(t, loops)
					to := subscribers(t, addr, subs, topic, qos, mqtt.V311)
					pub := dial(t, addr, "pub", mqtt.V311)
					holdWrites(t, broker.Stats, passed(pub, to, topic, qos, mqtt.V311, all)(window), want)
				})
			}
		}
	}
}

// A shared subscription deals a window out to its members, each of which gets its part in one write.
func TestWritesPerWindowOfASharedSubscription(t *testing.T) {
	const members = 4
	for qos := range byte(2) {
		t.Run(fmt.Sprintf("qos%d", qos), func(t *testing.T) {
			broker, addr := startBroker(t, 2)
			to := subscribers(t, addr, members, "$share/group/"+topic, qos, mqtt.V311)
			pub := dial(t, addr, "pub", mqtt.V311)
			share := func(n int) int { return n / members }
			holdWrites(t, broker.Stats, passed(pub, to, topic, qos, mqtt.V311, share)(window), members+float64(qos))
		})
	}
}

// Retained messages go out as the write buffer of 64 KB allows: 1,000 of some 90 bytes take two writes, or three when a
// pass ends between them.
func TestWritesPerRetainedReplay(t *testing.T) {
	const messages, payload = 1000, 64
	broker, addr := startBroker(t, 1)
	pub := dial(t, addr, "pub", mqtt.V311)
	size := pub.retain(messages, payload)
	sub := dial(t, addr, "sub", mqtt.V311)
	const suback = 5
	p := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("#")}}}
	in := p.AppendTo(nil, mqtt.V311, 0)
	holdWrites(t, broker.Stats, func() {
		sub.write(in)
		sub.drain(suback + size)
	}, 3)
}

// holdWrites fails when a round takes more writes than want.
func holdWrites(t *testing.T, stats func() engine.Stats, round func(), want float64) {
	t.Helper()
	const rounds = 100
	for range 10 {
		round()
	}
	before := stats().Writes
	for range rounds {
		round()
	}
	// The last write of a round is counted before the client has read it.
	got := float64(stats().Writes-before) / rounds
	t.Logf("%.2f writes: %s", got, strings.TrimPrefix(t.Name(), "TestWritesPer"))
	if got > want*1.1 {
		t.Errorf("got %.2f writes, want %.0f", got, want)
	}
}
