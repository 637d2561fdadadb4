package engine

import (
	"slices"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
)

// A plan may be older than the session that has a slot by now: what was routed by it is not for that session.
func TestAMessageIsNotRecordedForTheNextSessionInASlot(t *testing.T) {
	cfg := settings()
	cfg.Loops = 1
	mem := store.NewMemory()
	b, addr := serve(t, cfg, Parts{Store: mem})
	begin := func() {
		c, _ := meet(t, addr, "c", expiry(100)) // with a clean start: its slot is used again
		filters := []client.Filter{{Filter: "t", QoS: 1}, {Filter: "$share/g/s", QoS: 1}}
		if _, err := c.Subscribe(soon(t), filters, func(*client.Message) {}); err != nil {
			t.Fatal(err)
		}
	}
	record := func(routed *routed) (stored bool) {
		onLoop(t, b, 0, func(l *loop) {
			m := l.pool.NewMessageParts([]byte("t"), nil, []byte("x"), 1, false)
			stored = l.storeMessage(m, routed.plan, routed.seqs, routed.picks)
			l.pool.Release(m, 1)
		})
		return stored
	}
	begin()
	direct, shared := route(t, b, "t"), route(t, b, "s")
	if !record(direct) || !record(shared) {
		t.Error("messages for the session were not recorded")
	}
	begin()
	if again := route(t, b, "t"); again.plan.ByLoop[0][0].Slot != direct.plan.ByLoop[0][0].Slot {
		t.Fatal("the next session has another slot")
	}
	if record(direct) || record(shared) {
		t.Error("messages for the session before were recorded for the next one")
	}
}

// routed is what a loop has made of a message's receivers.
type routed struct {
	plan  *fanout.Plan
	seqs  [][]uint64
	picks []pick
}

func route(t *testing.T, b *Broker, topic string) (r *routed) {
	t.Helper()
	onLoop(t, b, 0, func(l *loop) {
		m := l.pool.NewMessageParts([]byte(topic), nil, nil, 1, false)
		defer l.pool.Release(m, 1)
		r = &routed{plan: l.router.Plan([]byte(topic))}
		r.picks = slices.Clone(l.choose(m, r.plan, origin{}))
		for _, seqs := range l.number(r.plan) {
			r.seqs = append(r.seqs, slices.Clone(seqs))
		}
	})
	return r
}
