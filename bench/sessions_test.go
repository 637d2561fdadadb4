package bench_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/bench"
	"github.com/penstock-mqtt/penstock/bench/internal/faulty"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
)

// onEngine runs a scenario with both versions and with one and two threads, each on a broker of its own, whose process is
// this one, and checks that nothing is left there.
func onEngine(t *testing.T, c bench.Config, check func(t *testing.T, r *bench.Report)) {
	for _, v := range []mqtt.Version{mqtt.V311, mqtt.V5} {
		for _, threads := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s %d threads", v, threads), func(t *testing.T) {
				t.Parallel()
				b := startEngine(t)
				c := brief(c, b.Addrs()[0].URL[len("tcp://"):])
				c.Version, c.Threads, c.PID = v, threads, os.Getpid()
				r := run(t, c)
				if r.Failed() {
					t.Errorf("faults: %+v", r.Faults)
				}
				check(t, r)
				nothingLeft(t, b)
			})
		}
	}
}

// startEngine serves on a free port until the test ends, without topics of its own.
func startEngine(t *testing.T) *engine.Broker {
	t.Helper()
	cfg := engine.DefaultConfig()
	cfg.Listeners[0].Address = "127.0.0.1:0"
	cfg.Loops, cfg.Sys.Interval = 2, 0
	b, err := engine.New(cfg, engine.Parts{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Stop(context.Background()) })
	return b
}

// nothingLeft awaits that the broker holds no session and no retained message.
func nothingLeft(t *testing.T, b *engine.Broker) {
	t.Helper()
	until, look := time.After(20*time.Second), time.NewTicker(5*time.Millisecond)
	defer look.Stop()
	for {
		s := b.Stats()
		if s.Sessions == 0 && s.Retained == 0 && s.ClientsConnected == 0 {
			return
		}
		select {
		case <-look.C:
		case <-until:
			t.Errorf("left with the broker: %d sessions, %d retained messages, %d clients", s.Sessions, s.Retained, s.ClientsConnected)
			return
		}
	}
}

// figure finds a number of the scenario's own.
func figure(t *testing.T, r *bench.Report, name string) float64 {
	t.Helper()
	for _, f := range r.Figures {
		if f.Name == name {
			return f.Value
		}
	}
	t.Errorf("no figure %q among %+v", name, r.Figures)
	return 0
}

// above0 checks that figures are there.
func above0(t *testing.T, r *bench.Report, names ...string) {
	t.Helper()
	for _, name := range names {
		if got := figure(t, r, name); got <= 0 {
			t.Errorf("%s is %v, want more than 0", name, got)
		}
	}
}

func TestRetainedMessagesComeToEachFreshSubscriberAndAreDeletedAfterwards(t *testing.T) {
	for _, qos := range []byte{0, 2} {
		c := bench.Config{Scenario: "retained", Messages: 500, Subscribers: 3, QoS: qos}
		onEngine(t, c, func(t *testing.T, r *bench.Report) {
			if r.Delivered != 1500 || r.Broker.CPUPerDelivery <= 0 {
				t.Errorf("delivered %d with %v µs each, want 1500 with some", r.Delivered, r.Broker.CPUPerDelivery)
			}
			above0(t, r, "retained messages stored", "SUBSCRIBE to the last message, on average")
		})
	}
}

func TestTheLastOfEachOverwrittenMessageIsRetained(t *testing.T) {
	for _, c := range []bench.Config{{QoS: 1}, {QoS: 2}, {QoS: 1, Rate: 2000}} {
		c.Scenario, c.Publishers, c.Topics = "retain", 3, 50
		onEngine(t, c, func(t *testing.T, r *bench.Report) {
			if r.Sent < 50 || r.TotalDelivered != 50 || r.Ack == nil {
				t.Errorf("stored %d, delivered %d, acknowledged %+v, want all 50 topics several times, 50 and some", r.Sent, r.TotalDelivered, r.Ack)
			}
			above0(t, r, "retained messages stored", "CPU per message retained")
		})
	}
}

func TestAQueueIsDrainedWholeAndInOrder(t *testing.T) {
	for _, qos := range []byte{1, 2} {
		c := bench.Config{Scenario: "offline", Messages: 1001, Publishers: 2, Subscribers: 2, QoS: qos}
		onEngine(t, c, func(t *testing.T, r *bench.Report) {
			if r.Delivered != 2002 || r.Broker.CPUPerDelivery <= 0 {
				t.Errorf("delivered %d with %v µs each, want 2002 with some", r.Delivered, r.Broker.CPUPerDelivery)
			}
			if r.Connect == nil || r.Connect.Count != 2 {
				t.Errorf("CONNECT to CONNACK is %+v, want those of the two that return", r.Connect)
			}
			above0(t, r, "messages queued", "CONNECT to the last message")
		})
	}
}

func TestEverybodyReturnsFromAStormAndGetsWhatWasSentMeanwhile(t *testing.T) {
	c := bench.Config{Scenario: "reconnect-storm", Clients: 100, Messages: 3, Rate: 500}
	onEngine(t, c, func(t *testing.T, r *bench.Report) {
		if r.Delivered != 300 || r.Connect == nil || r.Connect.Count != 100 || r.Latency == nil {
			t.Errorf("delivered %d, connected %+v, bystander's latency %+v, want 300, 100 and some", r.Delivered, r.Connect, r.Latency)
		}
		if got := figure(t, r, "sessions found again"); got != 100 {
			t.Errorf("%v sessions were found again, want 100", got)
		}
		above0(t, r, "all clients back after", "all messages there after", "CPU per client that returns")
	})
}

func TestEveryWillComesOnceToEachWatcher(t *testing.T) {
	for _, qos := range []byte{bench.QoS0, 1} {
		c := bench.Config{Scenario: "will-storm", Clients: 100, Subscribers: 2, Rate: 500, QoS: qos}
		onEngine(t, c, func(t *testing.T, r *bench.Report) {
			if r.Sent != 100 || r.Delivered != 200 {
				t.Errorf("sent %d, delivered %d, want 100 and 200", r.Sent, r.Delivered)
			}
			above0(t, r, "all wills there after", "CPU per will published")
		})
	}
}

// The same scenarios on a broker that is wrong. A rule's After leaves out what comes before the part it is to hit.
func TestFaultsOfStoredMessagesAndSessionsAreCounted(t *testing.T) {
	for _, f := range []struct {
		name    string
		config  bench.Config
		rule    faulty.Rule
		counter func(f bench.Faults) uint64
		want    uint64
	}{
		{"a retained message is missing", bench.Config{Scenario: "retained", Messages: 50}, faulty.Rule{Do: faulty.Drop, Every: 20, Times: 2}, stalled, 2},
		{"a retained message comes twice", bench.Config{Scenario: "retained", Messages: 50}, faulty.Rule{Do: faulty.Double, Every: 20, Times: 2}, duplicates, 2},
		{"a retained message is not marked", bench.Config{Scenario: "retained", Messages: 50}, faulty.Rule{Do: faulty.FlipRetain, Every: 20, Times: 2}, corrupted, 2},
		{"a retained message is damaged", bench.Config{Scenario: "retained", Messages: 50}, faulty.Rule{Do: faulty.Corrupt, Every: 20, Times: 2}, corrupted, 2},
		{"a queued message is missing", bench.Config{Scenario: "offline", Messages: 50}, faulty.Rule{Do: faulty.Drop, Every: 20, Times: 2}, lost, 2},
		{"queued messages change places", bench.Config{Scenario: "offline", Messages: 50}, faulty.Rule{Do: faulty.Swap, Every: 20, Times: 2}, reordered, 2},
		{"a queue is gone", bench.Config{Scenario: "offline", Messages: 50}, faulty.Rule{Do: faulty.ForgetSession, Every: 1, Times: 1}, protocol, 1},
		{"sessions are gone", bench.Config{Scenario: "reconnect-storm", Clients: 20}, faulty.Rule{Do: faulty.ForgetSession, Every: 7, Times: 2}, protocol, 2},
		{"a client is not let in again", bench.Config{Scenario: "reconnect-storm", Clients: 20}, faulty.Rule{Do: faulty.RefuseConnect, Every: 5, After: 23, Times: 1}, refused, 1},
		{"wills are missing", bench.Config{Scenario: "will-storm", Clients: 20, Rate: 1}, faulty.Rule{Do: faulty.Drop, Every: 8, Times: 2}, stalled, 2},
		{"a will comes twice", bench.Config{Scenario: "will-storm", Clients: 20, Rate: 1}, faulty.Rule{Do: faulty.Double, Every: 4, Times: 2}, duplicates, 2},
		{"connections are refused", bench.Config{Scenario: "connect", Clients: 3}, faulty.Rule{Do: faulty.RefuseConnect, Every: 9, Times: 2}, refused, 2},
		{"a subscription is not answered", bench.Config{Scenario: "idle", Clients: 3}, faulty.Rule{Do: faulty.MuteSubscribe, Every: 3}, nil, 0},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			b := startFaulty(t, f.rule)
			c := brief(f.config, b.Addr())
			c.Drain = 300 * time.Millisecond
			r, err := bench.Run(t.Context(), c)
			if f.counter == nil {
				if err == nil && !r.Failed() {
					t.Errorf("the run reports no failure: %+v", r)
				}
				return
			}
			if r == nil {
				t.Fatalf("no report, but %v", err)
			}
			if got := f.counter(r.Faults); got != f.want || b.Done(f.rule.Do) != int(f.want) {
				t.Errorf("the broker did it %d times, the report says %d, want %d: %+v (%v)", b.Done(f.rule.Do), got, f.want, r.Faults, err)
			}
		})
	}
}

func TestARunThatIsBrokenOffLeavesNothingBehind(t *testing.T) {
	for _, at := range []struct{ scenario, phase string }{
		{"retained", "connect"}, {"retained", "store"}, {"retained", "subscribe"},
		{"offline", "subscribe"}, {"offline", "queue"}, {"offline", "drain the queue"},
		{"reconnect-storm", "warm-up"}, {"reconnect-storm", "cut off"}, {"reconnect-storm", "return"},
		{"will-storm", "die"}, {"idle", "settle"}, {"connect", "run"}, {"figures", "subscribe"},
	} {
		t.Run(at.scenario+" at "+at.phase, func(t *testing.T) {
			t.Parallel()
			b := startEngine(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c := brief(bench.Config{Scenario: at.scenario, Messages: 200, Clients: 100}, b.Addrs()[0].URL[len("tcp://"):])
			c.Progress = func(s bench.Sample) {
				if s.Phase == at.phase {
					cancel()
				}
			}
			if _, err := bench.Run(ctx, c); !errors.Is(err, context.Canceled) {
				t.Errorf("Run ended with %v, want %v", err, context.Canceled)
			}
			nothingLeft(t, b)
		})
	}
}
