package bench_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/bench"
	"github.com/penstock-mqtt/penstock/bench/internal/faulty"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func TestMain(m *testing.M) {
	bench.SetPatience(2 * time.Second)
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil { // runs mostly wait
		panic(err)
	}
	os.Exit(m.Run())
}

// short is a run of a scenario that takes a fraction of a second.
func short(scenario, addr string, v mqtt.Version, qos byte) bench.Config {
	c := bench.Config{
		Scenario: scenario, Addr: addr, Version: v, QoS: qos, Publishers: 2, Subscribers: 2, Payload: 64, Window: 8,
		Warmup: 10 * time.Millisecond, Duration: 50 * time.Millisecond, Drain: 2 * time.Second, Threads: 1,
	}
	switch scenario {
	case "fanout":
		c.Publishers = 1
	case "openloop":
		c.Rate = 4000
	}
	return c
}

// cases are the runs on which every fault of a delivery has to be seen.
var cases = []struct {
	scenario string
	version  mqtt.Version
	qos      byte
}{
	{"p2p", mqtt.V311, 0}, {"p2p", mqtt.V5, 0}, {"p2p", mqtt.V311, 1}, {"p2p", mqtt.V5, 1}, {"p2p", mqtt.V311, 2}, {"p2p", mqtt.V5, 2},
	{"fanout", mqtt.V311, 0}, {"fanout", mqtt.V5, 1},
	{"shared", mqtt.V5, 1}, {"shared", mqtt.V311, 2},
	{"openloop", mqtt.V5, 0}, {"openloop", mqtt.V311, 1},
}

// onEach runs f for each case, several at a time.
func onEach(t *testing.T, f func(t *testing.T, scenario string, v mqtt.Version, qos byte)) {
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s %s QoS %d", c.scenario, c.version, c.qos), func(t *testing.T) {
			t.Parallel()
			f(t, c.scenario, c.version, c.qos)
		})
	}
}

func startFaulty(t *testing.T, rules ...faulty.Rule) *faulty.Broker {
	t.Helper()
	b, err := faulty.Start(rules...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func run(t *testing.T, c bench.Config) *bench.Report {
	t.Helper()
	r, err := bench.Run(t.Context(), c)
	if err != nil {
		t.Fatalf("Run(%+v): %v", c, err)
	}
	return r
}

// runUntil runs it for longer and longer until something has happened: on a busy machine a short run may be over before.
func runUntil(t *testing.T, c bench.Config, happened func(r *bench.Report) bool) *bench.Report {
	t.Helper()
	for {
		r, err := bench.Run(t.Context(), c)
		if r == nil || err != nil && !r.Failed() {
			t.Fatalf("Run(%+v): %v", c, err)
		}
		if happened(r) || c.Duration > 5*time.Second {
			return r
		}
		c.Duration *= 4
	}
}

func TestNothingIsReportedOfABrokerThatIsRight(t *testing.T) {
	onEach(t, func(t *testing.T, scenario string, v mqtt.Version, qos byte) {
		b := startFaulty(t)
		r := run(t, short(scenario, b.Addr(), v, qos))
		if r.Failed() {
			t.Errorf("faults of a broker without any: %+v", r.Faults)
		}
		if r.Delivered == 0 || r.Sent == 0 {
			t.Errorf("sent %d, delivered %d, want some", r.Sent, r.Delivered)
		}
	})
}

func TestAFaultOfADeliveryIsCountedAsWhatItIs(t *testing.T) {
	for _, f := range []struct {
		name    string
		do      faulty.Fault
		counter func(f bench.Faults) uint64
		besides func(f bench.Faults) uint64 // what follows from it
	}{
		{"drop", faulty.Drop, lost, stalled},
		{"double", faulty.Double, duplicates, nil},
		{"swap", faulty.Swap, reordered, nil},
		{"corrupt", faulty.Corrupt, corrupted, nil},
		{"truncate", faulty.Truncate, corrupted, lostOrStalled}, // a stamp that is not whole says nothing
		{"extend", faulty.Extend, corrupted, lostOrStalled},
		{"retopic", faulty.Retopic, corrupted, nil},
		{"change QoS", faulty.ChangeQoS, corrupted, nil},
		{"flip retain", faulty.FlipRetain, corrupted, nil},
		{"stray", faulty.Stray, unasked, nil},
	} {
		t.Run(f.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, scenario string, v mqtt.Version, qos byte) {
				b := startFaulty(t, faulty.Rule{Do: f.do, Every: 23, Times: 4})
				c := short(scenario, b.Addr(), v, qos)
				if f.besides != nil { // the drain waits in vain
					c.Drain = 400 * time.Millisecond
				}
				r := runUntil(t, c, func(*bench.Report) bool { return b.Done(f.do) > 0 })
				want := uint64(b.Done(f.do))
				got := f.counter(r.Faults)
				if f.do == faulty.Drop && qos > 0 { // the last of a stream may be on its way still
					got += r.Faults.Stalled
				}
				if want == 0 || got != want || !r.Failed() {
					t.Errorf("the broker did it %d times, the report says %d: %+v", want, got, r.Faults)
				}
				rest := r.Faults
				rest.Samples = nil
				if total := all(rest) - f.counter(rest); f.besides == nil && total != 0 || f.besides != nil && total > f.besides(rest) {
					t.Errorf("besides, the report says what was not: %+v", r.Faults)
				}
			})
		})
	}
}

func lost(f bench.Faults) uint64          { return f.Lost }
func duplicates(f bench.Faults) uint64    { return f.Duplicates }
func reordered(f bench.Faults) uint64     { return f.Reordered }
func corrupted(f bench.Faults) uint64     { return f.Corrupted }
func unasked(f bench.Faults) uint64       { return f.Unasked }
func refused(f bench.Faults) uint64       { return f.Refused }
func dropped(f bench.Faults) uint64       { return f.Dropped }
func protocol(f bench.Faults) uint64      { return f.Protocol }
func stalled(f bench.Faults) uint64       { return f.Stalled }
func lostOrStalled(f bench.Faults) uint64 { return f.Lost + f.Stalled }

func all(f bench.Faults) uint64 {
	return f.Lost + f.Duplicates + f.Reordered + f.Corrupted + f.Unasked + f.Refused + f.Dropped + f.Protocol + f.Stalled
}

func TestAFaultOfAConnectionOrAnAnswerIsReported(t *testing.T) {
	for _, f := range []struct {
		name    string
		do      faulty.Fault
		qos     byte
		version mqtt.Version
		counter func(f bench.Faults) uint64
	}{
		{"malformed packet", faulty.Malformed, 0, mqtt.V5, protocol},
		{"malformed packet", faulty.Malformed, 1, mqtt.V311, protocol},
		{"subscriber cut off", faulty.Sever, 0, mqtt.V5, dropped},
		{"subscriber cut off", faulty.Sever, 1, mqtt.V311, dropped},
		{"publisher cut off", faulty.SeverSender, 0, mqtt.V311, dropped},
		{"publisher cut off", faulty.SeverSender, 2, mqtt.V5, dropped},
		{"no PUBACK", faulty.WithholdAck, 1, mqtt.V311, stalled},
		{"no PUBREC", faulty.WithholdAck, 2, mqtt.V5, stalled},
		{"no PUBCOMP", faulty.WithholdComp, 2, mqtt.V5, stalled},
		{"no PUBREL", faulty.WithholdRel, 2, mqtt.V311, stalled},
		{"PUBACK with another id", faulty.WrongAck, 1, mqtt.V311, protocol},
		{"PUBREC with another id", faulty.WrongAck, 2, mqtt.V5, protocol},
		{"PUBACK nobody waits for", faulty.StartlePublisher, 1, mqtt.V5, protocol},
		{"PUBACK with an error", faulty.RefuseAck, 1, mqtt.V5, refused},
		{"PUBREC with an error", faulty.RefuseAck, 2, mqtt.V5, refused},
	} {
		t.Run(fmt.Sprintf("%s %s QoS %d", f.name, f.version, f.qos), func(t *testing.T) {
			t.Parallel()
			b := startFaulty(t, faulty.Rule{Do: f.do, Every: 23, Times: 1})
			c := short("p2p", b.Addr(), f.version, f.qos)
			c.Drain = 400 * time.Millisecond
			r := runUntil(t, c, func(*bench.Report) bool { return b.Done(f.do) > 0 })
			if b.Done(f.do) != 1 || f.counter(r.Faults) == 0 || !r.Failed() {
				t.Errorf("the broker did it %d times, the report says %+v", b.Done(f.do), r.Faults)
			}
		})
	}
}

func TestARunThatCannotBeginSaysWhy(t *testing.T) {
	for _, f := range []struct {
		name    string
		do      faulty.Fault
		counter func(f bench.Faults) uint64
	}{
		{"CONNACK with an error", faulty.RefuseConnect, refused},
		{"no CONNACK", faulty.MuteConnect, nil},
		{"PINGRESP instead of CONNACK", faulty.WrongConnect, protocol},
		{"session present after a clean start", faulty.FalsePresent, protocol},
		{"SUBACK with an error", faulty.RefuseSubscribe, refused},
		{"no SUBACK", faulty.MuteSubscribe, nil},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			b := startFaulty(t, faulty.Rule{Do: f.do, Every: 2})
			r, err := bench.Run(t.Context(), short("p2p", b.Addr(), mqtt.V5, 1))
			if err == nil && (r == nil || !r.Failed()) {
				t.Errorf("the run reports no failure: %+v", r)
			}
			if r != nil && f.counter != nil && f.counter(r.Faults) == 0 {
				t.Errorf("the report says %+v (%v)", r.Faults, err)
			}
		})
	}
}

func TestAnOpenLoopChargesABrokerForStandingStill(t *testing.T) {
	const pause = 200 * time.Millisecond
	b := startFaulty(t, faulty.Rule{Do: faulty.Stall, Every: 300, Times: 1, For: pause})
	c := short("openloop", b.Addr(), mqtt.V5, 0)
	c.Rate, c.Duration = 2000, 600*time.Millisecond
	r := run(t, c)
	if r.Failed() {
		t.Errorf("faults: %+v", r.Faults)
	}
	// A third of all messages were meant to be sent during the pause, and waited for what was left of it.
	if l := r.Latency; l == nil || l.Max < pause || l.P99 < pause*8/10 {
		t.Errorf("broker stood still for %v of %v; latency is %+v", pause, c.Duration, l)
	}
}
