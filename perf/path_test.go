package perf

import (
	"fmt"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
)

// window is how many messages a benchmark has on their way, as a client with that many unacknowledged ones.
const window = 16

const topic = "perf/path/x"

// BenchmarkOneToOne takes messages the whole way from one client to another: read, decode, match, frame, write. With
// two loops publisher and subscriber are on different ones. An operation is a window of messages.
func BenchmarkOneToOne(b *testing.B) {
	for _, qos := range []byte{0, 1} {
		for _, loops := range []int{1, 2} {
			b.Run(fmt.Sprintf("qos%d/loops%d", qos, loops), func(b *testing.B) {
				broker, addr := startBroker(b, loops)
				sub, pub := dial(b, addr, "sub", mqtt.V311), dial(b, addr, "pub", mqtt.V311)
				sub.subscribe("perf/+/x", qos, mqtt.V311)
				measure(b, broker, pub, []*client{sub}, qos)
			})
		}
	}
}

// BenchmarkFanOut sends messages from one client to a hundred.
func BenchmarkFanOut(b *testing.B) {
	for _, qos := range []byte{0, 1} {
		b.Run(fmt.Sprintf("qos%d", qos), func(b *testing.B) {
			broker, addr := startBroker(b, 2)
			subs := make([]*client, 100)
			for i := range subs {
				subs[i] = dial(b, addr, fmt.Sprint("sub", i), mqtt.V311)
				subs[i].subscribe(topic, qos, mqtt.V311)
			}
			measure(b, broker, dial(b, addr, "pub", mqtt.V311), subs, qos)
		})
	}
}

// measure publishes windows of messages and waits until every subscriber has them and every acknowledgement is there.
// The clients' work is in the time as well, that of the broker alone is not to be had in one process; writes a message
// tell how well it batches, whatever the machine.
func measure(b *testing.B, broker *engine.Broker, pub *client, subs []*client, qos byte) {
	in := burst(window, topic, qos, mqtt.V311, 64)
	size := len(in) / window
	ack := make([]byte, 0, 4*window)
	before := broker.Stats().Writes
	b.ReportAllocs()
	for b.Loop() {
		pub.write(in)
		for _, s := range subs {
			if qos == 0 {
				s.drain(len(in))
			} else {
				s.acks(window, size, 2+2+len(topic), ack)
			}
		}
		if qos > 0 {
			pub.drain(4 * window)
		}
	}
	deliveries := float64(b.N * window * len(subs))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/deliveries, "ns/delivery")
	b.ReportMetric(float64(broker.Stats().Writes-before)/deliveries, "writes/delivery")
}
