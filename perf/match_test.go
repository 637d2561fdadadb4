package perf

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

// filter is the n-th of a realistic set: 70 % exact, 22 % with one +, 8 % with #, and of different lengths.
func filter(r *rand.Rand, n int) []byte {
	switch dev, x := n/3, r.IntN(100); {
	case x < 70:
		return fmt.Appendf(nil, "site/%d/dev/%d/%s", dev%1000, dev, [3]string{"temp", "hum", "cmd"}[n%3])
	case x < 82:
		return fmt.Appendf(nil, "site/%d/dev/%d/+", dev%1000, dev)
	case x < 92:
		return fmt.Appendf(nil, "site/+/dev/%d/temp", dev)
	case x < 99:
		return fmt.Appendf(nil, "site/%d/dev/%d/#", dev%1000, dev)
	default:
		return fmt.Appendf(nil, "zone/%d/s%d/#", r.IntN(1000), dev)
	}
}

// wayTo is a router over so many sessions with a subscription each, on two loops, and topics that reach some of them.
func wayTo(sessions int) (router *fanout.Router, slots *fanout.Slots, topics [][]byte) {
	r := rand.New(rand.NewPCG(1, 1))
	index, groups := trie.NewIndex(), fanout.NewGroups()
	slots = fanout.NewSlots()
	for i := range sessions {
		n, gen := slots.Take(uint32(i % 2))
		index.Subscribe(filter(r, i), fanout.Target{Slot: n, Gen: gen, QoS: 1}.Sub())
	}
	for range 100_000 {
		dev := r.IntN(sessions / 3)
		topics = append(topics, fmt.Appendf(nil, "site/%d/dev/%d/temp", dev%1000, dev))
	}
	return fanout.NewRouter(index, groups, slots, 2), slots, topics
}

// BenchmarkMatchPlan is the way from a topic to its receivers, grouped by loop, among 200,000 subscriptions: with the
// topic remembered, with one never seen, and with all plans stale because a session changed its loop.
func BenchmarkMatchPlan(b *testing.B) {
	const sessions, warm = 200_000, 1000
	router, slots, topics := wayTo(sessions)
	for _, c := range []struct {
		name   string
		topics [][]byte
		before func(i int)
	}{
		{"remembered", topics[:warm], func(int) {}},
		{"new", topics, func(i int) {
			if i%len(topics) == 0 {
				router.Forget()
			}
		}},
		{"moved", topics[:warm], func(i int) { slots.Move(uint32(i%sessions), uint32(i%2)) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			i, receivers := 0, 0
			for b.Loop() {
				c.before(i)
				for _, targets := range router.Plan(c.topics[i%len(c.topics)]).ByLoop {
					receivers += len(targets)
				}
				i++
			}
			b.ReportMetric(float64(receivers)/float64(i), "receivers/op")
		})
	}
}
