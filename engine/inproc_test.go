package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func TestMessagesGoInAndOutWithoutASocket(t *testing.T) {
	b, addr := serve(t, settings(), Parts{})
	if err := b.Publish(soon(t), Message{Topic: []byte("a/kept"), Payload: []byte("0"), Retain: true}); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 8)
	sub, err := b.Subscribe(soon(t), "a/#", func(m Message) { got <- string(m.Topic) + " " + string(m.Payload) })
	if err != nil {
		t.Fatal(err)
	}
	c, _ := meet(t, addr, "c")
	if _, err := c.Subscribe(soon(t), []client.Filter{{Filter: "a/+", QoS: 2, NoLocal: true, RetainHandling: 2}}, func(m *client.Message) {
		got <- "client " + string(m.Payload)
	}); err != nil {
		t.Fatal(err)
	}
	wants := func(want ...string) {
		t.Helper()
		left := map[string]int{}
		for _, w := range want {
			left[w]++
		}
		for range want {
			left[<-got]--
		}
		for w, n := range left {
			if n != 0 {
				t.Errorf("%q: missing %d", w, n)
			}
		}
	}
	wants("a/kept 0")
	if err := c.Publish(soon(t), client.Message{Topic: "a/b", Payload: []byte("1"), QoS: 2}); err != nil {
		t.Fatal(err)
	}
	wants("a/b 1")
	if err := b.Publish(soon(t), Message{Topic: []byte("a/b"), Payload: []byte("2"), QoS: 2}); err != nil {
		t.Fatal(err)
	}
	wants("a/b 2", "client 2")
	for range 2 { // the second says nothing new
		if err := sub.Close(soon(t)); err != nil {
			t.Error(err)
		}
	}
	if err := b.Publish(soon(t), Message{Topic: []byte("a/b"), Payload: []byte("3")}); err != nil {
		t.Fatal(err)
	}
	wants("client 3")
	if v := inventory(t, b); v.Subscriptions != 1 || v.Sessions != 1 || v.Slots != 1 {
		t.Errorf("after the end of the subscription: %+v", v) // the client's
	}
}

func TestWhatNoClientMayPublishOrSubscribeIsRefused(t *testing.T) {
	b, _ := serve(t, settings(), Parts{})
	for want, m := range map[error]Message{
		mqtt.TopicNameInvalid: {Topic: []byte("a/+")},
		mqtt.QoSNotSupported:  {Topic: []byte("a"), QoS: 3},
		mqtt.PacketTooLarge:   {Topic: []byte("a"), Payload: make([]byte, mqtt.MaxRemaining)},
	} {
		if err := b.Publish(soon(t), m); !errors.Is(err, want) {
			t.Errorf("publish to %q: got %v, want %v", m.Topic, err, want)
		}
	}
	for _, topic := range []string{"", "a\x00", "\xff"} {
		if err := b.Publish(soon(t), Message{Topic: []byte(topic)}); !errors.Is(err, mqtt.TopicNameInvalid) {
			t.Errorf("publish to %q: got %v", topic, err)
		}
	}
	for _, filter := range []string{"", "a/#/b", "$share/g/a"} {
		if _, err := b.Subscribe(soon(t), filter, func(Message) {}); !errors.Is(err, mqtt.TopicFilterInvalid) {
			t.Errorf("subscribe to %q: got %v", filter, err)
		}
	}
}

func TestASubscribeThatRanOutOfTimeLeavesNothing(t *testing.T) {
	cfg := settings()
	cfg.Loops = 1
	b, _ := serve(t, cfg, Parts{})
	release := stall(t, b, 0)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := b.Subscribe(ctx, "#", func(Message) {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("subscribe: got %v, want %v", err, context.DeadlineExceeded)
	}
	if found, err := b.Disconnect(ctx, "nobody", 0); found || err != nil {
		t.Errorf("disconnect of nobody: got %v %v", found, err)
	}
	release()
	until(t, "an empty broker", func() bool { return inventory(t, b) == (Inventory{}) })
}

func TestDisconnectFindsAClientWhereverItIs(t *testing.T) {
	b, addr := serve(t, settings(), Parts{})
	var all []*client.Client
	for _, id := range []string{"a", "b", "c", "d"} {
		c, _ := meet(t, addr, id, expiry(100))
		all = append(all, c)
	}
	for i, id := range []string{"a", "b", "c", "d"} {
		for _, want := range []bool{true, false} { // the second finds a session without a connection
			if found, err := b.Disconnect(soon(t), id, mqtt.UseAnotherServer); err != nil || found != want {
				t.Errorf("%s: got %v %v, want %v", id, found, err, want)
			}
		}
		<-all[i].Done()
		if !errors.Is(all[i].Err(), mqtt.UseAnotherServer) {
			t.Errorf("%s was told %v", id, all[i].Err())
		}
	}
	if v := inventory(t, b); v.Sessions != 4 {
		t.Errorf("sessions: got %d, want 4", v.Sessions)
	}
}

func TestNothingGoesInOrOutOfABrokerThatDoesNotRun(t *testing.T) {
	b := unstarted(t, settings(), Parts{})
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	sub, err := b.Subscribe(soon(t), "#", func(Message) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Stop(soon(t)); err != nil {
		t.Fatal(err)
	}
	_, subscribe := b.Subscribe(soon(t), "#", func(Message) {})
	_, count := b.Inventory(soon(t))
	for what, err := range map[string]error{
		"publish": b.Publish(soon(t), Message{Topic: []byte("t")}), "subscribe": subscribe, "close": sub.Close(soon(t)), "inventory": count,
	} {
		if !errors.Is(err, ErrStopped) {
			t.Errorf("%s: got %v, want %v", what, err, ErrStopped)
		}
	}
	if found, err := b.Disconnect(soon(t), "c", 0); found || err != nil && !errors.Is(err, ErrStopped) {
		t.Errorf("disconnect: got %v %v", found, err)
	}
}

// The first message is routed and not yet on its way to the subscriber's loop when the second is published.
func TestMessagesOfATopicPublishedInProcessArriveInOrder(t *testing.T) {
	b, addr := serve(t, settings(), Parts{})
	c, _ := meet(t, addr, "c")
	home := 0
	onLoop(t, b, 1, func(l *loop) {
		if l.count.online.v.Load() > 0 {
			home = 1
		}
	})
	topic := "t"
	for b.pickFor([]byte(topic)) == b.loops[home] {
		topic += "t"
	}
	got := make(chan string, 2)
	if _, err := c.Subscribe(soon(t), []client.Filter{{Filter: topic, QoS: 1}}, func(m *client.Message) { got <- string(m.Payload) }); err != nil {
		t.Fatal(err)
	}
	publish := func(payload string) <-chan error {
		done := make(chan error, 1)
		go func() { done <- b.Publish(soon(t), Message{Topic: []byte(topic), Payload: []byte(payload), QoS: 1}) }()
		return done
	}
	l := b.loops[1-home]
	release, gate := stall(t, b, 1-home), make(chan struct{})
	first := publish("first")
	until(t, "the first message in the inbox", func() bool { return l.inbox.Len() == 1 })
	l.post(func(*loop) { <-gate })
	release()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	second := publish("second")
	until(t, "the second message behind the first, or before it", func() bool { return l.inbox.Len() > 0 || len(second) > 0 })
	close(gate)
	for _, want := range []string{"first", "second"} {
		if p := <-got; p != want {
			t.Errorf("got %q, want %q", p, want)
		}
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
}
