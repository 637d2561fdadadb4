package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// What is dropped from a queue, for whatever reason, is over in the store too: it does not come back at the next start.
func TestWhatIsDroppedIsTakenBackFromTheStore(t *testing.T) {
	aging := func(p *mqtt.Publish) {
		p.Props.MessageExpiry = 10
		p.Props.Set(mqtt.PropMessageExpiry)
	}
	small := func(n uint32) func(*mqtt.Connect) {
		return func(p *mqtt.Connect) {
			p.Props.MaximumPacketSize = n
			p.Props.Set(mqtt.PropMaximumPacketSize)
		}
	}
	const each = 4 // messages, at QoS 1 and 2 in turn
	publish := func(r *relay, topic string, with ...func(*mqtt.Publish)) {
		pub := r.join("pub", clean, fleeting)
		for i := range each {
			qos := byte(1 + i%2)
			pub.publish(topic, fmt.Sprint(i), qos, uint16(i+1), with...)
			pub.expect(fmt.Sprintf("%s #%d", []string{"puback", "pubrec"}[qos-1], i+1))
		}
		_ = pub.Close()
	}
	away := func(r *relay, filter string) {
		c := r.join("c")
		c.subscribe(0, 2, filter)
		r.sever(c)
	}
	for _, c := range []struct {
		name   string
		reason string
		set    func(s *Session)
		drop   func(r *relay)
		left   int
		drops  int
	}{
		{"the oldest gives way", "queue_full", func(s *Session) { s.MaxQueuedMessages = 1 }, func(r *relay) {
			away(r, "t")
			publish(r, "t")
		}, 1, each - 1},
		{"the newest gives way", "queue_full", func(s *Session) { s.MaxQueuedMessages, s.QueuePolicy = 1, DropNewest }, func(r *relay) {
			away(r, "t")
			publish(r, "t")
		}, 1, each - 1},
		{"all queues together are full", "total_full", func(s *Session) { s.MaxTotalQueuedMessages = 1 }, func(r *relay) {
			away(r, "t")
			publish(r, "t")
		}, 1, each - 1},
		{"the oldest gives way that lies in the store only", "queue_full", func(s *Session) { s.MaxQueuedMessages = each }, func(r *relay) {
			away(r, "t")
			publish(r, "t")
			r.crash()
			publish(r, "t")
		}, each, each},
		{"it expires while it waits", "expired", nil, func(r *relay) {
			away(r, "t")
			publish(r, "t", aging)
			r.forward(20 * time.Second)
			until(r.t, "the sweep", func() bool { return r.Stats().Dropped["expired"] == each })
		}, 0, each},
		{"it expires while it lies in the store only", "expired", nil, func(r *relay) {
			away(r, "t")
			publish(r, "t", aging)
			r.crash()
			r.forward(20 * time.Second)
			until(r.t, "the sweep", func() bool { return r.Stats().Dropped["expired"] == each })
		}, 0, each},
		{"it is larger than the client takes", "too_large", nil, func(r *relay) {
			away(r, "t/+")
			r.join("c", small(40)).nothing()
			publish(r, "t/a-topic-that-does-not-fit-into-forty-bytes")
		}, 0, each},
		{"it is larger than the client takes that comes back", "too_large", nil, func(r *relay) {
			away(r, "t/+")
			publish(r, "t/a-topic-that-does-not-fit-into-forty-bytes")
			r.join("c", small(40)).nothing()
		}, 0, each},
		{"a repeat is larger than the client takes that comes back", "too_large", nil, func(r *relay) {
			w := r.join("c")
			w.subscribe(0, 2, "t/+")
			publish(r, "t/a-topic-that-does-not-fit-into-forty-bytes")
			for range each {
				w.hear()
			}
			r.sever(w)
			r.join("c", small(40)).nothing()
		}, 0, each},
		{"its receiver refuses it", "refused", nil, func(r *relay) {
			w := r.join("c")
			w.subscribe(0, 2, "t")
			publish(r, "t")
			for i := range each {
				w.hear()
				typ := []mqtt.Type{mqtt.PUBACK, mqtt.PUBREC}[i%2]
				w.say(mqtt.AppendAck(nil, typ, uint16(i+2), mqtt.QuotaExceeded, mqtt.V5))
			}
			w.nothing()
		}, 0, each},
		{"its session ends", "session_end", nil, func(r *relay) {
			away(r, "t")
			publish(r, "t")
			if ok, err := r.EndSession(soon(r.t), "c", mqtt.AdministrativeAction); !ok || err != nil {
				r.t.Fatalf("end the session: %v, %v", ok, err)
			}
		}, 0, each},
		{"the only member of a shared subscription ends", "session_end", nil, func(r *relay) {
			away(r, "$share/g/t")
			publish(r, "t")
			r.forward(1001 * time.Second)
			until(r.t, "the end", func() bool { return r.Stats().SessionsEnded["expired"] == 1 })
		}, 0, each},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := settings()
			if c.set != nil {
				c.set(&cfg.Session)
			}
			r := newRelay(t, cfg, Parts{Store: store.NewMemory()})
			c.drop(r)
			audit(t, r.Broker, r.mem)
			if n := r.Stats().Dropped[c.reason]; n != uint64(c.drops) {
				t.Errorf("dropped for %s: got %d, want %d; all: %v", c.reason, n, c.drops, r.Stats().Dropped)
			}
			if n := deliveriesOf(t, r.mem); n != c.left {
				t.Errorf("in the store: got %d deliveries, want %d", n, c.left)
			}
			r.crash()
			if about, _, _, err := r.Client(soon(t), "c"); err != nil || about.Queued != c.left {
				t.Errorf("after a crash: got %d messages, %v, want %d", about.Queued, err, c.left)
			}
		})
	}
}

// deliveriesOf counts what a store has of deliveries.
func deliveriesOf(t *testing.T, st store.Store) (n int) {
	t.Helper()
	for _, a := range storeAccounts(t, st) {
		for words, times := range a {
			if strings.HasPrefix(words, "delivery ") {
				n += times
			}
		}
	}
	return n
}
