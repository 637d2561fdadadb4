package faulty_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/faulty"
	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func start(t *testing.T, rules ...faulty.Rule) *faulty.Broker {
	t.Helper()
	b, err := faulty.Start(rules...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// dial connects with a clean start unless a session is given.
func dial(t *testing.T, b *faulty.Broker, o client.Options) (*client.Client, *mqtt.Connack) {
	t.Helper()
	o.Addr = b.Addr()
	c, ack, err := client.Dial(patience(t), o)
	if err != nil {
		t.Fatalf("Dial(%+v): %v", o, err)
	}
	t.Cleanup(func() { c.Close() })
	return c, ack
}

// inbox subscribes and returns where its messages arrive.
func inbox(t *testing.T, c *client.Client, qos byte, filter string) <-chan client.Message {
	t.Helper()
	got := make(chan client.Message, 1000)
	codes, err := c.Subscribe(patience(t), []client.Filter{{Filter: filter, QoS: qos}}, handler(got))
	if err != nil || codes[0].Failed() {
		t.Fatalf("Subscribe(%q, %d) = %v, %v", filter, qos, codes, err)
	}
	return got
}

func handler(got chan<- client.Message) client.Handler {
	return func(m *client.Message) {
		kept := *m
		kept.Payload = append([]byte(nil), m.Payload...)
		got <- kept
	}
}

func publish(t *testing.T, c *client.Client, qos byte, topic string, payload ...string) {
	t.Helper()
	for _, p := range payload {
		if err := c.Publish(patience(t), client.Message{Topic: topic, Payload: []byte(p), QoS: qos}); err != nil {
			t.Fatalf("Publish(%q, %q, QoS %d): %v", topic, p, qos, err)
		}
	}
}

// expect takes as many messages as there are payloads and compares them in order.
func expect(t *testing.T, got <-chan client.Message, payload ...string) {
	t.Helper()
	for i, want := range payload {
		select {
		case m := <-got:
			if string(m.Payload) != want {
				t.Fatalf("message %d is %q, want %q of %q", i, m.Payload, want, payload)
			}
		case <-patience(t).Done():
			t.Fatalf("message %d of %q did not come", i, payload)
		}
	}
}

// quiet checks that nothing more has come.
func quiet(t *testing.T, got <-chan client.Message) {
	t.Helper()
	select {
	case m := <-got:
		t.Fatalf("got %q on %q, want nothing more", m.Payload, m.Topic)
	default:
	}
}

func TestWithoutRulesEachMessageArrivesOnceAndInOrder(t *testing.T) {
	for _, v := range []mqtt.Version{mqtt.V311, mqtt.V5} {
		for qos := range byte(3) {
			t.Run(fmt.Sprintf("%s QoS %d", v, qos), func(t *testing.T) {
				b := start(t)
				sub, _ := dial(t, b, client.Options{Version: v, CleanStart: true, ClientID: "sub"})
				pub, _ := dial(t, b, client.Options{Version: v, CleanStart: true, ClientID: "pub"})
				got := inbox(t, sub, qos, "a/+")
				var all []string
				for i := range 200 {
					all = append(all, fmt.Sprint(i))
				}
				publish(t, pub, qos, "a/b", all...)
				expect(t, got, all...)
				publish(t, pub, qos, "a/b", "last")
				expect(t, got, "last")
				quiet(t, got)
			})
		}
	}
}

func TestASharedSubscriptionDividesTheMessages(t *testing.T) {
	b := start(t)
	pub, _ := dial(t, b, client.Options{CleanStart: true})
	var got [2]<-chan client.Message
	for i := range got {
		c, _ := dial(t, b, client.Options{CleanStart: true})
		got[i] = inbox(t, c, 1, "$share/g/#")
	}
	publish(t, pub, 1, "t", "1", "2", "3", "4")
	expect(t, got[1], "1", "3")
	expect(t, got[0], "2", "4")
}

func TestASessionKeepsWhatComesWhileItsClientIsAway(t *testing.T) {
	for _, v := range []mqtt.Version{mqtt.V311, mqtt.V5} {
		b := start(t)
		o := client.Options{Version: v, CleanStart: false, ClientID: "sub", Session: client.NewSession()}
		o.Props.SessionExpiry = 100
		o.Props.Set(mqtt.PropSessionExpiry)
		sub, ack := dial(t, b, o)
		if ack.SessionPresent {
			t.Errorf("%s: a session is present before there was one", v)
		}
		inbox(t, sub, 1, "t")
		sub.Close()
		pub, _ := dial(t, b, client.Options{Version: v, CleanStart: true})
		publish(t, pub, 1, "t", "1", "2", "3")
		got := make(chan client.Message, 3)
		o.Handler = handler(got)
		if _, ack = dial(t, b, o); !ack.SessionPresent {
			t.Errorf("%s: no session is present after the client returned", v)
		}
		expect(t, got, "1", "2", "3")
	}
}

func TestAWillComesWithTheEndOfTheConnectionButNotWithDisconnect(t *testing.T) {
	b := start(t)
	sub, _ := dial(t, b, client.Options{CleanStart: true})
	got := inbox(t, sub, 1, "will/#")
	for _, name := range []string{"calm", "abrupt"} {
		c, _ := dial(t, b, client.Options{CleanStart: true, Will: &client.Message{Topic: "will/" + name, Payload: []byte(name), QoS: 1}})
		if name == "calm" {
			if err := c.Disconnect(patience(t), mqtt.NormalDisconnection); err != nil {
				t.Fatal(err)
			}
		} else {
			c.Close()
		}
	}
	expect(t, got, "abrupt")
}

func TestRetainedMessagesAreReplayedUntilTheyAreEmptied(t *testing.T) {
	b := start(t)
	pub, _ := dial(t, b, client.Options{CleanStart: true})
	for _, payload := range []string{"1", "2"} {
		m := client.Message{Topic: "r/" + payload, Payload: []byte(payload), QoS: 1, Retain: true}
		if err := pub.Publish(patience(t), m); err != nil {
			t.Fatal(err)
		}
	}
	sub, _ := dial(t, b, client.Options{CleanStart: true})
	got := inbox(t, sub, 0, "r/#")
	expect(t, got, "1", "2")
	if err := pub.Publish(patience(t), client.Message{Topic: "r/1", QoS: 1, Retain: true}); err != nil {
		t.Fatal(err)
	}
	expect(t, got, "") // the empty one itself
	expect(t, inbox(t, pub, 0, "r/#"), "2")
}
