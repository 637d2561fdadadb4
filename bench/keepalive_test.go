package bench_test

import (
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/bench"
)

// A subscriber at QoS 0 sends nothing of itself, so a broker that watches the keep alive ends it unless it pings.
func TestSilentClientsPing(t *testing.T) {
	t.Parallel()
	c := brief(bench.Config{Scenario: "openloop", Publishers: 3, Rate: 20, KeepAlive: time.Second}, startBroker(t))
	c.Duration = 2200 * time.Millisecond
	r, err := bench.Run(t.Context(), c)
	if err != nil || r.Failed() {
		t.Errorf("got %v and faults %+v, want neither", err, r)
	}
}
