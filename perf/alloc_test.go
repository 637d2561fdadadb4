//go:build !race

package perf

import (
	"fmt"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// holdAtZero fails when a packet costs an allocation. What a wake of a loop costs is not a packet's: the allocations of
// short bursts are taken off those of long ones. The 0.05 that is let pass, one in twenty packets, is for what the runtime
// allocates now and then behind a test's back, and for the blocks from which sequence numbers and choices are cut.
func holdAtZero(t *testing.T, r round) {
	t.Helper()
	const long, short, slack = 60, 12, 0.05
	many, few := r(long), r(short)
	for range 400 {
		many() // buffers, tables and what loops keep for each other grow to their working size
	}
	got := 1.0
	for range 3 { // what others allocate meanwhile does not come three times
		if got = (testing.AllocsPerRun(200, many) - testing.AllocsPerRun(200, few)) / (long - short); got <= slack {
			break
		}
	}
	if got > slack {
		t.Errorf("got %.3f allocations a packet, want 0", got)
	}
}

// A PUBLISH is decoded, matched, framed and written without an allocation, and so are its acknowledgements.
func TestPublishPathDoesNotAllocate(t *testing.T) {
	for qos := range byte(3) {
		for _, v := range []mqtt.Version{mqtt.V311, mqtt.V5} {
			for _, loops := range []int{1, 2} {
				t.Run(fmt.Sprintf("qos%d/v%d/loops%d", qos, v, loops), func(t *testing.T) {
					_, addr := startBroker(t, loops)
					sub, pub := dial(t, addr, "sub", v), dial(t, addr, "pub", v)
					sub.subscribe("perf/+/x", qos, v)
					holdAtZero(t, passed(pub, []*client{sub}, topic, qos, v, all))
				})
			}
		}
	}
}

// Subscriptions of one client that overlap are merged when the topic is first seen, not at each message.
func TestOverlappingWildcardsDoNotAllocate(t *testing.T) {
	_, addr := startBroker(t, 2)
	pub, subs := dial(t, addr, "pub", mqtt.V5), make([]*client, 4)
	for i := range subs {
		subs[i] = dial(t, addr, fmt.Sprint("sub", i), mqtt.V5)
		for _, f := range []string{"perf/+/x", "perf/#", "+/path/x", "+/+/+", "perf/path/#", "#", topic} {
			subs[i].subscribe(f, 1, mqtt.V5)
		}
	}
	holdAtZero(t, passed(pub, subs, topic, 1, mqtt.V5, all))
}

// The default strategy deals in turn, so that each member's part of a burst is known.
func TestASharedSubscriptionDoesNotAllocate(t *testing.T) {
	for qos := range byte(3) {
		for _, loops := range []int{1, 2} {
			t.Run(fmt.Sprintf("qos%d/loops%d", qos, loops), func(t *testing.T) {
				_, addr := startBroker(t, loops)
				pub := dial(t, addr, "pub", mqtt.V311)
				subs := subscribers(t, addr, 3, "$share/group/perf/+/x", qos, mqtt.V311)
				holdAtZero(t, passed(pub, subs, topic, qos, mqtt.V311, func(n int) int { return n / len(subs) }))
			})
		}
	}
}

// A retained message that replaces another of the same size takes its place.
func TestRetainedSetOfAnExistingTopicDoesNotAllocate(t *testing.T) {
	for qos := range byte(2) {
		t.Run(fmt.Sprintf("qos%d", qos), func(t *testing.T) {
			_, addr := startBroker(t, 1)
			pub, ack := dial(t, addr, "pub", mqtt.V311), make([]byte, 0, 256)
			holdAtZero(t, func(n int) func() {
				in := burst(n, topic, qos, mqtt.V311, 64)
				for i := 0; i < len(in); i += len(in) / n {
					in[i] |= 1 // RETAIN
				}
				in = mqtt.AppendPingreq(in) // its answer comes behind the others
				return func() {
					pub.write(in)
					pub.settle(n, qos, ack)
					pub.drain(2)
				}
			})
		})
	}
}

func TestPingDoesNotAllocate(t *testing.T) {
	_, addr := startBroker(t, 1)
	k := dial(t, addr, "k", mqtt.V311)
	holdAtZero(t, func(n int) func() {
		var in []byte
		for range n {
			in = mqtt.AppendPingreq(in)
		}
		return func() {
			k.write(in)
			k.drain(len(in))
		}
	})
}
