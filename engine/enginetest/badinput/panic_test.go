package badinput

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/auth"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// clumsy panics whenever it is about somebody or something of that name.
type clumsy struct{}

const trip = "trip"

func tripped(name string) {
	if name == trip {
		panic("over its own feet")
	}
}

func (clumsy) Authenticate(_ context.Context, r *auth.Request) auth.Decision {
	tripped(r.Username)
	return auth.Decision{Result: auth.Allow, Principal: "p"}
}

func (clumsy) Authorize(_ *auth.Identity, _ auth.Action, topic []byte, _ byte, _ bool) auth.Verdict {
	tripped(string(bytes.TrimPrefix(topic, []byte("may/"))))
	return auth.Allowed
}

func (clumsy) Rewrite(_ engine.ClientInfo, m *engine.Message) mqtt.Reason {
	tripped(string(bytes.TrimPrefix(m.Topic, []byte("rewrite/"))))
	return mqtt.Success
}

// A part that panics ends nothing but what it was asked about: who decides has said no, who observes is left out.
func TestPartsThatPanic(t *testing.T) {
	b := rig.Start(t, rig.Config(2), engine.Parts{
		Authenticator: clumsy{}, Authorizer: clumsy{}, Rewriter: clumsy{},
		Hooks: &engine.Hooks{
			Connected:    func(c engine.ClientInfo) { tripped(c.ClientID) },
			Disconnected: func(c engine.ClientInfo, _ mqtt.Reason) { tripped(c.ClientID) },
			Subscribed: func(_ engine.ClientInfo, f []byte, _ mqtt.Reason) {
				tripped(string(bytes.TrimPrefix(f, []byte("hook/"))))
			},
			Unsubscribed: func(_ engine.ClientInfo, f []byte) { tripped(string(bytes.TrimPrefix(f, []byte("hook/")))) },
			Published: func(_ engine.ClientInfo, topic, _ []byte, _ uint8, _ bool) {
				tripped(string(bytes.TrimPrefix(topic, []byte("hook/"))))
			},
		},
	})
	b.MayPanic = true
	n := settle(t, b)
	panics := uint64(0)
	counted := func(what string, more uint64) {
		t.Helper()
		panics += more
		if !rig.Eventually(func() bool { return b.Stats().Panics >= panics }) || b.Stats().Panics != panics {
			t.Errorf("%s: got %d panics counted, want %d", what, b.Stats().Panics, panics)
		}
	}

	refused := dial(t, b, mqtt.V5)
	if ack, err := refused.Connect(&mqtt.Connect{CleanStart: true, ClientID: []byte("c"), HasUsername: true, Username: []byte(trip)}); err != nil || !ack.Reason.Failed() {
		t.Errorf("an authenticator that panics: got %v, %v, want a refusal", ack.Reason, err)
	}
	_ = refused.Close()
	counted("authenticator", 1)

	c := connectAs(t, b, mqtt.V5, &mqtt.Connect{CleanStart: true, ClientID: []byte("c"), HasWill: true, Will: mqtt.Will{Topic: []byte("will"), Payload: []byte("w")}})
	for _, topic := range []string{"may/" + trip, "rewrite/" + trip, "hook/" + trip} {
		p := mqtt.Publish{Topic: []byte(topic), QoS: 1, ID: 1}
		write(t, c, p.AppendTo(nil, c.V))
		ack := mqtt.Ack{Type: mqtt.PUBACK}
		if err := ack.Decode(mqtt.Peer{Version: mqtt.V5, Server: true}, 0, want(t, c, mqtt.PUBACK)); err != nil || ack.Reason.Failed() != (topic[0] != 'h') {
			t.Errorf("publish to %s: got %v, %v", topic, ack.Reason, err)
		}
		counted("publish to "+topic, 1)
	}
	s := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("may/" + trip)}, {Filter: []byte("hook/" + trip)}}}
	write(t, c, s.AppendTo(nil, c.V, 0))
	var ack mqtt.Suback
	if err := ack.Decode(mqtt.Peer{Version: mqtt.V5, Server: true}, 0, want(t, c, mqtt.SUBACK)); err != nil || !ack.Codes[0].Failed() || ack.Codes[1].Failed() {
		t.Errorf("subscribe: got %v, %v, want the first refused", ack.Codes, err)
	}
	counted("subscribe", 2)
	u := mqtt.Unsubscribe{ID: 2, Filters: [][]byte{[]byte("hook/" + trip)}}
	write(t, c, u.AppendTo(nil, c.V, 0))
	want(t, c, mqtt.UNSUBACK)
	counted("unsubscribe", 1)

	for range 4 { // from loop to loop
		old := connect(t, b, mqtt.V5, trip)
		counted("connect", 1)
		connect(t, b, mqtt.V5, trip).Cut()
		want(t, old, mqtt.DISCONNECT)
		_ = old.Close()
		counted("takeover and connection lost", 3)
	}
	n.leave()
	c.Cut()
	b.Forward(time.Hour)
	b.Empty(0)
}

// A subscription of the embedder's that panics costs nobody a message, nor does anybody get another's.
func TestSubscriptionsThatPanic(t *testing.T) {
	b := rig.Start(t, rig.Config(1), engine.Parts{})
	b.MayPanic = true
	n := settle(t, b)
	ctx := context.Background()
	var subs []*engine.Subscription
	for range 2 {
		s, err := b.Subscribe(ctx, "t/#", func(engine.Message) { panic("over its own feet") })
		if err != nil {
			t.Fatal(err)
		}
		subs = append(subs, s)
	}
	c := connect(t, b, mqtt.V311, "c")
	subscribe(t, c, "t/#", 0)
	const messages = 20
	for i := range messages {
		topic := []byte{'t', '/', byte('a' + i)}
		write(t, c, (&mqtt.Publish{Topic: topic, Payload: topic}).AppendTo(nil, c.V))
		var p mqtt.Publish
		if err := p.Decode(mqtt.Peer{Version: c.V, Server: true}, 0, want(t, c, mqtt.PUBLISH)); err != nil || string(p.Topic) != string(topic) {
			t.Errorf("got %q, %v, want %q", p.Topic, err, topic)
		}
	}
	if got, want := b.Stats().Panics, uint64(len(subs)*messages); got != want {
		t.Errorf("panics counted: got %d, want %d", got, want)
	}
	for _, s := range subs {
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	n.leave()
	c.Cut()
	b.Forward(0)
	b.Empty(0)
}
