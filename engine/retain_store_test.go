package engine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// storedTopics is what the store has of retained messages, and heldTopics what the tree has: payloads by topic.
func storedTopics(t *testing.T, mem *store.Memory) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := mem.Recover(soon(t), func(r *store.Record) error {
		if r.Kind == store.RET {
			all[string(r.Message.Topic)] = string(r.Message.Payload)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func heldTopics(b *Broker) map[string]string {
	all := map[string]string{}
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		cursor = b.retained.Scan(cursor, 100, func(topic, v []byte) bool {
			m := b.storedRetained(topic, v, b.now())
			all[string(topic)] = string(m.Payload)
			return false
		})
	}
	return all
}

// Loops that change the same topics at the same moment come to the store in any order. What it holds in the end is what
// the tree does: the newest.
func TestTheStoreEndsWithTheRetainedMessagesOfTheTree(t *testing.T) {
	for _, loops := range []int{1, 2, 4} {
		t.Run(fmt.Sprint(loops, " loops"), func(t *testing.T) {
			cfg := settings()
			cfg.Loops = loops
			mem := store.NewDelayedMemory()
			over := make(chan struct{})
			stepping := make(chan struct{})
			go func() { // commits come late, and many at a time
				defer close(stepping)
				for {
					select {
					case <-over:
						mem.Run()
						return
					case <-time.After(50 * time.Microsecond):
						mem.Step(3)
					}
				}
			}()
			b, _ := serve(t, cfg, Parts{Store: mem})
			t.Cleanup(func() { close(over); <-stepping }) // before the broker's: it waits for the store
			n := 0
			for round := range 100 {
				done := make(chan struct{}, 100)
				sent := 0
				for range 3 {
					for _, l := range b.loops {
						n++
						payload, r := fmt.Append(nil, n), rand.New(rand.NewPCG(uint64(n), 3))
						sent++
						l.post(func(l *loop) {
							topic, expiry := fmt.Append(nil, "t/", r.IntN(2)), time.Duration(0)
							switch r.IntN(6) {
							case 0:
								payload = nil
							case 1:
								expiry = 1 // it is over at once
							}
							l.publishOwn(topic, payload, 1, true, expiry)
							if r.IntN(3) == 0 {
								l.nextSweep = 0
								l.sweep()
							}
							done <- struct{}{}
						})
					}
				}
				for range sent {
					<-done
				}
				onLoop(t, b, 0, func(l *loop) { // what has expired is the sweep's
					for l.nextSweep = 0; l.nextSweep == 0; {
						l.sweep()
					}
				})
				until(t, "the commits", func() bool { return inventory(t, b).Uncommitted == 0 })
				if got, want := storedTopics(t, mem), heldTopics(b); !maps.Equal(got, want) {
					t.Fatalf("round %d: the store has %v, the tree %v", round, got, want)
				}
			}
		})
	}
}

// What is said to be gone is gone, also where somebody else has just said so.
func TestThatARetainedMessageIsGoneIsAcknowledgedWhenItIsCommitted(t *testing.T) {
	mem := store.NewDelayedMemory()
	r := newRelay(t, settings(), Parts{Store: mem})
	commit := func() {
		until(t, "the commits", func() bool { mem.Step(10); return inventory(t, r.Broker).Uncommitted == 0 })
	}
	one, two := r.join("one", fleeting), r.join("two", fleeting)
	retained := func(p *mqtt.Publish) { p.Retain = true }
	one.publish("t", "x", 1, 1, retained)
	until(t, "the message", func() bool { return r.retained.Len() == 1 })
	commit()
	one.expect("puback #1")
	one.publish("t", "", 1, 2, retained)
	one.nothing()
	if r.retained.Len() != 0 {
		t.Error("the message is still there")
	}
	two.publish("t", "", 1, 1, retained)
	two.nothing()
	commit()
	one.expect("puback #2")
	two.expect("puback #1")
	if got := storedTopics(t, mem); len(got) != 0 {
		t.Errorf("stored: %v", got)
	}
	mem.Run()
}
