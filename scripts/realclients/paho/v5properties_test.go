package paho

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/extensions/rpc"
	"github.com/eclipse/paho.golang/paho/extensions/topicaliases"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

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
