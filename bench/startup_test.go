package bench_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/bench"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// serveStore serves what a store holds, on an address.
func serveStore(t *testing.T, addr string, s store.Store) *engine.Broker {
	t.Helper()
	cfg := engine.DefaultConfig()
	cfg.Listeners[0].Address = addr
	cfg.Sys.Interval = 0
	b, err := engine.New(cfg, engine.Parts{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Stop(context.Background()) })
	return b
}

// startedAgain runs the scenario against a broker whose successor stands on another store.
func startedAgain(t *testing.T, qos byte, successor func(*store.Memory) store.Store) *bench.Report {
	t.Helper()
	s := store.NewMemory()
	b := serveStore(t, "127.0.0.1:0", s)
	addr := strings.TrimPrefix(b.Addrs()[0].URL, "tcp://")
	c := brief(bench.Config{Scenario: "startup", Clients: 50, Messages: 500, Topics: 30, QoS: qos, PID: os.Getpid()}, addr)
	c.Drain = time.Second
	c.Restart = func(ctx context.Context) (bench.Restarted, error) {
		from := time.Now()
		if err := b.Stop(ctx); err != nil {
			return bench.Restarted{}, err
		}
		serveStore(t, addr, successor(s))
		return bench.Restarted{PID: os.Getpid(), Took: time.Since(from), Data: 12345}, nil
	}
	return run(t, c)
}

func TestABrokerThatIsStartedAgainHasEverything(t *testing.T) {
	for qos := byte(1); qos <= 2; qos++ {
		r := startedAgain(t, qos, func(s *store.Memory) store.Store { return s.Reopen() })
		if r.Failed() || r.TotalSent != 530 || r.TotalDelivered != 530 {
			t.Errorf("QoS %d: sent %d, delivered %d, faults %+v, want 530, 530 and none", qos, r.TotalSent, r.TotalDelivered, r.Faults)
		}
		above0(t, r, "serves again after", "RSS when it serves", "RSS at rest", "data as sent", "data on disk", "messages stored")
	}
}

func TestWhatIsGoneAfterAStartIsAFault(t *testing.T) {
	r := startedAgain(t, 1, func(*store.Memory) store.Store { return store.NewMemory() })
	if r.Faults.Protocol != 50 || r.Faults.Stalled != 530 {
		t.Errorf("got %+v, want 50 sessions that are not there and 530 messages", r.Faults)
	}
}

func TestNobodyCanStartABrokerAgainButAComparison(t *testing.T) {
	_, err := bench.Run(t.Context(), bench.Config{Scenario: "startup", Addr: "127.0.0.1:1"})
	if err == nil || !strings.Contains(err.Error(), "bench/specs/startup.yaml") {
		t.Errorf("got %v, want where it can be run", err)
	}
}
