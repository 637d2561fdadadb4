package paho

import (
	"testing"

	"github.com/eclipse/paho.golang/paho"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

func TestV5Wills(t *testing.T) {
	t.Parallel()
	b := rig.Start(t)
	watch := connectV5(t, b, fresh("watch"), nil)
	watch.subscribe(paho.SubscribeOptions{Topic: "wills/#", QoS: 2})
	with := func(id string, delay uint32) *paho.Connect {
		c := lasting(id)
		c.WillMessage = &paho.WillMessage{Topic: "wills/" + id, Payload: []byte("gone"), QoS: 1}
		c.WillProperties = &paho.WillProperties{WillDelayInterval: &delay}
		return c
	}
	connectV5(t, b, with("normal", 0), nil).Disconnect(&paho.Disconnect{})
	connectV5(t, b, with("cut", 0), nil).wire.Cut()
	if m := watch.in.take(t, 1)[0]; m.Topic != "wills/cut" || m.QoS != 1 {
		t.Errorf("got %+v, want the will of the client that was cut", m)
	}
	connectV5(t, b, with("wants-it", 0), nil).Disconnect(&paho.Disconnect{ReasonCode: 4})
	if m := watch.in.take(t, 1)[0]; m.Topic != "wills/wants-it" {
		t.Errorf("got %+v, want the will after DISCONNECT 0x04", m)
	}
	connectV5(t, b, with("returns", 1), nil).wire.Cut()
	connectV5(t, b, with("returns", 1), nil)
	connectV5(t, b, with("stays-away", 1), nil).wire.Cut()
	if m := watch.in.take(t, 1)[0]; m.Topic != "wills/stays-away" {
		t.Errorf("got %+v, want the will of the client that did not come back", m)
	}
}

func TestV5SessionResumes(t *testing.T) {
	t.Parallel()
	b := rig.Start(t)
	first := connectV5(t, b, lasting("resumes"), func(config *paho.ClientConfig) {
		config.EnableManualAcknowledgment = true
	})
	if first.connack.SessionPresent {
		t.Error("a session was there before the first connection")
	}
	first.subscribe(paho.SubscribeOptions{Topic: "q", QoS: 2})
	pub := connectV5(t, b, fresh("publishes"), nil)
	pub.publish(&paho.Publish{Topic: "q", QoS: 1, Payload: []byte("unacknowledged")})
	first.in.take(t, 1)
	first.wire.Cut()
	want := append([]string{"unacknowledged"}, numbered("waiting", 50)...)
	for i, p := range want[1:] {
		pub.publish(&paho.Publish{Topic: "q", QoS: byte(1 + i/25), Payload: []byte(p)})
	}

	second := connectV5(t, b, lasting("resumes"), nil)
	if !second.connack.SessionPresent {
		t.Error("CONNACK said no session is present")
	}
	got := second.in.take(t, len(want))
	var payloads []string
	for i, m := range got {
		payloads = append(payloads, m.Payload)
		// The broker may have sent more before it noticed the cut, but repetitions come before what is new.
		if i == 0 && !m.Dup || i > 0 && m.Dup && !got[i-1].Dup {
			t.Errorf("message %d has DUP %v", i, m.Dup)
		}
	}
	same(t, "messages", payloads, want)
	if err := second.Disconnect(&paho.Disconnect{}); err != nil {
		t.Fatal(err)
	}
	if connectV5(t, b, fresh("resumes"), nil).connack.SessionPresent {
		t.Error("Clean Start found a session")
	}
}

func TestV5TakeoverIsAnnounced(t *testing.T) {
	t.Parallel()
	b := rig.Start(t)
	first := connectV5(t, b, fresh("twice"), nil)
	connectV5(t, b, fresh("twice"), nil)
	if d := await(t, "the DISCONNECT", first.said); d.ReasonCode != 0x8E {
		t.Errorf("reason 0x%02X, want 0x8E", d.ReasonCode)
	}
}
