package engine

import (
	"fmt"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/fanout"
)

// idle is a broker of one loop whose loop the benchmark takes, with so many sessions that are away.
func idle(b *testing.B, sessions int, set func(*Session)) *loop {
	b.Helper()
	cfg := settings()
	cfg.Loops = 1
	set(&cfg.Session)
	broker, err := New(cfg, Parts{})
	if err != nil {
		b.Fatal(err)
	}
	if err := broker.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = broker.Stop(b.Context()) })
	busy, free := make(chan *loop), make(chan struct{})
	broker.loops[0].post(func(l *loop) { busy <- l; <-free })
	b.Cleanup(func() { close(free) }) // before the broker stops
	l := <-busy
	for i := range sessions {
		s := &sess{}
		s.ClientID, s.Expiry = fmt.Sprint("client-", i), session.NeverExpires
		s.Slot, s.Gen = broker.slots.Take(l.id)
		l.setSession(s.Slot, s)
		l.goAway(s, 0)
	}
	return l
}

// What a tick costs of the sweep over sessions, without messages and with a few each.
func BenchmarkSweepOfATick(b *testing.B) {
	for _, queued := range []int{0, 10} {
		b.Run(fmt.Sprintf("queued=%d", queued), func(b *testing.B) {
			l := idle(b, 50_000, func(*Session) {})
			for slot := range uint32(50_000) {
				for range queued {
					m := l.pool.NewMessageParts([]byte("some/topic"), nil, make([]byte, 100), 1, false)
					m.Expires = 1 << 60
					l.enqueue(l.session(slot), &session.Delivery{Open: session.Open{Msg: m}, Size: 110, QoS: 1})
				}
			}
			for b.Loop() {
				l.looking.next = 0
				l.sweepSessions()
			}
		})
	}
}

// What it costs to keep a message for a session that is away, by policy.
func BenchmarkEnqueue(b *testing.B) {
	for _, policy := range []QueuePolicy{DropOldest, Refuse} {
		b.Run(string(policy), func(b *testing.B) {
			l := idle(b, 1, func(s *Session) { s.QueuePolicy = policy })
			s := l.session(0)
			m := l.pool.NewMessageParts([]byte("some/topic"), nil, make([]byte, 100), 1, false)
			for b.Loop() {
				l.enqueue(s, &session.Delivery{Open: session.Open{Msg: m}, Size: 110, QoS: 1})
				if s.Queue.Len() == 1000 {
					for s.Queue.Len() > 0 {
						d := l.dequeue(s)
						l.pool.Release(d.Msg, 1)
					}
				}
			}
		})
	}
}

// What the policy refuse asks of a publisher while no queue is full, and while one of somebody else is.
func BenchmarkAskWhetherAQueueIsFull(b *testing.B) {
	for _, full := range []bool{false, true} {
		b.Run(fmt.Sprintf("full=%v", full), func(b *testing.B) {
			l := idle(b, 11, func(s *Session) { s.QueuePolicy = Refuse })
			var targets []fanout.Target
			for slot := range uint32(10) {
				targets = append(targets, fanout.Target{Slot: slot, Gen: l.session(slot).Gen, QoS: 1})
			}
			if full {
				l.setFull(l.session(10), true)
			}
			plan := &fanout.Plan{ByLoop: [][]fanout.Target{targets}}
			for b.Loop() {
				if l.wouldOverfill(nil, plan) {
					b.Fatal("nobody's queue is full")
				}
			}
		})
	}
}
