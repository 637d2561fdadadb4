package engine

import (
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
)

func TestTimersAreAlwaysAheadHoweverLongTheyAre(t *testing.T) {
	for _, d := range []time.Duration{
		0, 1, time.Second, 24 * time.Hour, 300_000_000 * time.Second, 429_496_730 * time.Second,
		(session.NeverExpires - 1) * time.Second, session.NeverExpires * time.Second, 1<<63 - 1,
	} {
		for _, now := range []uint32{10, 1 << 31, 1<<32 - 1<<22} {
			l := &loop{tick: now}
			if at := l.tick + ticks(d); int32(at-l.tick) < 0 {
				t.Errorf("ticks(%v) at %d: got %d, which has passed", d, now, at)
			}
			if at := l.after(d); at != 0 && int32(at-l.tick) <= 0 {
				t.Errorf("after(%v) at %d: got %d, which has passed", d, now, at)
			}
		}
	}
}

func TestASessionOfYearsIsThereAfterItsConnection(t *testing.T) {
	var clock steered
	b, addr := serve(t, settings(), Parts{Clock: clock.now})
	for i, seconds := range []uint32{session.NeverExpires - 1, 500_000_000, 429_496_730, 300_000_000, 100_000_000} {
		id, kept := string(rune('a'+i)), keeping(client.NewSession())
		c, _ := meet(t, addr, id, expiry(seconds), kept)
		if err := c.Disconnect(soon(t), 0); err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		clock.forward(24 * time.Hour)
		passed(t, b, clock.now())
		if _, ack := meet(t, addr, id, expiry(seconds), kept); !ack.SessionPresent {
			t.Errorf("expiry of %d s: no session after a day", seconds)
		}
	}
}
