package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/bench"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
)

// startBroker serves on a free port until the test ends.
func startBroker(t testing.TB) (addr string) {
	t.Helper()
	cfg := engine.DefaultConfig()
	cfg.Listeners[0].Address = "127.0.0.1:0"
	cfg.Loops = 2
	// The tests' machine may stand still for longer than the default allows a queue to grow.
	cfg.Session.MaxQueuedMessages, cfg.Session.MaxQueuedBytes = 1_000_000, 512*engine.MiB
	b, err := engine.New(cfg, engine.Parts{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Stop(context.Background()) })
	return strings.TrimPrefix(b.Addrs()[0].URL, "tcp://")
}

// brief is a run of a scenario in a fraction of a second.
func brief(c bench.Config, addr string) bench.Config {
	c.Addr, c.Warmup, c.Duration, c.Drain = addr, 20*time.Millisecond, 100*time.Millisecond, 10*time.Second
	return c
}

func TestEveryScenarioDeliversWhatItOwesAndNothingElse(t *testing.T) {
	addr := startBroker(t)
	for _, tt := range []struct {
		name    string
		config  bench.Config
		each    uint64 // deliveries a message
		besides uint64 // and these once
	}{
		{"pairs", bench.Config{Scenario: "p2p", Publishers: 5}, 1, 0},
		{"pairs of 16 bytes", bench.Config{Scenario: "p2p", Publishers: 5, Payload: bench.MinPayload}, 1, 0},
		{"pairs of 100 KB", bench.Config{Scenario: "p2p", Publishers: 2, Payload: 100_000, Window: 4}, 1, 0},
		{"pairs, one at a time", bench.Config{Scenario: "p2p", Publishers: 2, Window: 1}, 1, 0},
		{"pairs at QoS 1", bench.Config{Scenario: "p2p", Publishers: 5, QoS: 1}, 1, 0},
		{"pairs at QoS 2", bench.Config{Scenario: "p2p", Publishers: 5, QoS: 2}, 1, 0},
		{"many to one", bench.Config{Scenario: "fanin", Publishers: 20}, 1, 0},
		{"many to two", bench.Config{Scenario: "fanin", Publishers: 20, Subscribers: 2, QoS: 1}, 2, 0},
		{"many to one, awaited", bench.Config{Scenario: "fanin", Publishers: 20, QoS: 1, AwaitAll: true}, 1, 0},
		{"sharing, awaited", bench.Config{Scenario: "shared", Publishers: 10, Subscribers: 3, QoS: 2, AwaitAll: true}, 1, 0},
		{"one to many", bench.Config{Scenario: "fanout", Subscribers: 20}, 20, 0},
		{"three to many by two topics", bench.Config{Scenario: "fanout", Publishers: 3, Topics: 2, Subscribers: 7, QoS: 2}, 7, 0},
		{"sharing", bench.Config{Scenario: "shared", Publishers: 10, Subscribers: 3}, 1, 0},
		{"sharing at QoS 0", bench.Config{Scenario: "shared", Publishers: 10, Subscribers: 3, QoS: bench.QoS0}, 1, 0},
		{"wildcards", bench.Config{Scenario: "wildcard", Publishers: 7, Clients: 20, Filters: 6, Topics: 40}, 3, 0},
		{"pace", bench.Config{Scenario: "openloop", Publishers: 3, Rate: 5000}, 1, 0},
		{"pace at QoS 2", bench.Config{Scenario: "openloop", Publishers: 3, Rate: 2000, QoS: 2}, 1, 0},
		{"slow ones", bench.Config{Scenario: "slow-consumer", Subscribers: 3, Clients: 2, Rate: 2000}, 3, 0},
		{"devices", bench.Config{Scenario: "mixed", Clients: 10, Rate: 4000}, 1, 10},
	} {
		for threads, v := range map[int]mqtt.Version{1: mqtt.V311, 2: mqtt.V5} {
			t.Run(fmt.Sprintf("%s, %v, %d threads", tt.name, v, threads), func(t *testing.T) {
				c := brief(tt.config, addr)
				c.Version, c.Threads = v, threads
				r, err := bench.Run(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				if r.Failed() {
					t.Errorf("got faults %+v, want none", r.Faults)
				}
				if want := r.TotalSent*tt.each + tt.besides; r.TotalDelivered != want || r.TotalSent == 0 {
					t.Errorf("got %d deliveries of %d messages, want %d", r.TotalDelivered, r.TotalSent, want)
				}
				if r.Sent == 0 || r.Delivered == 0 || r.Latency == nil || r.Latency.Count == 0 || r.Elapsed < c.Duration {
					t.Errorf("counted %d sent and %d delivered in %v, latency %+v; want some of each", r.Sent, r.Delivered, r.Elapsed, r.Latency)
				}
			})
		}
	}
}

func TestAnOpenLoopKeepsItsRate(t *testing.T) {
	c := brief(bench.Config{Scenario: "openloop", Publishers: 4, Rate: 3000}, startBroker(t))
	c.Duration = 400 * time.Millisecond
	r, err := bench.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	// Counting begins and ends by the clock, so what is due within it is known but for the messages at its ends; a machine
	// that stands still at an end moves more of them over.
	if due := 3000 * r.Elapsed.Seconds(); float64(r.TotalSent) < 0.9*due {
		t.Errorf("sent %d in all, want at least the %.0f that were due while it counted", r.TotalSent, due)
	}
	if r.Load.Late == nil || r.Load.Late.Count == 0 {
		t.Errorf("lateness of the generator: got %+v, want some", r.Load.Late)
	}
}

func TestProgressIsToldPhaseByPhase(t *testing.T) {
	var phases []string
	c := brief(bench.Config{Scenario: "p2p", Publishers: 2}, startBroker(t))
	c.Duration = 1200 * time.Millisecond
	c.Progress = func(s bench.Sample) {
		if len(phases) == 0 || phases[len(phases)-1] != s.Phase {
			phases = append(phases, s.Phase)
		}
	}
	r, err := bench.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(phases, " "), "connect subscribe warm-up run drain"; got != want {
		t.Errorf("got phases %q, want %q", got, want)
	}
	sum := uint64(0)
	for _, s := range r.Series {
		if s.Phase == "run" {
			sum += s.Delivered
		}
	}
	if sum == 0 || sum > r.TotalDelivered {
		t.Errorf("the samples of the run add up to %d deliveries of %d, want most of them", sum, r.TotalDelivered)
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := brief(bench.Config{Scenario: "p2p", Publishers: 2}, startBroker(t))
	c.Duration = time.Hour
	c.Progress = func(s bench.Sample) {
		if s.Phase == "run" {
			cancel()
		}
	}
	r, err := bench.Run(ctx, c)
	if err == nil || r == nil {
		t.Fatalf("got report %v and error %v, want both", r, err)
	}
	if r.Failed() {
		t.Errorf("what was under way when the run was called off is no fault: %+v", r.Faults)
	}
}

func TestNobodyThereIsAnError(t *testing.T) {
	c := brief(bench.Config{Scenario: "p2p", Publishers: 1}, "127.0.0.1:1")
	if _, err := bench.Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want a connection that was refused", err)
	}
}

func TestResolvingNamesTheField(t *testing.T) {
	for field, c := range map[string]bench.Config{
		"addr":        {Scenario: "p2p"},
		"scenario":    {Scenario: "bogus", Addr: "x:1"},
		"scale":       {Scenario: "p2p", Addr: "x:1", Scale: 0.5},
		"version":     {Scenario: "p2p", Addr: "x:1", Version: 3},
		"qos":         {Scenario: "p2p", Addr: "x:1", QoS: 3},
		"payload":     {Scenario: "p2p", Addr: "x:1", Payload: bench.MinPayload - 1},
		"window":      {Scenario: "p2p", Addr: "x:1", Window: 1 << 20},
		"threads":     {Scenario: "p2p", Addr: "x:1", Threads: -1},
		"subscribers": {Scenario: "p2p", Addr: "x:1", Publishers: 2, Subscribers: 3},
		"topics":      {Scenario: "wildcard", Addr: "x:1", Clients: 1, Filters: 10, Topics: 11},
		"publishers":  {Scenario: "fanin", Addr: "x:1", Publishers: -1},
		"password":    {Scenario: "p2p", Addr: "x:1", Password: "secret"},
	} {
		if _, err := c.Resolve(); err == nil || !strings.HasPrefix(err.Error(), field+":") {
			t.Errorf("%+v: got %v, want an error of %s", c, err, field)
		}
	}
}

func TestResolvingAgainChangesNothing(t *testing.T) {
	all := []string{}
	for _, s := range bench.Scenarios() {
		all = append(all, s.Name)
	}
	for _, p := range bench.Presets() {
		all = append(all, p.Name)
	}
	for _, name := range all {
		once, err := bench.Config{Scenario: name, Addr: "x:1", Warmup: -1}.Resolve()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := once.Resolve()
		once.Progress, again.Progress = nil, nil
		if err != nil || jsonOf(t, once) != jsonOf(t, again) || once.Warmup != 0 {
			t.Errorf("%s: got %+v and %v, want %+v", name, again, err, once)
		}
	}
}

func TestAPresetIsScaledInClientsAndRates(t *testing.T) {
	c, err := bench.Config{Scenario: "sharedsub-50K-500-50K-50K", Addr: "x:1", Scale: 0.1}.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	if c.Preset != "sharedsub-50K-500-50K-50K" || c.Publishers != 5000 || c.Subscribers != 50 || c.Rate != 5000 || c.QoS != 1 ||
		c.Payload != 16 || c.KeepAlive != 300*time.Second {
		t.Errorf("got %+v, want a tenth of the clients and the rate, QoS 1, 16 bytes and 300s", c)
	}
}

func jsonOf(t *testing.T, c bench.Config) string {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestARunEndsWhenEveryConnectionIsLost(t *testing.T) {
	t.Parallel()
	cfg := engine.DefaultConfig()
	cfg.Listeners[0].Address = "127.0.0.1:0"
	b, err := engine.New(cfg, engine.Parts{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	c := brief(bench.Config{Scenario: "p2p", Publishers: 3}, strings.TrimPrefix(b.Addrs()[0].URL, "tcp://"))
	c.Duration = time.Hour
	c.Progress = func(s bench.Sample) {
		if s.Phase == "run" {
			go b.Stop(context.Background())
		}
	}
	r, err := bench.Run(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "every connection was lost") || r == nil || r.Faults.Dropped != 6 {
		t.Errorf("got error %v and report %+v, want one of 6 dropped connections", err, r)
	}
}
