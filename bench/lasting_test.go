package bench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/bench"
	"github.com/penstock-mqtt/penstock/bench/internal/faulty"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Who subscribes has a session that lasts, and at QoS 2 who publishes too; none is left when the run is over, which onEngine
// checks.
func TestSessionsThatLastAreThereWhileTheLoadRunsAndGoneAfterwards(t *testing.T) {
	for _, tt := range []struct {
		config bench.Config
		want   int // sessions while nobody is connected any more
	}{
		{bench.Config{Scenario: "p2p", Publishers: 3, QoS: 1}, 3},
		{bench.Config{Scenario: "p2p", Publishers: 3, QoS: 2}, 6},
		{bench.Config{Scenario: "openloop", Publishers: 3, Rate: 2000, QoS: 1}, 3},
		{bench.Config{Scenario: "fanout", Subscribers: 5, QoS: 1}, 5},
		{bench.Config{Scenario: "fanin", Publishers: 5, QoS: 2}, 6},
		{bench.Config{Scenario: "shared", Publishers: 3, Subscribers: 2, QoS: 1}, 2},
		{bench.Config{Scenario: "retained", Messages: 100, Subscribers: 2, QoS: 1}, 2},
		{bench.Config{Scenario: "offline", Messages: 100, QoS: 2}, 2},
		{bench.Config{Scenario: "mixed", Clients: 10, Rate: 1000}, -1},
	} {
		tt.config.Persistent = true
		t.Run(fmt.Sprintf("%s QoS %d", tt.config.Scenario, tt.config.QoS), func(t *testing.T) {
			onEngine(t, tt.config, func(t *testing.T, r *bench.Report) {
				if r.Delivered == 0 || tt.config.QoS > 0 && tt.config.Scenario != "retained" && tt.config.Scenario != "offline" && r.Ack == nil {
					t.Errorf("delivered %d, acknowledged %+v, want some", r.Delivered, r.Ack)
				}
				if len(r.Notes) > 0 && r.Notes[0] == "sessions may be left with the broker" {
					t.Error(r.Notes[0])
				}
			})
			if tt.want < 0 {
				return
			}
			t.Run("meanwhile", func(t *testing.T) {
				b := startEngine(t)
				c := brief(tt.config, b.Addrs()[0].URL[len("tcp://"):])
				most := uint64(0)
				c.Progress = func(s bench.Sample) {
					if st := b.Stats(); s.Phase == "clean up" && st.Sessions > most {
						most = st.Sessions
					}
				}
				if r := run(t, c); r.Failed() {
					t.Errorf("faults: %+v", r.Faults)
				}
				if most < uint64(tt.want) {
					t.Errorf("%d sessions when cleaning up began, want %d", most, tt.want)
				}
			})
		})
	}
}

// An exchange that the broker has left open ends with the session that is wiped, and is a fault all the same.
func TestAnExchangeLeftOpenInASessionThatLastsIsAFault(t *testing.T) {
	b := startFaulty(t, faulty.Rule{Do: faulty.WithholdRel, Every: 23, Times: 1})
	c := short("p2p", b.Addr(), mqtt.V311, 2)
	c.Persistent, c.Drain = true, 300*time.Millisecond
	r := run(t, c)
	if done := b.Done(faulty.WithholdRel); done != 1 || r.Faults.Stalled == 0 {
		t.Errorf("the broker withheld %d PUBRELs, the report says %+v", done, r.Faults)
	}
}

func TestAPublisherWaitsForItsAcknowledgementAsLongAsTheBrokerStalls(t *testing.T) {
	for qos := byte(1); qos <= 2; qos++ {
		b := startFaulty(t, faulty.Rule{Do: faulty.Stall, Every: 400, Times: 1, For: 300 * time.Millisecond})
		c := short("openloop", b.Addr(), mqtt.V5, qos)
		c.Duration = 400 * time.Millisecond
		r := run(t, c)
		if r.Failed() || r.Ack == nil || r.Ack.Max < 100*time.Millisecond || r.Ack.Count == 0 {
			t.Errorf("QoS %d: acknowledged %+v, faults %+v, want one that waited for 100 ms of 300 at least", qos, r.Ack, r.Faults)
		}
	}
}
