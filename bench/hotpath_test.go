package bench

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/penstock-mqtt/penstock/bench/internal/loop"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// pair is a publisher and a subscriber without a network: what the one would write is what the other reads.
func pair(t testing.TB, v mqtt.Version, qos byte, payload int) (r *run, pub, sub *client) {
	t.Helper()
	cfg, err := Config{Scenario: "p2p", Addr: "127.0.0.1:1", Version: v, QoS: qos, Payload: payload, Window: 16}.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	if r, err = newRun(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	sub, pub = r.client(0, "sub"), r.client(0, "pub")
	f := r.feed(pub, qos)
	r.expect(sub, r.stream(f, "bench/0000/p2p/0", 0), qos)
	if err := f.begin(v); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*client{sub, pub} {
		k.conn, k.state = new(loop.Conn), up
	}
	f.off = false
	return r, pub, sub
}

// window takes one window of messages to their ends.
func window(pub, sub *client) {
	f := pub.feeds[0]
	f.pump()
	f.off = true // a new window is for the next time
	for a, b := pub, sub; len(a.conn.Out) > 0; a, b = b, a {
		b.Data(nil, a.conn.Out)
		a.conn.Out = a.conn.Out[:0]
	}
	f.off = false
}

func TestAMessageCostsNoAllocation(t *testing.T) {
	for _, v := range []mqtt.Version{mqtt.V311, mqtt.V5} {
		for qos := range byte(3) {
			r, pub, sub := pair(t, v, qos, 64)
			got := testing.AllocsPerRun(200, func() { window(pub, sub) })
			ln := r.lanes[0]
			if got != 0 {
				t.Errorf("%v QoS %d: got %v allocations a window, want 0", v, qos, got)
			}
			if ln.delivered < 200*16 || ln.faults.total() > 0 || ln.open != 0 || ln.unreleased != 0 {
				t.Errorf("%v QoS %d: delivered %d, open %d, unreleased %d, faults %v",
					v, qos, ln.delivered, ln.open, ln.unreleased, ln.faults)
			}
		}
	}
}

// BenchmarkMessage is what one costs without its system calls, sent and received; in CPU time, since the machine may be busy
// with other things.
func BenchmarkMessage(b *testing.B) {
	for qos := range byte(3) {
		b.Run(fmt.Sprintf("qos=%d", qos), func(b *testing.B) {
			r, pub, sub := pair(b, mqtt.V311, qos, 64)
			from, before := cpuTime(b), r.lanes[0].delivered
			for b.Loop() {
				window(pub, sub)
			}
			b.ReportMetric(float64(cpuTime(b)-from)/float64(r.lanes[0].delivered-before), "cpu-ns/message")
		})
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
