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
	for _, qos := range []byte{0, 1, 2} {
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
			subs := subscribers(b, addr, 100, topic, qos, mqtt.V311)
			measure(b, broker, dial(b, addr, "pub", mqtt.V311), subs, qos)
		})
	}
}

// measure publishes windows of messages and waits until every subscriber has them and every acknowledgement is there.
// The clients' work is in the time as well, that of the broker alone is not to be had in one process; writes a message
// tell how well it batches, whatever the machine.
func measure(b *testing.B, broker *engine.Broker, pub *client, subs []*client, qos byte) {
	r := passed(pub, subs, topic, qos, mqtt.V311, all)(window)
	before := broker.Stats().Writes
	b.ReportAllocs()
	for b.Loop() {
		r()
	}
	deliveries := float64(b.N * window * len(subs))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/deliveries, "ns/delivery")
	b.ReportMetric(float64(broker.Stats().Writes-before)/deliveries, "writes/delivery")
}

// A round is what a test counts the allocations or writes of: it sends n packets and ends when the broker is through with
// them.
type round func(n int) func()

// passed is the round of one publisher and its subscribers. each says how many of n messages one of them gets.
func passed(pub *client, subs []*client, topic string, qos byte, v mqtt.Version, each func(n int) int) round {
	ack := make([]byte, 0, 256)
	return func(n int) func() {
		in := burst(n, topic, qos, v, 64)
		size := len(in) / n
		return func() {
			pub.write(in)
			for _, s := range subs {
				s.take(each(n), size, idAt(topic), qos, ack)
			}
			pub.settle(n, qos, ack)
		}
	}
}

func all(n int) int { return n }

// subscribers connects n clients that subscribe to a filter.
func subscribers(t testing.TB, addr string, n int, filter string, qos byte, v mqtt.Version) []*client {
	t.Helper()
	subs := make([]*client, n)
	for i := range subs {
		subs[i] = dial(t, addr, fmt.Sprint("sub", i), v)
		subs[i].subscribe(filter, qos, v)
	}
	return subs
}
