package bench_test

import (
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/bench"
)

func TestConnectionsThatComeAndGoAreCounted(t *testing.T) {
	c := bench.Config{Scenario: "connect", Clients: 5}
	onEngine(t, c, func(t *testing.T, r *bench.Report) {
		rate := figure(t, r, "connections")
		if r.Connect == nil || rate <= 0 || rate > 2*float64(r.Connect.Count)/r.Elapsed.Seconds() {
			t.Errorf("%v connections a second in %v, percentiles of %+v", rate, r.Elapsed, r.Connect)
		}
		above0(t, r, "CPU per connection", "begin to CONNACK, p99")
	})
}

func TestConnectionsAtARateBeginWhenTheyAreDue(t *testing.T) {
	const rate = 300
	c := bench.Config{Scenario: "connect", Clients: 20, ConnectRate: rate}
	onEngine(t, c, func(t *testing.T, r *bench.Report) {
		if got := figure(t, r, "connections"); got <= 0 || got > 2*rate {
			t.Errorf("%v connections a second, want %d, or less on a busy machine", got, rate)
		}
		if r.Load.Late == nil {
			t.Error("how late they began is not told")
		}
		above0(t, r, "intended begin to CONNACK, p99")
	})
}

func TestIdleConnectionsAreOpenedAtTheRateAndHeld(t *testing.T) {
	c := bench.Config{Scenario: "idle", Clients: 100, ConnectRate: 1000, KeepAlive: time.Second}
	onEngine(t, c, func(t *testing.T, r *bench.Report) {
		if r.Connect == nil || r.Connect.Count != 100 || r.Subscribe == nil || r.Subscribe.Count != 100 {
			t.Errorf("connected %+v, subscribed %+v, want 100 each", r.Connect, r.Subscribe)
		}
		if got := figure(t, r, "connections opened"); got > 1100 {
			t.Errorf("%v connections were opened a second, want 1000 at most", got)
		}
		figure(t, r, "memory per connection") // this process's, which has other things to do
		above0(t, r, "idle CPU")
	})
}

func TestTheSixFiguresAreTaken(t *testing.T) {
	c := bench.Config{Scenario: "figures", Clients: 60, Publishers: 10}
	onEngine(t, c, func(t *testing.T, r *bench.Report) {
		if got := figure(t, r, "maximum connections"); got != 60 {
			t.Errorf("maximum is %v connections, want 60", got)
		}
		above0(t, r, "connections", "subscriptions", "messages, one to one", "idle CPU", "memory share")
		if r.Delivered == 0 {
			t.Error("nothing was delivered")
		}
	})
}

func TestConnectionsThatWereDueAndNeverBegunAreTold(t *testing.T) {
	c := bench.Config{Scenario: "connect", Clients: 1, ConnectRate: 200_000}
	onEngine(t, c, func(t *testing.T, r *bench.Report) {
		above0(t, r, "due and never begun", "connections")
	})
}
