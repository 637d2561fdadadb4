package badinput

import (
	"fmt"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// A client that ends its side of the socket and goes on listening is gone: its will is published, and the broker closes.
func TestConnectionsThatAreHalfClosed(t *testing.T) {
	s := build(t, func(cfg *engine.Config) { listener(cfg, "proxy").Auth = engine.AnonymousAlways })
	wills := s.enter("tcp", "wills")
	subscribe(t, wills, "will", 0)
	for _, name := range everyKind {
		for _, part := range []int{0, 7} { // bytes of a packet on their way
			id := fmt.Sprint(name, part)
			c := s.open(name)
			ack, err := c.Connect(&mqtt.Connect{ClientID: []byte(id), CleanStart: true, HasWill: true, Will: mqtt.Will{Topic: []byte("will"), Payload: []byte(id)}})
			if err != nil || ack.Reason != mqtt.Success {
				t.Fatalf("connect %q: %v, %v", id, ack.Reason, err)
			}
			if part > 0 {
				write(t, c, (&mqtt.Publish{Topic: []byte("will"), Payload: []byte("half")}).AppendTo(nil, mqtt.V5)[:part])
			}
			if err := c.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			h, body, err := wills.Next(rig.Patience)
			if err != nil {
				t.Fatalf("%s: %v, want its will", id, err)
			}
			got, err := wills.Decode(h, body)
			if m, ok := got.(*mqtt.Publish); err != nil || !ok || string(m.Payload) != id {
				t.Fatalf("%s: got %v % X, %v, want its will", id, h.Type, body, err)
			}
			s.ended(id, c)
		}
		s.refused("half closed", name, map[string]uint64{})
	}
	s.leave()
}

// TLS has an end of its own: close_notify says the same while the socket is open both ways.
func TestCloseNotifyIsTheEndOfAClient(t *testing.T) {
	s := build(t, nil)
	wills := s.enter("tcp", "wills")
	subscribe(t, wills, "will", 0)
	c := s.dial("tls")
	over, err := c.Secure(s.trusting())
	if err != nil {
		t.Fatal(err)
	}
	ack, err := c.Connect(&mqtt.Connect{ClientID: []byte("c"), CleanStart: true, HasWill: true, Will: mqtt.Will{Topic: []byte("will"), Payload: []byte("gone")}})
	if err != nil || ack.Reason != mqtt.Success {
		t.Fatalf("connect: %v, %v", ack.Reason, err)
	}
	if err := over.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	want(t, wills, mqtt.PUBLISH)
	s.ended("close_notify", c)
	s.refused("close_notify", "tls", map[string]uint64{})
	s.leave()
}
