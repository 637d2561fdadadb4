package paho

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// v5 is a paho.golang client with what a test asks of it.
type v5 struct {
	*paho.Client
	t       *testing.T
	ctx     context.Context
	in      *inbox
	wire    *wire
	connack *paho.Connack
	said    chan *paho.Disconnect // the server's DISCONNECT
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), rig.Patience)
	t.Cleanup(cancel)
	return ctx
}

// connectV5 connects; adjust, if not nil, changes the client's configuration before.
func connectV5(t *testing.T, b *rig.Broker, connect *paho.Connect, adjust func(*paho.ClientConfig)) *v5 {
	t.Helper()
	c := &v5{t: t, ctx: deadline(t), in: newInbox(), wire: dial(t, b), said: make(chan *paho.Disconnect, 1)}
	config := paho.ClientConfig{
		Conn:               packets.NewThreadSafeConn(c.wire), // it writes a packet in parts, from several goroutines
		OnServerDisconnect: func(d *paho.Disconnect) { c.said <- d },
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			c.in.v5(r.Packet)
			return true, nil
		}},
	}
	if adjust != nil {
		adjust(&config)
	}
	c.Client = paho.NewClient(config)
	if connect.KeepAlive == 0 {
		connect.KeepAlive = 30
	}
	var err error
	if c.connack, err = c.Connect(c.ctx, connect); err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _ = c.Disconnect(&paho.Disconnect{}) }) // most have ended by then
	return c
}

// fresh is a CONNECT for a session that ends with its connection.
func fresh(id string) *paho.Connect { return &paho.Connect{ClientID: id, CleanStart: true} }

// lasting is a CONNECT for a session that waits a minute.
func lasting(id string) *paho.Connect {
	return &paho.Connect{ClientID: id, Properties: &paho.ConnectProperties{SessionExpiryInterval: paho.Uint32(60), RequestProblemInfo: true}}
}

func (i *inbox) v5(p *paho.Publish) {
	i.put(received{p.Topic, string(p.Payload), p.QoS, p.Retain, p.Duplicate()})
}

func (c *v5) subscribe(o paho.SubscribeOptions) {
	c.t.Helper()
	if _, err := c.Subscribe(c.ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{o}}); err != nil {
		c.t.Fatalf("subscribe to %s: %v", o.Topic, err)
	}
}

func (c *v5) publish(p *paho.Publish) *paho.PublishResponse {
	c.t.Helper()
	r, err := c.Publish(c.ctx, p)
	if err != nil {
		c.t.Fatalf("publish %s: %v", p.Payload, err)
	}
	return r
}

// The subscriber takes five unacknowledged messages at a time, so that the broker works with its queue.
func TestV5OrderedExchange(t *testing.T) {
	t.Parallel()
	b := rig.Start(t)
	for qos := byte(0); qos <= 2; qos++ {
		t.Run(fmt.Sprint("QoS ", qos), func(t *testing.T) {
			t.Parallel()
			sub := fresh(fmt.Sprint("sub-", qos))
			sub.Properties = &paho.ConnectProperties{ReceiveMaximum: paho.Uint16(5), RequestProblemInfo: true}
			s := connectV5(t, b, sub, nil)
			s.subscribe(paho.SubscribeOptions{Topic: topic(t), QoS: qos})
			pub := connectV5(t, b, fresh(fmt.Sprint("pub-", qos)), nil)
			want := numbered("message", 300)
			for _, p := range want {
				// Async, so that several are under way; the client itself keeps to the broker's Receive Maximum.
				if _, err := pub.PublishWithOptions(pub.ctx, &paho.Publish{Topic: topic(t), QoS: qos, Payload: []byte(p)},
					paho.PublishOptions{Method: paho.PublishMethod_AsyncSend}); err != nil {
					t.Fatal(err)
				}
			}
			got := s.in.take(t, len(want))
			var payloads []string
			for _, m := range got {
				if m.QoS != qos || m.Dup || m.Retain {
					t.Fatalf("got %+v, want QoS %d and no flags", m, qos)
				}
				payloads = append(payloads, m.Payload)
			}
			same(t, "messages", payloads, want)
		})
	}
}

// What is not acknowledged when the connection ends comes again, marked as a repetition, before what waits behind it.
func TestV5SharedSubscription(t *testing.T) {
	t.Parallel()
	b := rig.Start(t)
	var members []*v5
	for i := range 3 {
		c := connectV5(t, b, fresh(fmt.Sprint("member-", i)), nil)
		c.subscribe(paho.SubscribeOptions{Topic: "$share/group/jobs/#", QoS: 1})
		members = append(members, c)
	}
	pub := connectV5(t, b, fresh("pub"), nil)
	want := numbered("job", 90)
	for _, p := range want {
		pub.publish(&paho.Publish{Topic: "jobs/x", QoS: 1, Payload: []byte(p)})
	}
	var got []string
	rig.Eventually(t, "each job to reach one member", func() bool {
		got = nil
		for _, c := range members {
			for _, m := range c.in.all() {
				got = append(got, m.Payload)
			}
		}
		return len(got) >= len(want)
	})
	slices.Sort(got)
	slices.Sort(want)
	same(t, "all members together", got, want)
	for i, c := range members {
		if len(c.in.all()) == 0 {
			t.Errorf("member %d got nothing", i)
		}
	}
}

// Both ends use aliases: the publisher by Paho's extension, the broker towards a subscriber that allows them, whose router
// knows them.
