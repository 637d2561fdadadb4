package engine

import (
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/engine/store"
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

// A client may have answered the PUBLISH before the crash: its exchange is completed, whatever the message's age.
func TestWhatWasSentBeforeACrashDoesNotExpire(t *testing.T) {
	aging := func(p *mqtt.Publish) {
		p.Props.MessageExpiry = 10
		p.Props.Set(mqtt.PropMessageExpiry)
	}
	for name, at := range map[string]struct{ away, dirty bool }{
		"away": {away: true}, "connected": {}, "away, and the store was not closed": {away: true, dirty: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRelay(t, settings(), Parts{Store: store.NewMemory()})
			away := at.away
			r.dirty = at.dirty
			pub := r.join("pub", clean, fleeting)
			c := r.join("c", window(2))
			c.subscribe(0, 2, "t")
			for i, qos := range []byte{2, 1, 1} {
				pub.publish("t", string(rune('a'+i)), qos, uint16(i+1), aging)
				if pub.expect([]string{"puback", "pubrec"}[qos-1] + " #" + string(rune('1'+i))); i < 2 {
					c.expect([]string{"publish t=a q2 #2 expiry 10", "publish t=b q1 #3 expiry 10"}[i])
				}
			}
			if at.dirty { // may have been sent, for all that is known
				pub.publish("t", "d", 1, 4)
				pub.expect("puback #4")
			}
			if c.nothing(); away {
				r.sever(c)
			}
			r.crash()
			want := 3 // all may have been sent
			if away {
				want = 2
			}
			lost := 3 - want
			if at.dirty {
				want++
			}
			r.forward(20 * time.Second)
			left := func() int {
				about, _, _, err := r.Client(soon(t), "c")
				if err != nil {
					t.Fatal(err)
				}
				return about.Queued
			}
			until(t, "an expiry", func() bool { return left() <= want })
			r.forward(20 * time.Second) // another sweep
			if n := left(); n != want {
				t.Errorf("left: got %d messages, want %d", n, want)
			}
			c = r.join("c")
			c.expect("publish t=a q2 #2 dup expiry 0", "publish t=b q1 #3 dup expiry 0")
			if !away {
				c.expect("publish t=c q1 #4 dup expiry 0")
				c.ack(mqtt.PUBACK, 4)
			}
			if at.dirty {
				c.expect("publish t=d q1 #5 dup")
				c.ack(mqtt.PUBACK, 5)
			}
			c.ack(mqtt.PUBREC, 2)
			c.expect("pubrel #2")
			c.ack(mqtt.PUBCOMP, 2)
			c.ack(mqtt.PUBACK, 3)
			c.nothing()
			if n := audit(t, r.Broker, r.mem); n == 0 {
				t.Error("nothing was compared")
			}
			if n := r.Stats().Dropped["expired"]; n != uint64(lost) {
				t.Errorf("expired: got %d, want %d", n, lost)
			}
		})
	}
}
