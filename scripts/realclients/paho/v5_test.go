package paho

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/extensions/rpc"
	"github.com/eclipse/paho.golang/paho/extensions/topicaliases"
	"github.com/eclipse/paho.golang/paho/session"

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

func TestV5ConnackTellsWhatTheServerGrants(t *testing.T) {
	t.Parallel()
	b := rig.Start(t, "--set", "limits.server_keep_alive=90", "--set", "limits.maximum_qos=1", "--set", "session.max_expiry=1h",
		"--set", "limits.response_information=answers/")
	never := ^uint32(0)
	c := connectV5(t, b, &paho.Connect{CleanStart: true, Properties: &paho.ConnectProperties{SessionExpiryInterval: &never, RequestResponseInfo: true}}, nil)
	p := c.connack.Properties
	if p.AssignedClientID == "" || p.ServerKeepAlive == nil || *p.ServerKeepAlive != 90 || p.MaximumQoS == nil || *p.MaximumQoS != 1 ||
		p.SessionExpiryInterval == nil || *p.SessionExpiryInterval != 3600 || p.ReceiveMaximum == nil || p.TopicAliasMaximum == nil ||
		!p.RetainAvailable || !p.WildcardSubAvailable || !p.SubIDAvailable || !p.SharedSubAvailable || p.ResponseInfo == "" {
		t.Errorf("got %s", c.connack)
	}
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

func TestV5PropertiesAndReasonCodes(t *testing.T) {
	t.Parallel()
	b := rig.Start(t)
	arrived := make(chan *paho.Publish, 1)
	c := connectV5(t, b, fresh("properties"), func(config *paho.ClientConfig) {
		config.OnPublishReceived = []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			arrived <- r.Packet
			return true, nil
		}}
	})
	suback, err := c.Subscribe(c.ctx, &paho.Subscribe{
		Properties:    &paho.SubscribeProperties{SubscriptionIdentifier: func(i int) *int { return &i }(268_435_455)},
		Subscriptions: []paho.SubscribeOptions{{Topic: "a/+", QoS: 2}, {Topic: "b", QoS: 0}},
	})
	if err != nil || !slices.Equal(suback.Reasons, []byte{2, 0}) {
		t.Fatalf("subscribe: %v, reasons %v, want 2 and 0", err, suback)
	}
	c.publish(&paho.Publish{Topic: "a/b", QoS: 2, Payload: []byte("{}"), Properties: &paho.PublishProperties{
		ContentType: "application/json", ResponseTopic: "answers", CorrelationData: []byte{0, 1, 255}, PayloadFormat: paho.Byte(1),
		MessageExpiry: paho.Uint32(1000), User: paho.UserProperties{{Key: "k", Value: "1"}, {Key: "j", Value: "ü"}, {Key: "k", Value: "2"}},
	}})
	p := await(t, "the message", arrived).Properties
	if p.ContentType != "application/json" || p.ResponseTopic != "answers" || string(p.CorrelationData) != "\x00\x01\xff" ||
		p.PayloadFormat == nil || *p.PayloadFormat != 1 || p.MessageExpiry == nil || *p.MessageExpiry > 1000 ||
		p.SubscriptionIdentifier == nil || *p.SubscriptionIdentifier != 268_435_455 ||
		!slices.Equal(p.User, paho.UserProperties{{Key: "k", Value: "1"}, {Key: "j", Value: "ü"}, {Key: "k", Value: "2"}}) {
		t.Errorf("got %+v", *p)
	}

	if r := c.publish(&paho.Publish{Topic: "nobody/listens", QoS: 1}); r.ReasonCode != 0x10 {
		t.Errorf("publish to nobody: reason 0x%02X, want 0x10", r.ReasonCode)
	}
	if r, err := c.Unsubscribe(c.ctx, &paho.Unsubscribe{Topics: []string{"b", "c"}}); err != nil || !slices.Equal(r.Reasons, []byte{0, 0x11}) {
		t.Errorf("unsubscribe: %v, %v, want reasons 0x00 and 0x11", r, err)
	}
	if r, err := c.Subscribe(c.ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "a#"}, {Topic: "ok"}}}); err == nil || !slices.Equal(r.Reasons, []byte{0x8F, 0}) {
		t.Errorf("subscribe to a#: %v, %v, want reasons 0x8F and 0x00", r, err)
	}
}

func TestV5SubscriptionOptions(t *testing.T) {
	t.Parallel()
	b := rig.Start(t)
	c, other := connectV5(t, b, fresh("options"), nil), connectV5(t, b, fresh("other"), nil)
	other.publish(&paho.Publish{Topic: "r/kept", QoS: 1, Retain: true, Payload: []byte("kept")})

	c.subscribe(paho.SubscribeOptions{Topic: "r/#", QoS: 1, NoLocal: true, RetainAsPublished: true, RetainHandling: 1})
	if m := c.in.take(t, 1)[0]; m.Payload != "kept" || !m.Retain {
		t.Errorf("got %+v, want the retained message", m)
	}
	c.subscribe(paho.SubscribeOptions{Topic: "r/#", QoS: 1, NoLocal: true, RetainAsPublished: true, RetainHandling: 1}) // 1: not again
	c.subscribe(paho.SubscribeOptions{Topic: "r/kept", QoS: 1, NoLocal: true, RetainAsPublished: true, RetainHandling: 2})
	if _, err := c.Unsubscribe(c.ctx, &paho.Unsubscribe{Topics: []string{"r/kept"}}); err != nil {
		t.Fatal(err)
	}
	c.publish(&paho.Publish{Topic: "r/own", QoS: 1, Payload: []byte("own")}) // No Local
	other.publish(&paho.Publish{Topic: "r/flag", QoS: 1, Retain: true, Payload: []byte("flag")})
	if m := c.in.take(t, 1)[0]; m.Payload != "flag" || !m.Retain {
		t.Errorf("got %+v, want the other client's message with its RETAIN flag", m)
	}
	c.subscribe(paho.SubscribeOptions{Topic: "r/#", QoS: 1, RetainHandling: 0})
	again := c.in.payloads(t, 2)
	slices.Sort(again)
	same(t, "retain handling 0", again, []string{"flag", "kept"})
	c.publish(&paho.Publish{Topic: "r/own", QoS: 1, Payload: []byte("own")})
	same(t, "without No Local", c.in.payloads(t, 1), []string{"own"})
}

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

// What is not acknowledged when the connection ends comes again, marked as a repetition, before what waits behind it.
func TestV5SessionResumes(t *testing.T) {
	t.Parallel()
	b := rig.Start(t)
	var held session.SessionManager
	first := connectV5(t, b, lasting("resumes"), func(config *paho.ClientConfig) {
		config.EnableManualAcknowledgment = true
		held = config.Session
	})
	if first.connack.SessionPresent || held != nil {
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
func TestV5TopicAliases(t *testing.T) {
	t.Parallel()
	b := rig.Start(t)
	in, aliased := newInbox(), make(chan struct{}, 100)
	allows := fresh("allows-aliases")
	allows.Properties = &paho.ConnectProperties{TopicAliasMaximum: paho.Uint16(4), RequestProblemInfo: true}
	router := paho.NewStandardRouterWithDefault(in.v5)
	sub := connectV5(t, b, allows, func(config *paho.ClientConfig) {
		config.Router = router
		config.OnPublishReceived = []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			if r.Packet.Topic == "" {
				aliased <- struct{}{}
			}
			return false, nil
		}}
	})
	sub.subscribe(paho.SubscribeOptions{Topic: "some/rather/long/topic/+", QoS: 1})
	aliases := topicaliases.NewTAHandler(4)
	pub := connectV5(t, b, fresh("sets-aliases"), func(config *paho.ClientConfig) { config.PublishHook = aliases.PublishHook })
	var want []string
	for i := range 20 {
		topic := fmt.Sprintf("some/rather/long/topic/%d", i%2)
		pub.publish(&paho.Publish{Topic: topic, QoS: 1, Payload: []byte(topic)})
		want = append(want, topic)
	}
	same(t, "messages", in.payloads(t, len(want)), want)
	if len(aliased) == 0 {
		t.Error("the broker used no alias")
	}
}

func TestV5RequestAndResponse(t *testing.T) {
	t.Parallel()
	b := rig.Start(t)
	answers := connectV5(t, b, fresh("answers"), func(config *paho.ClientConfig) {
		config.OnPublishReceived = []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			go r.Client.Publish(context.Background(), &paho.Publish{
				Topic: r.Packet.Properties.ResponseTopic, QoS: 1, Payload: append([]byte("answer to "), r.Packet.Payload...),
				Properties: &paho.PublishProperties{CorrelationData: r.Packet.Properties.CorrelationData},
			})
			return true, nil
		}}
	})
	answers.subscribe(paho.SubscribeOptions{Topic: "questions", QoS: 1})
	asks := connectV5(t, b, fresh("asks"), func(config *paho.ClientConfig) { config.OnPublishReceived = nil })
	handler, err := rpc.NewHandler(asks.ctx, asks.Client)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range numbered("question", 5) {
		r, err := handler.Request(asks.ctx, &paho.Publish{Topic: "questions", QoS: 1, Payload: []byte(q)})
		if err != nil || string(r.Payload) != "answer to "+q {
			t.Fatalf("got %v, %v, want the answer to %s", r, err, q)
		}
	}
}
