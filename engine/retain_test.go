package engine

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

func TestAClientThatAsksForEverythingAgainAndAgainPinsItOnce(t *testing.T) {
	cfg := settings()
	cfg.Loops = 1
	b, addr := serve(t, cfg, Parts{})
	const topics = 2000
	for i := range topics {
		if err := b.Publish(soon(t), Message{Topic: fmt.Appendf(nil, "t/%d", i), Payload: make([]byte, 4096), Retain: true}); err != nil {
			t.Fatal(err)
		}
	}
	nc, c := lone(t, b, addr, 0)
	_ = nc.(*net.TCPConn).SetReadBuffer(4096)
	for i := range 50 { // and reads nothing
		p := mqtt.Subscribe{ID: uint16(i + 1), Filters: []mqtt.Subscription{{Filter: []byte("#")}, {Filter: []byte("t/+")}}}
		say(t, nc, p.AppendTo(nil, mqtt.V311, 0))
	}
	say(t, nc, (&mqtt.Unsubscribe{ID: 51, Filters: [][]byte{[]byte("t/+")}}).AppendTo(nil, mqtt.V311, 0))
	refs := 0
	until(t, "the last packet", func() (done bool) {
		onLoop(t, b, 0, func(*loop) {
			if p := c.replay(); p != nil {
				refs = cap(p.refs)
				done = c.sess.Subs.Len() == 1 && len(p.next) == 49
			}
		})
		return done
	})
	if refs > 2*topics {
		t.Errorf("messages remembered: got %d, want %d", refs, topics)
	}
}

func TestRetainedMessagesOfManySubscriptionsComeOneAfterTheOther(t *testing.T) {
	b, addr := serve(t, settings(), Parts{})
	for i := range 300 {
		if err := b.Publish(soon(t), Message{Topic: fmt.Appendf(nil, "%d/%d", i%3, i), Payload: make([]byte, 4096), Retain: true, QoS: 1}); err != nil {
			t.Fatal(err)
		}
	}
	c, _ := meet(t, addr, "c")
	got := make(chan string, 1000)
	seen := map[string]int{}
	filters := []client.Filter{{Filter: "0/#"}, {Filter: "1/+", QoS: 1}, {Filter: "none"}, {Filter: "+/299"}}
	if _, err := c.Subscribe(soon(t), filters, func(m *client.Message) { got <- m.Topic }); err != nil {
		t.Fatal(err)
	}
	for range 201 { // 2/299 for the last filter
		select {
		case topic := <-got:
			seen[topic]++
		case <-time.After(10 * time.Second):
			t.Fatalf("got %d topics, want 201", len(seen))
		}
	}
	if len(seen) != 201 || seen["2/299"] != 1 {
		t.Errorf("got %d topics, of 2/299 %d", len(seen), seen["2/299"])
	}
}

func TestTheBrokersOwnTopicsAreNeitherStoredNorCounted(t *testing.T) {
	cfg := settings()
	cfg.Retain.MaxMessages = 1
	cfg.Sys.Interval = time.Hour
	mem := store.NewMemory()
	b, _ := serve(t, cfg, Parts{Store: mem})
	until(t, "$SYS", func() bool { return inventory(t, b).Retained > 20 })
	if err := b.Stop(soon(t)); err != nil {
		t.Fatal(err)
	}
	err := mem.Reopen().Recover(soon(t), func(r *store.Record) error {
		if r.Kind == store.RET {
			return fmt.Errorf("stored: %s", r.Message.Topic)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
