package perf

import (
	"fmt"
	"net"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// BenchmarkWriteQueueFlush is the end of a loop's round: many connections that are owed one message each, where each costs
// a write, and 64 each, where the writes carry much. An operation is a round.
func BenchmarkWriteQueueFlush(b *testing.B) {
	const connections = 500
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprintf("messages%d", n), func(b *testing.B) {
			broker, addr := startBroker(b, 1)
			subs := subscribers(b, addr, connections, topic, 0, mqtt.V311)
			r := passed(dial(b, addr, "pub", mqtt.V311), subs, topic, 0, mqtt.V311, all)(n)
			before := broker.Stats().Writes
			b.ReportAllocs()
			for b.Loop() {
				r()
			}
			deliveries := float64(b.N * n * connections)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/deliveries, "ns/delivery")
			b.ReportMetric(float64(broker.Stats().Writes-before)/deliveries, "writes/delivery")
		})
	}
}

// BenchmarkWriteQueuePartial sends more than the sockets take: the rest of a vector waits for a writable event, with the
// offset at which the socket stopped. An operation is 16 messages of 256 KB to 5 subscribers whose receive buffers are
// half of one.
func BenchmarkWriteQueuePartial(b *testing.B) {
	const connections, payload = 5, 256 << 10
	broker, addr := startBroker(b, 1)
	subs := subscribers(b, addr, connections, topic, 1, mqtt.V311)
	in := burst(window, topic, 1, mqtt.V311, payload)
	for _, s := range subs {
		s.buf = make([]byte, len(in))
		if err := s.c.(*net.TCPConn).SetReadBuffer(payload / 2); err != nil {
			b.Fatal(err)
		}
	}
	pub, ack := dial(b, addr, "pub", mqtt.V311), make([]byte, 0, 256)
	before := broker.Stats().Writes
	b.SetBytes(int64(connections * len(in)))
	b.ReportAllocs()
	for b.Loop() {
		pub.write(in)
		for _, s := range subs {
			s.take(window, len(in)/window, 2+idAt(topic), 1, ack) // three bytes of length where a short packet has one
		}
		pub.settle(window, 1, ack)
	}
	deliveries := float64(b.N * window * connections)
	b.ReportMetric(float64(broker.Stats().Writes-before)/deliveries, "writes/delivery")
}
