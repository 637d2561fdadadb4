//go:build !race

package perf

import (
	"fmt"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// A PUBLISH is decoded, matched, framed and written without an allocation, on one loop and across two. What a wake of a
// loop costs is not a message's: the allocations of short bursts are taken off those of long ones.
func TestPublishPathDoesNotAllocate(t *testing.T) {
	const long, short = 60, 10
	for _, c := range []struct {
		qos   byte
		v     mqtt.Version
		loops int
	}{{0, mqtt.V311, 1}, {0, mqtt.V5, 1}, {0, mqtt.V311, 2}, {1, mqtt.V311, 1}, {1, mqtt.V5, 1}, {1, mqtt.V311, 2}} {
		t.Run(fmt.Sprintf("qos%d/v%d/loops%d", c.qos, c.v, c.loops), func(t *testing.T) {
			_, addr := startBroker(t, c.loops)
			sub, pub := dial(t, addr, "sub", c.v), dial(t, addr, "pub", c.v)
			sub.subscribe("perf/+/x", c.qos, c.v)
			ack := make([]byte, 0, 4*long)
			round := func(n int) func() {
				in := burst(n, topic, c.qos, c.v, 64)
				size := len(in) / n
				return func() {
					pub.write(in)
					if c.qos == 0 {
						sub.drain(len(in))
						return
					}
					sub.acks(n, size, 2+2+len(topic), ack)
					pub.drain(4 * n)
				}
			}
			for range 100 {
				round(long)() // buffers and tables grow to their working size
			}
			got := (testing.AllocsPerRun(400, round(long)) - testing.AllocsPerRun(400, round(short))) / (long - short)
			if got > 0.05 {
				t.Errorf("got %.3f allocations a message, want 0", got)
			}
		})
	}
}
