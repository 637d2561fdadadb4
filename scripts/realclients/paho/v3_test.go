package paho

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// eachV3 runs a test in both versions, side by side on one broker.
func eachV3(t *testing.T, test func(t *testing.T, b *rig.Broker, version uint)) {
	t.Helper()
	t.Parallel()
	b := rig.Start(t)
	for _, v := range []struct {
		name    string
		version uint
	}{{"3.1", 3}, {"3.1.1", 4}} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			test(t, b, v.version)
		})
	}
}

func optionsV3(b *rig.Broker, version uint, id string) *mqtt.ClientOptions {
	return mqtt.NewClientOptions().AddBroker("tcp://" + b.Addr).SetProtocolVersion(version).SetClientID(id).SetAutoReconnect(false)
}

func done(t *testing.T, what string, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(rig.Patience) {
		t.Fatalf("%s: no answer within %v", what, rig.Patience)
	}
	if err := token.Error(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// connectV3 returns a connected client and whether the server had a session for it.
func connectV3(t *testing.T, o *mqtt.ClientOptions) (c mqtt.Client, sessionPresent bool) {
	t.Helper()
	c = mqtt.NewClient(o)
	token := c.Connect()
	done(t, "connect", token)
	t.Cleanup(func() { c.Disconnect(0) })
	return c, token.(*mqtt.ConnectToken).SessionPresent()
}

func (i *inbox) v3(_ mqtt.Client, m mqtt.Message) {
	i.put(received{m.Topic(), string(m.Payload()), m.Qos(), m.Retained(), m.Duplicate()})
}

func TestV3OrderedExchange(t *testing.T) {
	eachV3(t, func(t *testing.T, b *rig.Broker, version uint) {
		for qos := byte(0); qos <= 2; qos++ {
			topic, in := fmt.Sprint(topic(t), "/", qos), newInbox()
			sub, _ := connectV3(t, optionsV3(b, version, fmt.Sprint("ordered-sub-", version)))
			done(t, "subscribe", sub.Subscribe(topic, qos, in.v3))
			pub, _ := connectV3(t, optionsV3(b, version, fmt.Sprint("ordered-pub-", version)))
			want := numbered("message", 400)
			var tokens []mqtt.Token
			for _, p := range want {
				tokens = append(tokens, pub.Publish(topic, qos, false, p))
			}
			for _, token := range tokens {
				done(t, "publish", token)
			}
			got := in.take(t, len(want))
			if got[0].QoS != qos || got[0].Topic != topic || got[0].Retain || got[0].Dup {
				t.Errorf("got %+v, want topic %s, QoS %d and no flags", got[0], topic, qos)
			}
			var payloads []string
			for _, m := range got {
				payloads = append(payloads, m.Payload)
			}
			same(t, fmt.Sprint("QoS ", qos), payloads, want)
		}
	})
}

func TestV3Retained(t *testing.T) {
	eachV3(t, func(t *testing.T, b *rig.Broker, version uint) {
		c, _ := connectV3(t, optionsV3(b, version, fmt.Sprint("retained-", version)))
		done(t, "publish", c.Publish(topic(t)+"/a", 1, true, "kept"))
		in := newInbox()
		done(t, "subscribe", c.Subscribe(topic(t)+"/+", 2, in.v3))
		if m := in.take(t, 1)[0]; !m.Retain || m.Payload != "kept" || m.QoS != 1 {
			t.Errorf("got %+v, want the retained message at QoS 1", m)
		}
		done(t, "clear", c.Publish(topic(t)+"/a", 1, true, ""))
		if m := in.take(t, 1)[0]; m.Retain || m.Payload != "" {
			t.Errorf("got %+v, want the empty message without the flag", m)
		}
		done(t, "unsubscribe", c.Unsubscribe(topic(t)+"/+"))
		done(t, "subscribe again", c.Subscribe(topic(t)+"/+", 2, in.v3))
		done(t, "publish", c.Publish(topic(t)+"/b", 1, false, "end"))
		if m := in.take(t, 1)[0]; m.Payload != "end" {
			t.Errorf("got %+v, want nothing retained any more", m)
		}
	})
}

// viaWire has a client connect through a connection that the test can cut.
func viaWire(t *testing.T, b *rig.Broker, o *mqtt.ClientOptions) *wire {
	w := dial(t, b)
	o.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return w, nil })
	return w
}

func TestV3Will(t *testing.T) {
	eachV3(t, func(t *testing.T, b *rig.Broker, version uint) {
		in := newInbox()
		watch, _ := connectV3(t, optionsV3(b, version, fmt.Sprint("watch-", version)))
		done(t, "subscribe", watch.Subscribe(topic(t), 2, in.v3))

		leaves, _ := connectV3(t, optionsV3(b, version, fmt.Sprint("leaves-", version)).SetWill(topic(t), "left", 1, false))
		leaves.Disconnect(250)
		done(t, "publish", watch.Publish(topic(t), 1, false, "nobody died"))
		same(t, "after DISCONNECT", in.payloads(t, 1), []string{"nobody died"})

		o := optionsV3(b, version, fmt.Sprint("dies-", version)).SetWill(topic(t), "died", 2, false)
		w := viaWire(t, b, o)
		connectV3(t, o)
		w.Cut()
		if m := in.take(t, 1)[0]; m.Payload != "died" || m.QoS != 2 {
			t.Errorf("got %+v, want the will at QoS 2", m)
		}
	})
}

func TestV3SessionResumes(t *testing.T) {
	eachV3(t, func(t *testing.T, b *rig.Broker, version uint) {
		topic, id := topic(t), fmt.Sprint("resumes-", version)
		in := newInbox()
		options := func() *mqtt.ClientOptions {
			return optionsV3(b, version, id).SetCleanSession(false).SetDefaultPublishHandler(in.v3)
		}
		first, present := connectV3(t, options())
		if present {
			t.Error("a session was there before the first connection")
		}
		done(t, "subscribe", first.Subscribe(topic, 2, in.v3))
		first.Disconnect(250)

		pub, _ := connectV3(t, optionsV3(b, version, fmt.Sprint("publishes-", version)))
		want := numbered("waiting", 100)
		for i, p := range want {
			done(t, "publish", pub.Publish(topic, byte(1+i/50), false, p))
		}
		second, present := connectV3(t, options())
		if !present && version == 4 { // 3.1's CONNACK cannot say so
			t.Error("CONNACK said no session is present")
		}
		same(t, "the queue", in.payloads(t, 100), want)
		done(t, "publish", pub.Publish(topic, 1, false, "live"))
		same(t, "after the queue", in.payloads(t, 1), []string{"live"})
		second.Disconnect(250)

		if _, present = connectV3(t, optionsV3(b, version, id)); present {
			t.Error("Clean Session 1 found a session")
		}
	})
}

func TestV3TakeoverAndPing(t *testing.T) {
	eachV3(t, func(t *testing.T, b *rig.Broker, version uint) {
		lost := make(chan error, 1)
		o := optionsV3(b, version, fmt.Sprint("twice-", version)).SetKeepAlive(time.Second)
		o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
		w := viaWire(t, b, o)
		first, _ := connectV3(t, o)
		rig.Eventually(t, "three answers to pings", func() bool { return w.Pongs() >= 3 })
		if !first.IsConnectionOpen() {
			t.Error("the client is not connected although it pinged")
		}
		connectV3(t, optionsV3(b, version, fmt.Sprint("twice-", version)))
		await(t, "the first client to be thrown out", lost)
	})
}

func TestV3SharedSubscription(t *testing.T) {
	eachV3(t, func(t *testing.T, b *rig.Broker, version uint) {
		members := []*inbox{newInbox(), newInbox(), newInbox()}
		for i, in := range members {
			c, _ := connectV3(t, optionsV3(b, version, fmt.Sprint("member-", i, "-", version)))
			// The filter of the subscription is not the topic's, so the client's own matching gets the one behind $share.
			done(t, "subscribe", c.Subscribe("$share/group/"+topic(t), 1, in.v3))
		}
		pub, _ := connectV3(t, optionsV3(b, version, fmt.Sprint("shared-pub-", version)))
		want := numbered("job", 90)
		for _, p := range want {
			done(t, "publish", pub.Publish(topic(t), 1, false, p))
		}
		var got []string
		rig.Eventually(t, "each job to reach one member", func() bool {
			got = nil
			for _, in := range members {
				for _, m := range in.all() {
					got = append(got, m.Payload)
				}
			}
			return len(got) >= len(want)
		})
		slices.Sort(got)
		slices.Sort(want)
		same(t, "all members together", got, want)
		for i, in := range members {
			if len(in.all()) == 0 {
				t.Errorf("member %d got nothing", i)
			}
		}
	})
}

func TestV3LargeMessage(t *testing.T) {
	eachV3(t, func(t *testing.T, b *rig.Broker, version uint) {
		in := newInbox()
		c, _ := connectV3(t, optionsV3(b, version, fmt.Sprint("large-", version)))
		done(t, "subscribe", c.Subscribe(topic(t), 2, in.v3))
		payload := strings.Repeat("penstock", 64*1024) // 512 KiB
		for qos := byte(0); qos <= 2; qos++ {
			done(t, "publish", c.Publish(topic(t), qos, false, payload))
			if m := in.take(t, 1)[0]; m.Payload != payload || m.QoS != qos {
				t.Errorf("QoS %d: got %d bytes at QoS %d, want the %d sent", qos, len(m.Payload), m.QoS, len(payload))
			}
		}
	})
}

func TestV3Refused(t *testing.T) {
	t.Parallel()
	b := rig.Start(t, "--set", "auth.anonymous=never")
	token := mqtt.NewClient(optionsV3(b, 4, "anonymous")).Connect()
	if !token.WaitTimeout(rig.Patience) || !errors.Is(token.Error(), packets.ErrorRefusedNotAuthorised) {
		t.Errorf("got %v, want %v", token.Error(), packets.ErrorRefusedNotAuthorised)
	}
}

// The broker dies and comes back: the client reconnects by itself, subscribes again, and sends what it kept meanwhile.
func TestV3ReconnectsAfterTheBrokersDeath(t *testing.T) {
	t.Parallel()
	for _, version := range []uint{3, 4} {
		t.Run(fmt.Sprint("level ", version), func(t *testing.T) {
			t.Parallel()
			b, in := rig.Start(t), newInbox()
			connected, lost := make(chan struct{}, 8), make(chan error, 8)
			o := optionsV3(b, version, "persistent").SetCleanSession(false).SetAutoReconnect(true).SetMaxReconnectInterval(50 * time.Millisecond)
			o.SetOnConnectHandler(func(c mqtt.Client) {
				if token := c.Subscribe("state/#", 1, in.v3); token.WaitTimeout(rig.Patience) && token.Error() == nil {
					connected <- struct{}{}
				}
			})
			o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
			c, _ := connectV3(t, o)
			await(t, "the first subscription", connected)
			done(t, "publish", c.Publish("state/a", 1, false, "before"))
			same(t, "before", in.payloads(t, 1), []string{"before"})

			b.Kill()
			await(t, "the loss to be noticed", lost)
			meanwhile := c.Publish("state/a", 2, false, "meanwhile")
			b.Restart()
			await(t, "the subscription at the new broker", connected)
			done(t, "publish from before the restart", meanwhile)
			done(t, "publish", c.Publish("state/a", 1, false, "after"))
			rig.Eventually(t, "the message after the restart", func() bool {
				return slices.ContainsFunc(in.all(), func(m received) bool { return m.Payload == "after" })
			})
		})
	}
}
