package client_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// listening opens a connection whose handler notes the payloads.
func listening(t *testing.T, o client.Options, ack mqtt.Connack) (*client.Client, *peer, *[]string) {
	t.Helper()
	got := new([]string)
	o.ClientID, o.Handler = "durable", func(m *client.Message) { *got = append(*got, string(m.Payload)) }
	c, p := newStage(t).open(o, ack)
	return c, p, got
}

func want(t *testing.T, got *[]string, want ...string) {
	t.Helper()
	synctest.Wait()
	if !slices.Equal(*got, want) {
		t.Errorf("handler got %q, want %q", *got, want)
	}
}

func incoming(id uint16, qos byte, payload string) mqtt.Publish {
	return mqtt.Publish{Topic: []byte("t"), ID: id, QoS: qos, Payload: []byte(payload)}
}

func TestRulesReceive(t *testing.T) {
	in(t, both, "MQTT-3.3.4-1", func(t *testing.T, v mqtt.Version) {
		_, p, got := listening(t, client.Options{Version: v, CleanStart: true}, mqtt.Connack{})
		p.sendPublish(incoming(0, 0, "0"), incoming(7, 1, "1"), incoming(8, 2, "2"))
		if a := p.ack(mqtt.PUBACK); a.ID != 7 {
			t.Errorf("PUBACK %d, want 7", a.ID)
		}
		if a := p.ack(mqtt.PUBREC); a.ID != 8 {
			t.Errorf("PUBREC %d, want 8", a.ID)
		}
		p.quiet(time.Second)
		want(t, got, "0", "1", "2")
	})
	in(t, v3, "MQTT-1.5.3-3", byteOrderMark)
	in(t, v5, "MQTT-1.5.4-3", byteOrderMark)
	in(t, both, "MQTT-4.5.0-2", func(t *testing.T, v mqtt.Version) {
		// Nobody subscribed and nobody handles it.
		_, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true}, mqtt.Connack{})
		p.sendPublish(incoming(3, 1, "unasked"), incoming(4, 2, "unasked"))
		p.ack(mqtt.PUBACK)
		p.ack(mqtt.PUBREC)
	})
	in(t, both, "MQTT-4.6.0-2", func(t *testing.T, v mqtt.Version) { ackOrder(t, v, 1, mqtt.PUBACK) })
	in(t, both, "MQTT-4.6.0-3", func(t *testing.T, v mqtt.Version) { ackOrder(t, v, 2, mqtt.PUBREC) })

	for _, v := range both {
		for _, name := range map[mqtt.Version][]string{
			mqtt.V311: {"MQTT-4.3.2-2"}, mqtt.V5: {"MQTT-4.3.2-4", "MQTT-4.3.2-5"},
		}[v] {
			in(t, []mqtt.Version{v}, name, func(t *testing.T, v mqtt.Version) {
				_, p, got := listening(t, client.Options{Version: v, CleanStart: true}, mqtt.Connack{})
				for _, payload := range []string{"first", "second"} {
					m := incoming(5, 1, payload)
					m.Dup = payload == "second"
					p.sendPublish(m)
					if a := p.ack(mqtt.PUBACK); a.ID != 5 || a.Reason != mqtt.Success {
						t.Errorf("PUBACK %+v, want 5", a)
					}
				}
				want(t, got, "first", "second")
			})
		}
		for _, name := range map[mqtt.Version][]string{
			mqtt.V311: {"MQTT-4.3.3-2"},
			mqtt.V5:   {"MQTT-4.3.3-8", "MQTT-4.3.3-10", "MQTT-4.3.3-11", "MQTT-4.3.3-12", "MQTT-3.5.2-1", "MQTT-3.7.2-1"},
		}[v] {
			in(t, []mqtt.Version{v}, name, exactlyOnce)
		}
	}
	in(t, v5, "MQTT-4.3.3-9", func(t *testing.T, v mqtt.Version) {
		calls := 0
		o := client.Options{Handler: func(m *client.Message) {
			if calls++; calls == 1 {
				m.Refuse(mqtt.QuotaExceeded)
			}
		}}
		_, p := newStage(t).open(o, mqtt.Connack{})
		for _, want := range []mqtt.Reason{mqtt.QuotaExceeded, mqtt.Success} {
			p.sendPublish(incoming(6, 2, ""))
			if a := p.ack(mqtt.PUBREC); a.Reason != want {
				t.Errorf("PUBREC with %v, want %v", a.Reason, want)
			}
		}
		if calls != 2 {
			t.Errorf("handler called %d times, want 2", calls)
		}
	})
	in(t, v5, "MQTT-4.3.3-13", func(t *testing.T, v mqtt.Version) {
		_, p, got := listening(t, client.Options{}, mqtt.Connack{})
		m := incoming(6, 2, "old")
		m.Props.MessageExpiry = 1
		m.Props.Set(mqtt.PropMessageExpiry)
		p.sendPublish(m)
		p.ack(mqtt.PUBREC)
		p.quiet(time.Minute)
		p.sendAck(mqtt.PUBREL, 6, mqtt.Success)
		p.ack(mqtt.PUBCOMP)
		want(t, got, "old")
	})
	in(t, v5, "MQTT-3.4.2-1", func(t *testing.T, v mqtt.Version) {
		// A handler's reason that PUBACK may not carry is replaced. (Decode checks legality.)
		o := client.Options{Handler: func(m *client.Message) { m.Refuse(mqtt.ServerBusy) }}
		_, p := newStage(t).open(o, mqtt.Connack{})
		p.sendPublish(incoming(6, 1, ""))
		if a := p.ack(mqtt.PUBACK); a.Reason != mqtt.UnspecifiedError {
			t.Errorf("PUBACK with %v, want Unspecified error", a.Reason)
		}
	})
	in(t, v5, "MQTT-3.7.2-1/unknown", func(t *testing.T, v mqtt.Version) {
		_, p, _ := listening(t, client.Options{}, mqtt.Connack{})
		p.sendAck(mqtt.PUBREL, 99, mqtt.Success)
		if a := p.ack(mqtt.PUBCOMP); a.ID != 99 || a.Reason != mqtt.PacketIdentifierNotFound {
			t.Errorf("PUBCOMP %+v, want 99 with Packet Identifier not found", a)
		}
	})
	in(t, v5, "more-than-our-receive-maximum-is-refused", func(t *testing.T, v mqtt.Version) {
		// More than our Receive Maximum unacknowledged: 0x93.
		hold := make(chan struct{})
		o := client.Options{Handler: func(*client.Message) { <-hold }}
		o.Props.ReceiveMaximum = 1
		o.Props.Set(mqtt.PropReceiveMaximum)
		c, p := newStage(t).open(o, mqtt.Connack{})
		p.sendPublish(incoming(1, 1, ""), incoming(2, 2, ""))
		p.complaint(mqtt.ReceiveMaximumExceeded)
		if err := c.Err(); !errors.Is(err, mqtt.ReceiveMaximumExceeded) {
			t.Errorf("Err() = %v, want Receive Maximum exceeded", err)
		}
		close(hold)
	})
	in(t, v5, "MQTT-3.3.2-10", incomingAliases)
	for name, f := range map[string]struct {
		alias  uint16
		topic  string
		reason mqtt.Reason
	}{
		"MQTT-3.3.2-8/above-maximum": {3, "t", mqtt.TopicAliasInvalid},
		"MQTT-3.3.2-7/unmapped":      {2, "", mqtt.ProtocolError},
	} {
		in(t, v5, name, func(t *testing.T, v mqtt.Version) {
			o := client.Options{}
			o.Props.TopicAliasMaximum = 2
			o.Props.Set(mqtt.PropTopicAliasMaximum)
			_, p := newStage(t).open(o, mqtt.Connack{})
			p.sendPublish(aliased(f.topic, f.alias))
			p.complaint(f.reason)
		})
	}
	in(t, v5, "what-is-larger-than-we-take-is-refused", func(t *testing.T, v mqtt.Version) {
		// Larger than the Maximum Packet Size we announced: refused from the fixed header.
		o := client.Options{}
		o.Props.MaximumPacketSize = 100
		o.Props.Set(mqtt.PropMaximumPacketSize)
		_, p := newStage(t).open(o, mqtt.Connack{})
		p.write(0x30, 99)
		p.complaint(mqtt.PacketTooLarge)
	})
}

func byteOrderMark(t *testing.T, v mqtt.Version) {
	var got string
	o := client.Options{Version: v, ClientID: "me", CleanStart: true, Handler: func(m *client.Message) { got = m.Topic }}
	_, p := newStage(t).open(o, mqtt.Connack{})
	p.sendPublish(mqtt.Publish{Topic: []byte("\xef\xbb\xbfa")})
	synctest.Wait()
	if got != "\ufeffa" {
		t.Errorf("topic %q, want %q", got, "\ufeffa")
	}
}

// ackOrder: the acknowledgements keep the order of arrival, a repeat among new ones included.
func ackOrder(t *testing.T, v mqtt.Version, qos byte, ack mqtt.Type) {
	_, p, _ := listening(t, client.Options{Version: v, CleanStart: true}, mqtt.Connack{})
	ids := []uint16{9, 2, 40000, 1, 9, 7}
	go func() {
		for _, id := range ids {
			p.sendPublish(incoming(id, qos, ""))
		}
	}()
	for _, id := range ids {
		if a := p.ack(ack); a.ID != id {
			t.Fatalf("%v %d, want %d", ack, a.ID, id)
		}
	}
}

// exactlyOnce: a repeat before PUBREL is acknowledged and not delivered, also on the next connection;
// PUBREL ends the exchange and frees the identifier.
func exactlyOnce(t *testing.T, v mqtt.Version) {
	o := durable(v, client.NewSession())
	c, p, got := listening(t, o, mqtt.Connack{})
	again := incoming(6, 2, "once")
	again.Dup = true
	p.sendPublish(incoming(6, 2, "once"))
	p.ack(mqtt.PUBREC)
	p.sendPublish(again)
	p.ack(mqtt.PUBREC)
	p.drop(c)
	want(t, got, "once")

	_, p, got = listening(t, o, mqtt.Connack{SessionPresent: true})
	p.sendPublish(again)
	if a := p.ack(mqtt.PUBREC); a.ID != 6 || a.Reason != mqtt.Success {
		t.Errorf("PUBREC %+v, want 6", a)
	}
	p.sendAck(mqtt.PUBREL, 6, mqtt.Success)
	if a := p.ack(mqtt.PUBCOMP); a.ID != 6 || a.Reason != mqtt.Success {
		t.Errorf("PUBCOMP %+v, want 6", a)
	}
	want(t, got)
	p.sendPublish(incoming(6, 2, "twice"))
	p.ack(mqtt.PUBREC)
	want(t, got, "twice")
}

func aliased(topic string, alias uint16) mqtt.Publish {
	m := mqtt.Publish{Topic: []byte(topic)}
	m.Props.TopicAlias = alias
	m.Props.Set(mqtt.PropTopicAlias)
	return m
}

func incomingAliases(t *testing.T, v mqtt.Version) {
	var got []string
	o := client.Options{Handler: func(m *client.Message) { got = append(got, m.Topic) }}
	o.Props.TopicAliasMaximum = 65535
	o.Props.Set(mqtt.PropTopicAliasMaximum)
	c, p := newStage(t).open(o, mqtt.Connack{})
	p.sendPublish(aliased("a", 1), aliased("", 1), aliased("z", 65535), aliased("", 65535), aliased("b", 1), aliased("", 1))
	want(t, &got, "a", "a", "z", "z", "b", "b")
	if c.Err() != nil {
		t.Errorf("connection ended: %v", c.Err())
	}
}

func TestRulesAlias(t *testing.T) {
	three := connack(func(p *mqtt.Properties) { p.TopicAliasMaximum = 3; p.Set(mqtt.PropTopicAliasMaximum) })
	none := mqtt.Connack{}
	with := func(n uint16) client.Message {
		return withProps(msg("a", 0), func(p *mqtt.Properties) { p.TopicAlias = n; p.Set(mqtt.PropTopicAlias) })
	}
	in(t, v5, "MQTT-3.2.2-17", func(t *testing.T, v mqtt.Version) { refusedMessage(t, v, three, with(4), mqtt.TopicAliasInvalid) })
	in(t, v5, "MQTT-3.3.2-9", func(t *testing.T, v mqtt.Version) { refusedMessage(t, v, three, with(65535), mqtt.TopicAliasInvalid) })
	in(t, v5, "MQTT-3.3.2-8", func(t *testing.T, v mqtt.Version) { refusedMessage(t, v, three, with(0), mqtt.TopicAliasInvalid) })
	in(t, v5, "MQTT-3.2.2-18", func(t *testing.T, v mqtt.Version) {
		refusedMessage(t, v, none, with(1), mqtt.TopicAliasInvalid)
		// Nor does the client take one by itself.
		c, p := newStage(t).open(client.Options{TopicAliases: 5}, none)
		for range 2 {
			async(t, c, msg("a", 0), nil)
			if m := p.publish(); m.Props.Has(mqtt.PropTopicAlias) || string(m.Topic) != "a" {
				t.Errorf("PUBLISH %+v, want no alias", m)
			}
		}
	})
	in(t, v5, "aliases-are-assigned-as-far-as-allowed", func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{TopicAliases: 2}, three)
		for _, step := range []struct {
			topic, sent string
			alias       uint16
		}{{"a", "a", 1}, {"b", "b", 2}, {"a", "", 1}, {"c", "c", 0}, {"b", "", 2}} {
			for qos := range byte(3) {
				async(t, c, msg(step.topic, qos), nil)
				if m := p.publish(); string(m.Topic) != step.sent || m.Props.TopicAlias != step.alias {
					t.Errorf("%q at QoS %d: topic %q alias %d, want %+v", step.topic, qos, m.Topic, m.Props.TopicAlias, step)
				}
				if step.alias > 0 {
					step.sent = ""
				}
			}
		}
	})
	in(t, v5, "MQTT-3.3.2-7", func(t *testing.T, v mqtt.Version) {
		// What is sent again carries its topic, and an alias set before is not relied on.
		o := durable(v, client.NewSession())
		c, p := newStage(t).open(o, three)
		set := with(2)
		set.Topic = "long"
		async(t, c, set, nil)
		p.publish()
		set.Topic, set.QoS = "", 1
		async(t, c, set, nil)
		if m := p.publish(); len(m.Topic) != 0 || m.Props.TopicAlias != 2 {
			t.Errorf("PUBLISH topic %q alias %d, want alias 2 alone", m.Topic, m.Props.TopicAlias)
		}
		p.drop(c)
		present := three
		present.SessionPresent = true
		c, p = newStage(t).open(o, present)
		if m := p.publish(); string(m.Topic) != "long" || m.Props.Has(mqtt.PropTopicAlias) {
			t.Errorf("resent topic %q alias %d, want the topic alone", m.Topic, m.Props.TopicAlias)
		}
		if err := c.Publish(t.Context(), set); !errors.Is(err, mqtt.TopicAliasInvalid) {
			t.Errorf("Publish with the alias of the last connection: %v, want Topic Alias invalid", err)
		}
	})
}
