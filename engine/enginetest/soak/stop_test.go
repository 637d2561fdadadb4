package soak

import (
	"sync"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// TestSoakStopInTheMiddle stops brokers while clients come, go and publish: nothing waits for them, nothing is left.
func TestSoakStopInTheMiddle(t *testing.T) {
	for _, parts := range []engine.Parts{{}, {Authenticator: slow{}, Store: store.NewDelayedMemory()}} {
		s := newStorm(t, rig.Config(3), parts)
		stop := steer(t, parts.Store)
		var wg sync.WaitGroup
		wg.Go(func() { s.rage(rig.Long(t, 400*time.Millisecond)) })
		time.Sleep(rig.Long(t, 250*time.Millisecond))
		s.stopping.Store(true)
		began := time.Now()
		stop()
		s.bury() // for each of them a stop waits two seconds
		s.b.Stop()
		if d := time.Since(began); d > 15*time.Second {
			t.Errorf("Stop took %v", d)
		}
		wg.Wait()
		s.bury()
	}
}
