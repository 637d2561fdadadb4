package badinput

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// As many filters as a packet can hold are granted, and the retained messages for each of them are sent one filter
// after the other, so that they are never all in memory.
func TestThousandsOfFiltersInOneSubscribe(t *testing.T) {
	const retained, filters = 5000, 40000
	b := rig.Start(t, rig.Config(1), engine.Parts{}) // the neighbour is on the same loop
	c := connect(t, b, mqtt.V311, "c")
	for i := range retained {
		p := mqtt.Publish{Topic: fmt.Appendf(nil, "%d/b", i), Payload: make([]byte, 200), Retain: true}
		write(t, c, p.AppendTo(nil, c.V))
	}
	for _, filter := range []string{"#", "+/none"} {
		t.Run(filter, func(t *testing.T) {
			n := settle(t, b)
			p := mqtt.Subscribe{ID: 1}
			for range filters {
				p.Filters = append(p.Filters, mqtt.Subscription{Filter: []byte(filter)})
			}
			greedy := connect(t, b, mqtt.V5, "greedy")
			write(t, greedy, p.AppendTo(nil, greedy.V, 0))
			var ack mqtt.Suback
			if err := ack.Decode(mqtt.Peer{Version: mqtt.V5, Server: true}, 0, want(t, greedy, mqtt.SUBACK)); err != nil || len(ack.Codes) != filters {
				t.Fatalf("got a SUBACK with %d codes, %v, want %d", len(ack.Codes), err, filters)
			}
			v := b.Inventory()
			if most := int(engine.DefaultConfig().Limits.MaxOutboundBytes); v.OutputBytes > most || v.Messages > 2*retained {
				t.Errorf("while retained messages are sent: got %d bytes to be written and %d messages, want at most %d and %d", v.OutputBytes, v.Messages, most, 2*retained)
			}
			for i := range 3 * retained { // of twenty million for "#"
				if filter == "#" {
					if h, _, err := greedy.Next(rig.Patience); err != nil || h.Type != mqtt.PUBLISH {
						t.Fatalf("retained message %d: got %v, %v", i, h.Type, err)
					}
				}
			}
			greedy.Cut()
			n.leave()
		})
	}
	_ = c.Close()
	b.Forward(0)
	b.Empty(retained)
}

// A client that subscribes on and on and acknowledges none of the retained messages is sent away.
func TestRetainedMessagesThatNobodyTakes(t *testing.T) {
	b := rig.Start(t, rig.Config(1), engine.Parts{})
	n := settle(t, b)
	c := connect(t, b, mqtt.V5, "c")
	p := mqtt.Publish{Topic: []byte("a"), QoS: 1, ID: 1, Retain: true, Payload: []byte("p")}
	write(t, c, p.AppendTo(nil, c.V))
	want(t, c, mqtt.PUBACK)
	s := mqtt.Subscribe{ID: 1}
	for range 40000 {
		s.Filters = append(s.Filters, mqtt.Subscription{Filter: []byte("#"), Options: 1})
	}
	packet := s.AppendTo(nil, c.V, 0)
	for range 10 {
		write(t, c, packet)
	}
	var end mqtt.Disconnect
	for {
		h, body, err := c.Next(rig.Patience)
		if err != nil {
			t.Fatalf("%v, want DISCONNECT", err)
		}
		if h.Type == mqtt.DISCONNECT {
			err = end.Decode(mqtt.Peer{Version: mqtt.V5, Server: true}, h.Flags, body)
			if err != nil || end.Reason != mqtt.QuotaExceeded {
				t.Errorf("got DISCONNECT %v, %v, want %v", end.Reason, err, mqtt.QuotaExceeded)
			}
			break
		}
	}
	_ = c.Close()
	n.leave()
	b.Forward(0)
	b.Empty(1)
}

// The longest topic there is goes through as any other, and one of too many levels is refused.
func TestLongestTopics(t *testing.T) {
	b := rig.Start(t, rig.Config(2), engine.Parts{})
	n := settle(t, b)
	c := connectAs(t, b, mqtt.V5, &mqtt.Connect{ClientID: []byte("c"), CleanStart: true, HasWill: true,
		Will: mqtt.Will{Topic: bytes.Repeat([]byte("w"), 65535), Payload: []byte("bye")}})
	long := strings.Repeat("/x", 60) + strings.Repeat("y", 65535-120)
	subscribe(t, c, long[:len(long)-1]+"y", 1)
	p := mqtt.Publish{Topic: []byte(long), QoS: 1, ID: 1, Payload: []byte("p"), Retain: true}
	write(t, c, p.AppendTo(nil, c.V))
	for range 2 {
		h, body, err := c.Next(rig.Patience)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Decode(h, body)
		if err != nil {
			t.Fatal(err)
		}
		switch m := got.(type) {
		case *mqtt.Publish:
			if string(m.Topic) != long {
				t.Errorf("got a topic of %d bytes, want the %d that were published", len(m.Topic), len(long))
			}
		case *mqtt.Ack:
			if m.Reason != mqtt.Success {
				t.Errorf("got PUBACK %v, want success", m.Reason)
			}
		}
	}
	p.Topic, p.ID = []byte(strings.Repeat("/", 65535)), 2
	write(t, c, p.AppendTo(nil, c.V))
	var ack = mqtt.Ack{Type: mqtt.PUBACK}
	if err := ack.Decode(mqtt.Peer{Version: mqtt.V5, Server: true}, 0, want(t, c, mqtt.PUBACK)); err != nil || ack.Reason != mqtt.TopicNameInvalid {
		t.Errorf("65,536 levels: got %v, %v, want %v", ack.Reason, err, mqtt.TopicNameInvalid)
	}
	s := mqtt.Subscribe{ID: 3, Filters: []mqtt.Subscription{{Filter: p.Topic}, {Filter: append(bytes.Repeat([]byte("+/"), 32767), '#')}}}
	write(t, c, s.AppendTo(nil, c.V, 0))
	var suback mqtt.Suback
	if err := suback.Decode(mqtt.Peer{Version: mqtt.V5, Server: true}, 0, want(t, c, mqtt.SUBACK)); err != nil || !suback.Codes[0].Failed() || !suback.Codes[1].Failed() {
		t.Errorf("filters of thousands of levels: got %v, %v, want them refused", suback.Codes, err)
	}
	_ = c.Close()
	n.leave()
	b.Forward(0)
	b.Empty(1)
}

// A megabyte of User Properties arrives in order with those who know them, and costs nothing once it is written.
func TestManyUserProperties(t *testing.T) {
	b := rig.Start(t, rig.Config(2), engine.Parts{})
	n := settle(t, b)
	c, old := connect(t, b, mqtt.V5, "c"), connect(t, b, mqtt.V311, "old")
	subscribe(t, c, "props", 0)
	subscribe(t, old, "props", 0)
	p := mqtt.Publish{Topic: []byte("props"), Payload: []byte("p")}
	for i := range 60000 {
		p.Props.User = append(p.Props.User, mqtt.UserProperty{Name: fmt.Appendf(nil, "%d", i), Value: []byte("v")})
	}
	write(t, c, p.AppendTo(nil, c.V))
	var got mqtt.Publish
	if err := got.Decode(mqtt.Peer{Version: mqtt.V5, Server: true}, 0, want(t, c, mqtt.PUBLISH)); err != nil || len(got.Props.User) != len(p.Props.User) {
		t.Fatalf("got %d user properties, %v, want %d", len(got.Props.User), err, len(p.Props.User))
	}
	for i, u := range got.Props.User {
		if string(u.Name) != fmt.Sprint(i) {
			t.Fatalf("property %d: got %q, want %q", i, u.Name, fmt.Sprint(i))
		}
	}
	if body := want(t, old, mqtt.PUBLISH); len(body) != 2+5+1 {
		t.Errorf("a 3.1.1 client got %d bytes, want 8", len(body))
	}
	_, _ = c.Close(), old.Close()
	n.leave()
	b.Forward(0)
	b.Empty(0)
}

// All aliases may be set and used, over and over; the first beyond the maximum ends the connection, as one does that
// was never set.
func TestTopicAliasesAreHeldToTheirMaximum(t *testing.T) {
	cfg := rig.Config(2)
	b := rig.Start(t, cfg, engine.Parts{})
	n := settle(t, b)
	most := cfg.Limits.TopicAliasMaximum
	aliased := func(topic string, alias int) []byte {
		p := mqtt.Publish{Topic: []byte(topic), QoS: 1, ID: 1}
		p.Props.Set(mqtt.PropTopicAlias)
		p.Props.TopicAlias = uint16(alias)
		return p.AppendTo(nil, mqtt.V5)
	}
	sub := connect(t, b, mqtt.V5, "sub")
	subscribe(t, sub, "alias/#", 0)
	for _, c := range []struct {
		what   string
		last   []byte
		reason mqtt.Reason
	}{
		{"an alias above the maximum", aliased("alias/x", most+1), mqtt.TopicAliasInvalid},
		{"the highest alias", aliased("alias/x", 65535), mqtt.TopicAliasInvalid},
		{"an alias that was not set on this connection", aliased("", most), mqtt.ProtocolError},
	} {
		conn := connect(t, b, mqtt.V5, "c")
		for round := range 20 {
			for i := 1; i < most; i++ {
				topic := fmt.Sprintf("alias/%d/%d", round, i)
				write(t, conn, append(aliased(topic, i), aliased("", i)...))
				for range 2 {
					want(t, conn, mqtt.PUBACK)
					var p mqtt.Publish
					if err := p.Decode(mqtt.Peer{Version: mqtt.V5, Server: true}, 0, want(t, sub, mqtt.PUBLISH)); err != nil || string(p.Topic) != topic {
						t.Fatalf("alias %d: got topic %q, %v, want %q", i, p.Topic, err, topic)
					}
				}
			}
		}
		write(t, conn, c.last)
		var p mqtt.Disconnect
		if err := p.Decode(mqtt.Peer{Version: mqtt.V5, Server: true}, 0, want(t, conn, mqtt.DISCONNECT)); err != nil || p.Reason != c.reason {
			t.Errorf("%s: got %v, %v, want %v", c.what, p.Reason, err, c.reason)
		}
	}
	n.leave()
}
