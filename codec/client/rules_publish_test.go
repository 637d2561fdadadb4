package client_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// connack builds a CONNACK with properties.
func connack(set func(p *mqtt.Properties)) (ack mqtt.Connack) {
	set(&ack.Props)
	return ack
}

// refusedMessage insists that m is refused with want and nothing sent.
func refusedMessage(t *testing.T, v mqtt.Version, ack mqtt.Connack, m client.Message, want error) {
	t.Helper()
	c, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true}, ack)
	if err := c.Publish(t.Context(), m); !errors.Is(err, want) {
		t.Errorf("Publish(%+v): %v, want %v", m, err, want)
	}
	p.quiet(time.Second)
	p.drop(c)
}

func withProps(m client.Message, set func(p *mqtt.Properties)) client.Message {
	set(&m.Props)
	return m
}

func TestRulesPublish(t *testing.T) {
	topics := func(t *testing.T, v mqtt.Version) {
		for _, bad := range append(badStrings, "", "a/+", "#", "a+b") {
			refusedMessage(t, v, mqtt.Connack{}, client.Message{Topic: bad}, client.ErrMessage)
		}
	}
	for _, name := range []string{"MQTT-3.3.2-1", "MQTT-3.3.2-2", "MQTT-4.7.3-1", "MQTT-4.7.3-2", "MQTT-4.7.3-3"} {
		in(t, both, name, topics)
	}
	in(t, v3, "MQTT-4.7.1-1", topics)
	in(t, v5, "MQTT-4.7.0-1", topics)
	in(t, v3, "MQTT-1.5.3-1", topics)
	in(t, v5, "MQTT-1.5.4-1", topics)
	in(t, v3, "MQTT-1.5.3-2", topics)
	in(t, v5, "MQTT-1.5.4-2", topics)
	in(t, both, "MQTT-3.3.1-4", func(t *testing.T, v mqtt.Version) {
		refusedMessage(t, v, mqtt.Connack{}, msg("a", 3), client.ErrMessage)
	})

	plain := func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true}, mqtt.Connack{})
		async(t, c, client.Message{Topic: "t", Payload: []byte("x")}, nil)
		want := []byte{0x30, 4, 0, 1, 't', 'x'}
		if v == mqtt.V5 {
			want = []byte{0x30, 5, 0, 1, 't', 0, 'x'}
		}
		if got := p.raw(); !bytes.Equal(got, want) {
			t.Errorf("QoS 0 PUBLISH % x, want % x", got, want)
		}
	}
	in(t, v3, "MQTT-2.3.1-5", plain)
	for _, name := range []string{"MQTT-2.2.1-2", "MQTT-2.2.2-1"} {
		in(t, v5, name, plain)
	}
	for _, name := range []string{"MQTT-3.3.1-2", "MQTT-4.3.1-1"} {
		in(t, both, name, plain)
	}

	in(t, v5, "MQTT-1.5.7-1", func(t *testing.T, v mqtt.Version) {
		for _, bad := range badStrings {
			for _, u := range []mqtt.UserProperty{{Name: []byte(bad)}, {Value: []byte(bad)}} {
				refusedMessage(t, v, mqtt.Connack{}, withProps(msg("a", 0), func(p *mqtt.Properties) {
					p.User = []mqtt.UserProperty{u}
				}), client.ErrMessage)
			}
		}
	})
	responseTopics := func(t *testing.T, v mqtt.Version) {
		for _, bad := range []string{"\xff", "a/#", "+"} {
			refusedMessage(t, v, mqtt.Connack{}, withProps(msg("a", 0), func(p *mqtt.Properties) {
				p.ResponseTopic = []byte(bad)
				p.Set(mqtt.PropResponseTopic)
			}), client.ErrMessage)
		}
	}
	in(t, v5, "MQTT-3.3.2-13", responseTopics)
	in(t, v5, "MQTT-3.3.2-14", responseTopics)
	in(t, v5, "MQTT-3.3.2-19", func(t *testing.T, v mqtt.Version) {
		refusedMessage(t, v, mqtt.Connack{}, withProps(msg("a", 0), func(p *mqtt.Properties) {
			p.ContentType = []byte("\xff")
			p.Set(mqtt.PropContentType)
		}), client.ErrMessage)
	})
	in(t, v5, "MQTT-3.3.4-6", func(t *testing.T, v mqtt.Version) {
		refusedMessage(t, v, mqtt.Connack{}, withProps(msg("a", 0), func(p *mqtt.Properties) {
			p.SubscriptionIDs = []uint32{1}
		}), client.ErrMessage)
	})
	in(t, v5, "MQTT-3.2.2-11", func(t *testing.T, v mqtt.Version) {
		ack := connack(func(p *mqtt.Properties) { p.MaximumQoS = 1; p.Set(mqtt.PropMaximumQoS) })
		refusedMessage(t, v, ack, msg("a", 2), mqtt.QoSNotSupported)
	})
	in(t, v5, "MQTT-3.2.2-14", func(t *testing.T, v mqtt.Version) {
		ack := connack(func(p *mqtt.Properties) { p.RetainAvailable = 0; p.Set(mqtt.PropRetainAvailable) })
		refusedMessage(t, v, ack, client.Message{Topic: "a", Retain: true}, mqtt.RetainNotSupported)
	})
	in(t, v5, "MQTT-3.2.2-15", tooLarge)

	for _, v := range both {
		for _, name := range map[mqtt.Version][]string{
			mqtt.V311: {"MQTT-2.3.1-1", "MQTT-2.3.1-2", "MQTT-4.3.2-1"},
			mqtt.V5:   {"MQTT-2.2.1-3", "MQTT-4.3.2-1", "MQTT-4.3.2-2", "MQTT-4.3.3-1", "MQTT-4.3.3-2"},
		}[v] {
			in(t, []mqtt.Version{v}, name, identifiers)
		}
		for _, name := range map[mqtt.Version][]string{
			mqtt.V311: {"MQTT-2.3.1-3", "MQTT-2.3.1-6", "MQTT-4.3.3-1", "MQTT-3.6.1-1"},
			mqtt.V5:   {"MQTT-2.2.1-5", "MQTT-4.3.3-4", "MQTT-4.3.3-5", "MQTT-4.3.3-6", "MQTT-3.6.1-1", "MQTT-3.6.2-1"},
		}[v] {
			in(t, []mqtt.Version{v}, name, releases)
		}
	}
	in(t, v5, "MQTT-4.3.3-3", func(t *testing.T, v mqtt.Version) {
		s := client.NewSession()
		c, p := newStage(t).open(durable(v, s), mqtt.Connack{})
		async(t, c, msg("a", 2), nil)
		p.publish()
		p.drop(c)
		_, p = newStage(t).open(durable(v, s), mqtt.Connack{SessionPresent: true})
		if m := p.publish(); !m.Dup || m.QoS != 2 || m.ID != 1 {
			t.Errorf("resumed with %+v, want id 1 at QoS 2 with DUP", m)
		}
	})
	in(t, v5, "MQTT-4.3.3-7", func(t *testing.T, v mqtt.Version) {
		// The expiry of a message that was sent is the receiver's affair.
		s := client.NewSession()
		c, p := newStage(t).open(durable(v, s), mqtt.Connack{})
		async(t, c, withProps(msg("a", 2), func(p *mqtt.Properties) { p.MessageExpiry = 1; p.Set(mqtt.PropMessageExpiry) }), nil)
		p.publish()
		p.drop(c)
		<-time.After(time.Minute)
		_, p = newStage(t).open(durable(v, s), mqtt.Connack{SessionPresent: true})
		if m := p.publish(); !m.Dup || !m.Props.Has(mqtt.PropMessageExpiry) {
			t.Errorf("resumed with %+v, want the message with DUP", m)
		}
	})
	in(t, both, "MQTT-4.6.0-1", resendsInOrder)
	in(t, both, "MQTT-4.6.0-4", func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true}, mqtt.Connack{})
		for range 3 {
			async(t, c, msg("a", 2), nil)
		}
		for range 3 {
			p.publish()
		}
		for _, id := range []uint16{3, 1, 2} {
			p.sendAck(mqtt.PUBREC, id, mqtt.Success)
		}
		for _, want := range []uint16{3, 1, 2} {
			if got := p.ack(mqtt.PUBREL).ID; got != want {
				t.Errorf("PUBREL %d, want %d", got, want)
			}
		}
	})
	in(t, v5, "MQTT-4.4.0-2", func(t *testing.T, v mqtt.Version) {
		s := client.NewSession()
		c, p := newStage(t).open(durable(v, s), mqtt.Connack{})
		ended, done := result()
		async(t, c, msg("a", 1), done)
		async(t, c, msg("b", 2), done)
		p.publish()
		p.publish()
		p.sendAck(mqtt.PUBACK, 1, mqtt.NotAuthorized)
		p.sendAck(mqtt.PUBREC, 2, mqtt.QuotaExceeded)
		for _, want := range []mqtt.Reason{mqtt.NotAuthorized, mqtt.QuotaExceeded} {
			var refusal *client.ServerError
			if r := <-ended; r.Reason != want || !errors.Is(r.Err, want) || !errors.As(r.Err, &refusal) {
				t.Errorf("ended with %+v, want %v", r, want)
			}
		}
		p.drop(c)
		_, p = newStage(t).open(durable(v, s), mqtt.Connack{SessionPresent: true})
		p.quiet(time.Second)
	})
	in(t, v5, "MQTT-3.6.2-1/unknown", func(t *testing.T, v mqtt.Version) {
		_, p := newStage(t).open(client.Options{Version: v}, mqtt.Connack{})
		p.sendAck(mqtt.PUBREC, 77, mqtt.Success)
		if a := p.ack(mqtt.PUBREL); a.ID != 77 || a.Reason != mqtt.PacketIdentifierNotFound {
			t.Errorf("PUBREL %+v, want 77 with Packet Identifier not found", a)
		}
	})
	for _, name := range []string{"MQTT-3.3.4-7", "MQTT-3.3.4-8", "MQTT-4.9.0-1", "MQTT-4.9.0-2", "MQTT-4.9.0-3"} {
		in(t, v5, name, quota)
	}
}

// tooLarge: neither a PUBLISH nor anything else goes out larger than the server said, on this
// connection or on the next one of the session.
func tooLarge(t *testing.T, v mqtt.Version) {
	small := connack(func(p *mqtt.Properties) { p.MaximumPacketSize = 32; p.Set(mqtt.PropMaximumPacketSize) })
	long := strings.Repeat("x", 40)
	for qos := range byte(3) {
		refusedMessage(t, v, small, client.Message{Topic: "a", Payload: []byte(long), QoS: qos}, mqtt.PacketTooLarge)
	}
	s := client.NewSession()
	ended, done := result()
	c, p := newStage(t).open(durable(v, s), mqtt.Connack{})
	async(t, c, client.Message{Topic: long, QoS: 1}, done)
	p.publish()
	p.drop(c)
	small.SessionPresent = true
	c, p = newStage(t).open(durable(v, s), small)
	if r := <-ended; !errors.Is(r.Err, mqtt.PacketTooLarge) {
		t.Errorf("resend of a large message ended with %v, want Packet too large", r.Err)
	}
	if _, err := c.Subscribe(t.Context(), []client.Filter{{Filter: long}}, nil); !errors.Is(err, mqtt.PacketTooLarge) {
		t.Errorf("Subscribe to a long filter: %v, want Packet too large", err)
	}
	p.quiet(time.Second)
}

// identifiers: each new message, SUBSCRIBE and UNSUBSCRIBE gets an identifier of its own, not 0,
// and each message goes out without DUP, whatever was withheld before.
func identifiers(t *testing.T, v mqtt.Version) {
	c, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true}, mqtt.Connack{})
	var ids []uint16
	for i := range 10 {
		async(t, c, msg("a", byte(1+i%2)), nil)
		m := p.publish()
		if m.Dup || m.QoS != byte(1+i%2) {
			t.Errorf("first PUBLISH is %+v, want QoS %d without DUP", m, 1+i%2)
		}
		ids = append(ids, m.ID)
		go c.Subscribe(t.Context(), []client.Filter{{Filter: "a"}}, nil)
		ids = append(ids, expect(p, mqtt.SUBSCRIBE, new(mqtt.Subscribe)).ID)
		go c.Unsubscribe(t.Context(), "a")
		ids = append(ids, expect(p, mqtt.UNSUBSCRIBE, new(mqtt.Unsubscribe)).ID)
	}
	slices.Sort(ids)
	if ids[0] == 0 || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Errorf("identifiers %v, want them distinct and not 0", ids)
	}
}

// releases: PUBREC is answered by PUBREL, which is repeated on the next connection instead of the
// PUBLISH, and PUBCOMP ends the exchange and frees its identifier.
func releases(t *testing.T, v mqtt.Version) {
	s := client.NewSession()
	ended, done := result()
	c, p := newStage(t).open(durable(v, s), mqtt.Connack{})
	async(t, c, msg("a", 2), done)
	id := p.publish().ID
	p.sendAck(mqtt.PUBREC, id, mqtt.Success)
	if a := p.ack(mqtt.PUBREL); a.ID != id || a.Reason != mqtt.Success {
		t.Fatalf("PUBREL %+v, want id %d", a, id)
	}
	p.sendAck(mqtt.PUBREC, id, mqtt.Success) // repeated: released already
	p.ack(mqtt.PUBREL)
	p.drop(c)
	_, p = newStage(t).open(durable(v, s), mqtt.Connack{SessionPresent: true})
	if a := p.ack(mqtt.PUBREL); a.ID != id {
		t.Fatalf("resumed with PUBREL %+v, want id %d", a, id)
	}
	if len(ended) > 0 {
		t.Fatalf("ended before PUBCOMP: %+v", <-ended)
	}
	p.sendAck(mqtt.PUBCOMP, id, mqtt.Success)
	if r := <-ended; r.Err != nil {
		t.Errorf("ended with %v", r.Err)
	}
	p.quiet(time.Second)
}

func resendsInOrder(t *testing.T, v mqtt.Version) {
	s := client.NewSession()
	o := durable(v, s)
	c, p := newStage(t).open(o, mqtt.Connack{})
	for i, topic := range []string{"a", "b", "c", "d"} {
		async(t, c, msg(topic, byte(1+i%2)), nil)
		p.publish()
	}
	p.sendAck(mqtt.PUBACK, 3, mqtt.Success)
	p.drop(c)
	// With a quota of one the rest waits for acknowledgements, and new messages behind it.
	o.Inflight = 1
	c, p = newStage(t).open(o, mqtt.Connack{SessionPresent: true})
	go c.Publish(t.Context(), msg("e", 1))
	for _, want := range []struct {
		topic string
		id    uint16
		dup   bool
	}{{"a", 1, true}, {"b", 2, true}, {"d", 4, true}, {"e", 5, false}} {
		m := p.publish()
		if string(m.Topic) != want.topic || m.ID != want.id || m.Dup != want.dup {
			t.Fatalf("got %q id %d dup %v, want %+v", m.Topic, m.ID, m.Dup, want)
		}
		p.quiet(time.Second)
		if m.QoS == 1 {
			p.sendAck(mqtt.PUBACK, m.ID, mqtt.Success)
			continue
		}
		p.sendAck(mqtt.PUBREC, m.ID, mqtt.Success)
		p.ack(mqtt.PUBREL)
		p.sendAck(mqtt.PUBCOMP, m.ID, mqtt.Success)
	}
}

// quota: with a Receive Maximum of 2 the third QoS 1 or 2 PUBLISH waits; QoS 0, requests, PUBREL,
// acknowledgements and pings do not; PUBACK, PUBCOMP and a refusing PUBREC each free one.
func quota(t *testing.T, v mqtt.Version) {
	ack := connack(func(p *mqtt.Properties) { p.ReceiveMaximum = 2; p.Set(mqtt.PropReceiveMaximum) })
	c, p := newStage(t).open(client.Options{Version: v, KeepAlive: 10}, ack)
	async(t, c, msg("a", 2), nil)
	async(t, c, msg("b", 1), nil)
	go func() {
		for _, topic := range []string{"c", "d", "e"} {
			c.PublishAsync(t.Context(), msg(topic, 2), nil)
		}
	}()
	p.publish()
	p.publish()
	p.quiet(5 * time.Second)

	async(t, c, msg("zero", 0), nil)
	if m := p.publish(); string(m.Topic) != "zero" {
		t.Fatalf("got %q at quota 0, want the QoS 0 message", m.Topic)
	}
	go c.Subscribe(t.Context(), []client.Filter{{Filter: "x"}}, nil)
	expect(p, mqtt.SUBSCRIBE, new(mqtt.Subscribe))
	p.sendPublish(mqtt.Publish{QoS: 1, ID: 9, Topic: []byte("in")})
	p.ack(mqtt.PUBACK)
	p.ping()
	p.sendAck(mqtt.PUBREC, 1, mqtt.Success)
	p.ack(mqtt.PUBREL)
	p.quiet(time.Second)

	next := func(want string) uint16 {
		t.Helper()
		m := p.publish()
		if string(m.Topic) != want {
			t.Fatalf("got %q, want %q", m.Topic, want)
		}
		p.quiet(time.Second)
		return m.ID
	}
	p.sendAck(mqtt.PUBCOMP, 1, mqtt.Success)
	id := next("c")
	p.sendAck(mqtt.PUBACK, 2, mqtt.Success)
	next("d")
	p.sendAck(mqtt.PUBREC, id, mqtt.UnspecifiedError)
	next("e")
}
