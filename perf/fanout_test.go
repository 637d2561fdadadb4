package perf

import (
	"fmt"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

// BenchmarkFanoutFrames is one message to 500 receivers of mixed forms, up to the bytes of their writes: the copy, a frame
// a form, a sequence number and a head each. An operation is a delivery.
func BenchmarkFanoutFrames(b *testing.B) {
	const receivers = 500
	forms := []fanout.Form{{QoS: 0}, {QoS: 1}, {V5: true}, {V5: true, QoS: 1}}
	for _, payload := range []int{64, 16 << 10} {
		for _, n := range []int{1, len(forms)} {
			b.Run(fmt.Sprintf("%dB/forms%d", payload, n), func(b *testing.B) {
				p := &mqtt.Publish{QoS: 1, Topic: []byte(topic), Payload: make([]byte, payload)}
				var pool fanout.Pool
				var remembered fanout.Forms
				var m *fanout.Message
				out := make([]byte, 0, 64<<10)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if i%receivers == 0 {
						if m != nil {
							remembered.Done(&pool)
							pool.Release(m, 1)
						}
						m = pool.NewMessage(p)
					}
					f := remembered.Get(&pool, m, forms[i%n], 0)
					f.Hold()
					if len(out) > 60<<10 {
						out = out[:0]
					}
					out = f.AppendHead(out, uint16(i))
					pool.ReleaseFrame(f)
					i++
				}
			})
		}
	}
}

// BenchmarkFanoutPlan builds the plan of a topic that 500 sessions subscribed to, each with one or with five overlapping
// filters. It is what the first message of a topic pays, and the first after a change of its subscriptions.
func BenchmarkFanoutPlan(b *testing.B) {
	const sessions = 500
	overlapping := []string{topic, "perf/+/x", "perf/#", "+/path/x", "#"}
	for _, filters := range []int{1, len(overlapping)} {
		b.Run(fmt.Sprintf("filters%d", filters), func(b *testing.B) {
			index, slots := trie.NewIndex(), fanout.NewSlots()
			for i := range sessions {
				n, gen := slots.Take(uint32(i % 2))
				for k, f := range overlapping[:filters] {
					index.Subscribe([]byte(f), fanout.Target{Slot: n, Gen: gen, QoS: 1, ID: uint32(k)}.Sub())
				}
			}
			router := fanout.NewRouter(index, fanout.NewGroups(), slots, 2)
			b.ReportAllocs()
			for b.Loop() {
				router.Forget()
				router.Plan([]byte(topic))
			}
		})
	}
}

// BenchmarkFanoutChoose picks a member of a shared subscription with 10 members, all of them online, half of them busy.
func BenchmarkFanoutChoose(b *testing.B) {
	for s := fanout.RoundRobin; ; s++ {
		if _, err := fanout.ParseStrategy(s.String()); err != nil {
			b.Fatal(err)
		}
		b.Run(s.String(), func(b *testing.B) {
			groups, slots := fanout.NewGroups(), fanout.NewSlots()
			var group *fanout.Group
			for i := range uint32(10) {
				n, gen := slots.Take(i % 2)
				slots.SetFlags(n, fanout.SlotOnline|i%2*fanout.SlotBusy, 0)
				group, _, _ = groups.Join("$share/g/t", fanout.Target{Slot: n, Gen: gen, QoS: 1})
			}
			b.ReportAllocs()
			choice := fanout.Choice{Strategy: s, Except: fanout.NoSlot}
			for b.Loop() {
				choice.TopicHash++
				choice.ClientHash++
				if _, ok := group.Choose(slots, choice); !ok {
					b.Fatal("nobody was chosen")
				}
			}
		})
		if s == fanout.LocalFirst {
			return
		}
	}
}

// BenchmarkFanoutInbox passes messages from loop to loop, in batches of a window: an operation is one item.
func BenchmarkFanoutInbox(b *testing.B) {
	var inbox fanout.Inbox
	batch := make([]fanout.Item, window)
	var spare []fanout.Item
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i++; i%window == 0 {
			inbox.Push(batch)
			taken := inbox.Drain(spare)
			spare = taken
		}
	}
}
