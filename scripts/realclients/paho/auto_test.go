package paho

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// managed is an autopaho connection that subscribes to state/# whenever it is up.
type managed struct {
	*autopaho.ConnectionManager
	in   *inbox
	up   chan *paho.Connack // after the SUBACK
	down chan struct{}
}

func manage(t *testing.T, b *rig.Broker, id string) *managed {
	t.Helper()
	ctx := deadline(t)
	m := &managed{in: newInbox(), up: make(chan *paho.Connack, 8), down: make(chan struct{}, 8)}
	var err error
	m.ConnectionManager, err = autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls:                    []*url.URL{{Scheme: "mqtt", Host: b.Addr}},
		KeepAlive:                     30,
		CleanStartOnInitialConnection: true,
		SessionExpiryInterval:         60,
		ReconnectBackoff:              autopaho.NewConstantBackoff(50 * time.Millisecond),
		OnConnectionUp: func(c *autopaho.ConnectionManager, connack *paho.Connack) {
			go func() {
				o := []paho.SubscribeOptions{{Topic: "state/#", QoS: 2}}
				if _, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: o}); err == nil {
					m.up <- connack
				}
			}()
		},
		OnConnectionDown: func() bool {
			m.down <- struct{}{}
			return true
		},
		ClientConfig: paho.ClientConfig{
			ClientID: id,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
				m.in.v5(r.Packet)
				return true, nil
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Disconnect(deadline(t)) }) // as good as it gets at the end
	return m
}

// The connection breaks, the session does not: nothing is lost and nothing comes twice.
func TestAutopahoResumesItsSession(t *testing.T) {
	t.Parallel()
	b := rig.Start(t)
	m := manage(t, b, "managed")
	if await(t, "the connection", m.up).SessionPresent {
		t.Error("a session was there before the first connection")
	}
	pub := connectV5(t, b, fresh("publishes"), nil)
	want := numbered("message", 200)
	for i, p := range want {
		if i%50 == 25 {
			m.TerminateConnectionForTest()
		}
		pub.publish(&paho.Publish{Topic: "state/x", QoS: 2, Payload: []byte(p)})
		if i%50 == 25 && !await(t, "the next connection", m.up).SessionPresent {
			t.Error("CONNACK said no session is present")
		}
	}
	same(t, "messages", m.in.payloads(t, len(want)), want)
}

// The broker dies with everything it knew: the client comes back, subscribes again and sends what it queued meanwhile.
func TestAutopahoOutlivesTheBroker(t *testing.T) {
	t.Parallel()
	b := rig.Start(t)
	m := manage(t, b, "managed")
	await(t, "the connection", m.up)
	if _, err := m.Publish(deadline(t), &paho.Publish{Topic: "state/x", QoS: 1, Payload: []byte("before")}); err != nil {
		t.Fatal(err)
	}
	same(t, "before", m.in.payloads(t, 1), []string{"before"})

	b.Kill()
	await(t, "the loss to be noticed", m.down) // before, the message would be part of a session that dies with the broker
	if err := m.PublishViaQueue(deadline(t), &autopaho.QueuePublish{Publish: &paho.Publish{Topic: "state/x", QoS: 1, Retain: true, Payload: []byte("meanwhile")}}); err != nil {
		t.Fatal(err)
	}
	b.Restart()
	if await(t, "the connection to the new broker", m.up).SessionPresent {
		t.Error("the new broker claims to know the session")
	}
	// Retained, because the client may send it before it has subscribed again.
	w := connectV5(t, b, fresh("watch"), nil)
	w.subscribe(paho.SubscribeOptions{Topic: "state/#", QoS: 1})
	same(t, "from the queue", w.in.payloads(t, 1), []string{"meanwhile"})
	w.publish(&paho.Publish{Topic: "state/x", QoS: 1, Payload: []byte("after")})
	rig.Eventually(t, "the message after the restart", func() bool {
		return slices.ContainsFunc(m.in.all(), func(r received) bool { return r.Payload == "after" })
	})
}
