package paho

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// deaths is how often a broker dies in each of these tests, and window how many messages a publisher has open at most.
const (
	deaths = 4
	window = 10
)

// Clients of 3.1.1 that reconnect by themselves and keep their half of the session in memory.
func TestV3LosesNothingWhenTheBrokerDies(t *testing.T) {
	rig.EachDeath(t, func(t *testing.T, m *rig.Mortal) {
		book := rig.NewBook()
		options := func(id string) *mqtt.ClientOptions {
			return mqtt.NewClientOptions().AddBroker("tcp://" + m.Addr).SetProtocolVersion(4).SetClientID(id).SetCleanSession(false).SetStore(mqtt.NewOrderedMemoryStore()).
				SetConnectRetry(true).SetConnectRetryInterval(20 * time.Millisecond).SetMaxReconnectInterval(20 * time.Millisecond)
		}
		got := func(_ mqtt.Client, p mqtt.Message) { book.Got(string(p.Payload()), p.Duplicate()) }
		sub, _ := connectV3(t, options("sub").SetDefaultPublishHandler(got))
		done(t, "subscribe", sub.Subscribe("crash/#", 2, got))

		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		var publishers sync.WaitGroup
		for qos := byte(1); qos <= 2; qos++ {
			pub, _ := connectV3(t, options(fmt.Sprint("pub", qos)))
			publishers.Go(func() { publishV3(ctx, t, pub, qos, book) })
		}
		m.Deaths(deaths, book.Promised, 100)
		stop()
		publishers.Wait()
		book.Settle(t, func() {})
		book.Check(t, rig.Part{}) // it repeats a PUBLISH after its PUBREC, and sends new ones between those that it repeats
	})
}

// publishV3 publishes until ctx is done, and waits for what is open then.
func publishV3(ctx context.Context, t *testing.T, c mqtt.Client, qos byte, book *rig.Book) {
	topic := fmt.Sprint("crash/", qos)
	open := make(chan struct{}, window)
	var acks sync.WaitGroup
	for n := 0; ctx.Err() == nil; n++ {
		open <- struct{}{}
		text := rig.Text(topic, n)
		token := c.Publish(topic, qos, false, text)
		acks.Go(func() {
			defer func() { <-open }()
			if !token.WaitTimeout(rig.Patience) {
				t.Errorf("%q has no acknowledgement within %v", text, rig.Patience)
			} else if token.Error() == nil {
				book.Acked(text)
			}
		})
	}
	acks.Wait()
}

// Clients of 5.0 that do the same.
func TestAutopahoLosesNothingWhenTheBrokerDies(t *testing.T) {
	rig.EachDeath(t, func(t *testing.T, m *rig.Mortal) {
		book := rig.NewBook()
		connect := func(id string, got func(paho.PublishReceived) (bool, error)) *autopaho.ConnectionManager {
			t.Helper()
			life, end := context.WithCancel(context.Background())
			t.Cleanup(end)
			c, err := autopaho.NewConnection(life, autopaho.ClientConfig{
				ServerUrls: []*url.URL{{Scheme: "mqtt", Host: m.Addr}}, KeepAlive: 30, SessionExpiryInterval: 3600,
				CleanStartOnInitialConnection: true, ReconnectBackoff: autopaho.NewConstantBackoff(20 * time.Millisecond),
				ClientConfig: paho.ClientConfig{ClientID: id, OnPublishReceived: []func(paho.PublishReceived) (bool, error){got}},
			})
			if err == nil {
				err = c.AwaitConnection(deadline(t))
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Disconnect(deadline(t)) })
			return c
		}
		sub := connect("sub", func(p paho.PublishReceived) (bool, error) {
			book.Got(string(p.Packet.Payload), p.Packet.Duplicate())
			return true, nil
		})
		if _, err := sub.Subscribe(deadline(t), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "crash/#", QoS: 2}}}); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		var publishers sync.WaitGroup
		for qos := byte(1); qos <= 2; qos++ {
			pub := connect(fmt.Sprint("pub", qos), func(paho.PublishReceived) (bool, error) { return true, nil })
			publishers.Go(func() { publishV5(ctx, t, pub, qos, book) })
		}
		m.Deaths(deaths, book.Promised, 50)
		stop()
		publishers.Wait()
		book.Settle(t, func() {})
		book.Check(t, rig.Part{Ordered: true, Once: true, ByDup: true})
	})
}

// publishV5 publishes one message after the other. Of one that was under way when the connection ended paho.golang says nothing
// more, but sends it again.
func publishV5(ctx context.Context, t *testing.T, c *autopaho.ConnectionManager, qos byte, book *rig.Book) {
	topic := fmt.Sprint("crash/", qos)
	for n := 0; ctx.Err() == nil; n++ {
		if err := c.AwaitConnection(ctx); err != nil {
			return
		}
		text := rig.Text(topic, n)
		_, err := c.Publish(deadline(t), &paho.Publish{Topic: topic, QoS: qos, Payload: []byte(text)})
		switch {
		case err == nil:
			book.Acked(text)
		case errors.Is(err, context.DeadlineExceeded):
			t.Errorf("publish %q: %v", text, err)
		}
	}
}
