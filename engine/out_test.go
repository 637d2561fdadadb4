package engine

import (
	"testing"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func TestAPacketOfPropertiesLeavesTheLoopNoLargeBuffer(t *testing.T) {
	cfg := settings()
	cfg.Loops = 1
	b, addr := serve(t, cfg, Parts{})
	c, _ := meet(t, addr, "c")
	got := make(chan int, 1)
	if _, err := c.Subscribe(soon(t), []client.Filter{{Filter: "t"}}, func(m *client.Message) { got <- len(m.Props.User) }); err != nil {
		t.Fatal(err)
	}
	m := client.Message{Topic: "t"}
	for range 14 {
		m.Props.User = append(m.Props.User, mqtt.UserProperty{Name: []byte("n"), Value: make([]byte, 60000)})
		for i := range m.Props.User[0].Value {
			m.Props.User[len(m.Props.User)-1].Value[i] = 'v'
		}
	}
	if err := c.Publish(soon(t), m); err != nil {
		t.Fatal(err)
	}
	if n := <-got; n != 14 {
		t.Errorf("user properties: got %d, want 14", n)
	}
	onLoop(t, b, 0, func(l *loop) {
		if n := cap(l.scratch); n > 4*scratchSize {
			t.Errorf("the loop keeps %d bytes to encode into", n)
		}
	})
}
