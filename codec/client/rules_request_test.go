package client_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// asked runs a request against p and returns the outcome of call.
func asked(call func() ([]mqtt.Reason, error)) <-chan error {
	out := make(chan error, 1)
	go func() {
		_, err := call()
		out <- err
	}()
	return out
}

func TestRulesRequests(t *testing.T) {
	subscribe := func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true}, mqtt.Connack{})
		out := asked(func() ([]mqtt.Reason, error) {
			return c.Subscribe(t.Context(), []client.Filter{{Filter: "a/+", QoS: 1, NoLocal: true}, {Filter: "#", RetainHandling: 2}}, nil)
		})
		raw := p.raw()
		if raw[0] != 0x82 {
			t.Errorf("SUBSCRIBE starts with %#x, want 0x82", raw[0])
		}
		tail := []byte{0, 3, 'a', '/', '+', 1, 0, 1, '#', 0}
		if v == mqtt.V5 {
			tail = []byte{0, 0, 3, 'a', '/', '+', 5, 0, 1, '#', 0x20}
		}
		if !bytes.HasSuffix(raw, tail) {
			t.Errorf("SUBSCRIBE % x, want it to end in % x", raw, tail)
		}
		p.send(&mqtt.Suback{ID: 1, Codes: []mqtt.Reason{1, 0}})
		if err := <-out; err != nil {
			t.Errorf("Subscribe: %v", err)
		}
	}
	in(t, both, "MQTT-3.8.1-1", subscribe)
	in(t, v3, "MQTT-2.2.2-1", subscribe)
	in(t, v5, "MQTT-2.1.3-1", subscribe)
	in(t, both, "MQTT-3.10.1-1", func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true}, mqtt.Connack{})
		out := asked(func() ([]mqtt.Reason, error) { return c.Unsubscribe(t.Context(), "a", "b") })
		raw := p.raw()
		if tail := []byte{0, 1, 'a', 0, 1, 'b'}; raw[0] != 0xA2 || !bytes.HasSuffix(raw, tail) {
			t.Errorf("UNSUBSCRIBE % x, want a2 … % x", raw, tail)
		}
		p.send(&mqtt.Unsuback{ID: 1, Codes: []mqtt.Reason{0, mqtt.NoSubscriptionExisted}})
		if err := <-out; err != nil {
			t.Errorf("Unsubscribe: %v", err)
		}
	})

	bad := func(filters ...string) func(t *testing.T, v mqtt.Version) {
		return func(t *testing.T, v mqtt.Version) {
			c, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true}, mqtt.Connack{})
			for _, f := range filters {
				if _, err := c.Subscribe(t.Context(), []client.Filter{{Filter: "ok"}, {Filter: f}}, nil); !errors.Is(err, client.ErrMessage) {
					t.Errorf("Subscribe(%q): %v, want ErrMessage", f, err)
				}
				if _, err := c.Unsubscribe(t.Context(), "ok", f); !errors.Is(err, client.ErrMessage) {
					t.Errorf("Unsubscribe(%q): %v, want ErrMessage", f, err)
				}
			}
			p.quiet(time.Second)
		}
	}
	empty := func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true}, mqtt.Connack{})
		if _, err := c.Subscribe(t.Context(), nil, nil); !errors.Is(err, client.ErrMessage) {
			t.Errorf("Subscribe of nothing: %v, want ErrMessage", err)
		}
		if _, err := c.Unsubscribe(t.Context()); !errors.Is(err, client.ErrMessage) {
			t.Errorf("Unsubscribe of nothing: %v, want ErrMessage", err)
		}
		p.quiet(time.Second)
	}
	in(t, v3, "MQTT-3.8.3-3", empty)
	in(t, v5, "MQTT-3.8.3-2", empty)
	in(t, both, "MQTT-3.10.3-2", empty)
	in(t, both, "MQTT-3.8.3-1", bad("\xff", "a\xc0\x80"))
	in(t, both, "MQTT-3.10.3-1", bad("\xff", "\xed\xa0\x80"))
	in(t, v3, "MQTT-4.7.1-2", bad("a#", "a/#/b", "#/a"))
	in(t, v3, "MQTT-4.7.1-3", bad("a+", "a/b+", "+a/b"))
	in(t, v5, "MQTT-4.7.1-1", bad("a#", "a/#/b", "#/a"))
	in(t, v5, "MQTT-4.7.1-2", bad("a+", "a/b+", "+a/b"))
	in(t, both, "MQTT-4.7.3-1/filter", bad(""))
	in(t, both, "MQTT-4.7.3-2/filter", bad("a\x00b"))
	in(t, both, "MQTT-4.7.3-3/filter", bad(strings.Repeat("x", 65536)))
	in(t, v5, "MQTT-4.8.2-1", bad("$share//t", "$share/"))
	in(t, v5, "MQTT-4.8.2-2", bad("$share/g", "$share/g/", "$share/g+/t", "$share/#/t"))

	in(t, v5, "MQTT-3.8.3-4", func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{}, mqtt.Connack{})
		f := []client.Filter{{Filter: "$share/g/t", NoLocal: true}}
		if _, err := c.Subscribe(t.Context(), f, nil); !errors.Is(err, client.ErrMessage) {
			t.Errorf("Subscribe: %v, want ErrMessage", err)
		}
		p.quiet(time.Second)
	})
	in(t, v5, "what-the-server-does-not-offer-is-not-asked-for", func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{}, connack(func(p *mqtt.Properties) {
			p.Set(mqtt.PropWildcardAvailable)
			p.Set(mqtt.PropSharedAvailable)
			p.Set(mqtt.PropSubscriptionIDAvailable)
		}))
		id := &mqtt.Properties{SubscriptionIDs: []uint32{1}}
		for _, f := range []struct {
			filter string
			props  *mqtt.Properties
			want   mqtt.Reason
		}{
			{"a/#", nil, mqtt.WildcardSubscriptionsNotSupported},
			{"$share/g/a", nil, mqtt.SharedSubscriptionsNotSupported},
			{"a", id, mqtt.SubscriptionIdentifiersNotSupported},
		} {
			if _, _, err := c.SubscribeWith(t.Context(), []client.Filter{{Filter: f.filter}}, f.props, nil); !errors.Is(err, f.want) {
				t.Errorf("Subscribe(%q): %v, want %v", f.filter, err, f.want)
			}
		}
		p.quiet(time.Second)
	})
	in(t, both, "an-answer-that-fits-no-request-ends-the-connection", func(t *testing.T, v mqtt.Version) {
		for _, answer := range []encoder{
			&mqtt.Suback{ID: 5, Codes: []mqtt.Reason{0}},    // nobody asked
			&mqtt.Suback{ID: 1, Codes: []mqtt.Reason{0, 0}}, // one filter, two codes
			&mqtt.Unsuback{ID: 1, Codes: []mqtt.Reason{0}},  // to a SUBSCRIBE
			&mqtt.Connack{}, // a second one
		} {
			c, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true}, mqtt.Connack{})
			out := asked(func() ([]mqtt.Reason, error) { return c.Subscribe(t.Context(), []client.Filter{{Filter: "a"}}, nil) })
			p.raw()
			p.send(answer)
			p.complaint(mqtt.ProtocolError)
			if err := <-out; !errors.Is(err, mqtt.ProtocolError) {
				t.Errorf("Subscribe: %v, want Protocol Error", err)
			}
		}
	})
}

func TestMessagesGoToTheHandlerThatAskedForThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		note := func(name string) client.Handler {
			return func(m *client.Message) { got = append(got, name+" "+m.Topic) }
		}
		c, p := newStage(t).open(client.Options{Handler: note("default")}, mqtt.Connack{})
		subscribe := func(h client.Handler, id uint32, code mqtt.Reason, filters ...string) {
			t.Helper()
			var list []client.Filter
			var codes []mqtt.Reason
			for _, f := range filters {
				list, codes = append(list, client.Filter{Filter: f}), append(codes, code)
			}
			props := new(mqtt.Properties)
			if id > 0 {
				props.SubscriptionIDs = []uint32{id}
			}
			out := asked(func() ([]mqtt.Reason, error) {
				codes, _, err := c.SubscribeWith(t.Context(), list, props, h)
				return codes, err
			})
			s := expect(p, mqtt.SUBSCRIBE, new(mqtt.Subscribe))
			p.send(&mqtt.Suback{ID: s.ID, Codes: codes})
			if err := <-out; err != nil {
				t.Fatalf("Subscribe: %v", err)
			}
		}
		check := func(topic string, id uint32, want ...string) {
			t.Helper()
			got = nil
			m := mqtt.Publish{Topic: []byte(topic)}
			if id > 0 {
				m.Props.SubscriptionIDs = []uint32{id}
			}
			p.sendPublish(m)
			synctest.Wait()
			if !slices.Equal(got, want) {
				t.Errorf("topic %q, identifier %d: %q, want %q", topic, id, got, want)
			}
		}
		check("a/b", 0, "default a/b")
		subscribe(note("one"), 0, 0, "a/+", "a/#")
		check("a/b", 0, "one a/b") // both filters match, one Subscribe
		subscribe(note("two"), 7, 0, "a/b", "$share/g/s")
		check("a/b", 0, "one a/b", "two a/b")
		check("a/b", 7, "two a/b")
		check("s", 0, "two s")
		check("other", 99, "default other")
		subscribe(note("three"), 0, mqtt.NotAuthorized, "a/+", "x")
		check("a/b", 0, "one a/b", "two a/b") // refused: the old route is back
		check("x", 0, "default x")
		subscribe(nil, 0, 0, "a/+")
		check("a/c", 0, "default a/c", "one a/c")

		out := asked(func() ([]mqtt.Reason, error) { return c.Unsubscribe(t.Context(), "a/#", "a/b") })
		u := expect(p, mqtt.UNSUBSCRIBE, new(mqtt.Unsubscribe))
		p.send(&mqtt.Unsuback{ID: u.ID, Codes: []mqtt.Reason{0, mqtt.NotAuthorized}})
		<-out
		check("a/b/c", 0, "default a/b/c")
		check("a/b", 0, "default a/b", "two a/b")
	})
}
