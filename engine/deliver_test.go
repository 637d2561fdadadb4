package engine

import (
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func TestAMessageThatFitsOnlyWithoutAnAliasIsSentWithout(t *testing.T) {
	b, addr := serve(t, settings(), Parts{})
	const most = 64
	c, _ := meet(t, addr, "c", func(o *client.Options) {
		o.Props.MaximumPacketSize, o.Props.TopicAliasMaximum = most, 8
		o.Props.Set(mqtt.PropMaximumPacketSize)
		o.Props.Set(mqtt.PropTopicAliasMaximum)
	})
	got := make(chan int, 8)
	if _, err := c.Subscribe(soon(t), []client.Filter{{Filter: "t"}}, func(m *client.Message) { got <- len(m.Payload) }); err != nil {
		t.Fatal(err)
	}
	full := most - 2 - 2 - len("t") - 1 // headers, topic, no property
	for _, n := range []int{full, full + 1, 1, full - 1, 2} {
		if err := b.Publish(soon(t), Message{Topic: []byte("t"), Payload: make([]byte, n)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{full, 1, full - 1, 2} {
		if n := <-got; n != want {
			t.Errorf("got %d bytes, want %d", n, want)
		}
	}
}

func TestAMessageThatExpiresBetweenLoopsIsNotDelivered(t *testing.T) {
	var clock steered
	b, addr := serve(t, settings(), Parts{Clock: clock.now})
	for i, qos := range []byte{0, 1, 2} {
		c, _ := meet(t, addr, "c")
		got := make(chan string, 8)
		if _, err := c.Subscribe(soon(t), []client.Filter{{Filter: "t", QoS: qos}}, func(m *client.Message) { got <- string(m.Payload) }); err != nil {
			t.Fatal(err)
		}
		home := 0
		onLoop(t, b, 1, func(l *loop) {
			if l.count.online.v.Load() > 0 {
				home = 1
			}
		})
		release := stall(t, b, home)
		for payload, expiry := range map[string]time.Duration{"late": time.Second, "kept": 0} {
			onLoop(t, b, 1-home, func(l *loop) { l.publishOwn([]byte("t"), []byte(payload), qos, false, expiry) })
		}
		clock.forward(time.Second)
		release()
		if p := <-got; p != "kept" {
			t.Errorf("QoS %d: got %q, want %q", qos, p, "kept")
		}
		onLoop(t, b, home, func(*loop) {})
		if n := b.Stats().Dropped["expired"]; n != uint64(i+1) {
			t.Errorf("expired: got %d, want %d", n, i+1)
		}
	}
}
