package client_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func TestRulesEnd(t *testing.T) {
	goodbye := func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true}, mqtt.Connack{})
		out := make(chan error, 1)
		go func() { out <- c.Disconnect(t.Context(), mqtt.NormalDisconnection) }()
		if raw := p.raw(); !bytes.Equal(raw, []byte{0xE0, 0}) {
			t.Errorf("DISCONNECT % x, want e0 00", raw)
		}
		p.eof()
		if err := <-out; err != nil {
			t.Errorf("Disconnect: %v", err)
		}
		if err := c.Err(); err != client.ErrClosed {
			t.Errorf("Err() = %v, want ErrClosed", err)
		}
		for qos := range byte(3) {
			if err := c.Publish(t.Context(), msg("a", qos)); err != client.ErrClosed {
				t.Errorf("Publish at QoS %d after Disconnect: %v, want ErrClosed", qos, err)
			}
		}
	}
	in(t, both, "MQTT-3.14.4-1", goodbye)
	in(t, both, "MQTT-3.14.4-2", goodbye)
	in(t, v5, "MQTT-3.14.2-1", func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{}, mqtt.Connack{})
		for _, r := range []mqtt.Reason{mqtt.SessionTakenOver, mqtt.GrantedQoS1, 0xFF} {
			if err := c.Disconnect(t.Context(), r); !errors.Is(err, client.ErrMessage) {
				t.Errorf("Disconnect(%v): %v, want ErrMessage", r, err)
			}
		}
		go c.Disconnect(t.Context(), mqtt.DisconnectWithWillMessage)
		if d := p.disconnect(); d.Reason != mqtt.DisconnectWithWillMessage {
			t.Errorf("DISCONNECT with %v, want Disconnect with Will Message", d.Reason)
		}
	})
	trimmed := func(t *testing.T, v mqtt.Version) {
		ack := connack(func(p *mqtt.Properties) { p.MaximumPacketSize = 20; p.Set(mqtt.PropMaximumPacketSize) })
		c, p := newStage(t).open(client.Options{}, ack)
		d := &mqtt.Disconnect{Reason: mqtt.ImplementationSpecificError}
		d.Props.ReasonString = []byte("a rather long story about why")
		d.Props.Set(mqtt.PropReasonString)
		d.Props.User = []mqtt.UserProperty{{Name: []byte("name"), Value: []byte("a rather long value")}}
		go c.DisconnectWith(t.Context(), d)
		if raw := p.raw(); len(raw) > 20 || raw[2] != byte(mqtt.ImplementationSpecificError) {
			t.Errorf("DISCONNECT % x, want reason 83 in at most 20 bytes", raw)
		}
	}
	in(t, v5, "MQTT-3.14.2-3", trimmed)
	in(t, v5, "MQTT-3.14.2-4", trimmed)
	in(t, v5, "the-session-may-end-with-disconnect-but-not-begin-to-last", func(t *testing.T, v mqtt.Version) {
		// A session that was to end with its connection cannot be kept by the DISCONNECT.
		d := &mqtt.Disconnect{Props: mqtt.Properties{SessionExpiry: 9}}
		d.Props.Set(mqtt.PropSessionExpiry)
		c, _ := newStage(t).open(client.Options{}, mqtt.Connack{})
		if err := c.DisconnectWith(t.Context(), d); !errors.Is(err, client.ErrMessage) {
			t.Errorf("DisconnectWith: %v, want ErrMessage", err)
		}
		// The other way round the session is over on this side, too.
		s := client.NewSession()
		ended, done := result()
		c, p := newStage(t).open(durable(v, s), mqtt.Connack{})
		async(t, c, msg("a", 1), done)
		p.publish()
		d.Props.SessionExpiry = 0
		go c.DisconnectWith(t.Context(), d)
		if got := p.disconnect(); !got.Props.Has(mqtt.PropSessionExpiry) || got.Props.SessionExpiry != 0 {
			t.Errorf("DISCONNECT %+v, want Session Expiry Interval 0", got)
		}
		if r := <-ended; !errors.Is(r.Err, client.ErrSessionLost) {
			t.Errorf("publish ended with %v, want ErrSessionLost", r.Err)
		}
	})
	in(t, v5, "MQTT-3.14.1-1", func(t *testing.T, v mqtt.Version) {
		_, p := newStage(t).open(client.Options{}, mqtt.Connack{})
		p.write(0xE1, 0)
		p.complaint(mqtt.MalformedPacket)
	})
	in(t, v5, "MQTT-3.15.1-1", func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{Auth: &secret{}}, authenticated())
		go c.Reauthenticate(t.Context())
		p.auth(mqtt.ReAuthenticate, "hello")
		p.write(0xF1, 0)
		p.complaint(mqtt.MalformedPacket)
	})
	in(t, v5, "MQTT-4.13.2-1", func(t *testing.T, v mqtt.Version) {
		s := newStage(t)
		p, out := s.dial(client.Options{})
		p.connect()
		ack := mqtt.Connack{Reason: mqtt.UseAnotherServer}
		ack.Props.ServerReference = []byte("other:1883")
		ack.Props.Set(mqtt.PropServerReference)
		p.send(&ack)
		p.eof()
		var refusal *client.ServerError
		if d := <-out; !errors.Is(d.err, mqtt.UseAnotherServer) || !errors.As(d.err, &refusal) || refusal.Reference != "other:1883" || d.ack == nil {
			t.Errorf("Dial: %v, %v; want Use another server, other:1883", d.ack, d.err)
		}

		c, p := s.open(client.Options{}, mqtt.Connack{})
		bye := mqtt.Disconnect{Reason: mqtt.ServerShuttingDown}
		bye.Props.ReasonString = []byte("maintenance")
		bye.Props.Set(mqtt.PropReasonString)
		p.send(&bye)
		p.eof()
		if err := c.Err(); !errors.Is(err, mqtt.ServerShuttingDown) || !errors.As(err, &refusal) || refusal.Text != "maintenance" {
			t.Errorf("Err() = %v, want Server shutting down (maintenance)", err)
		}
	})
	// Protocol violations end the connection, in 5.0 with the reason.
	in(t, v3, "MQTT-4.8.0-1", violations)
	in(t, v3, "MQTT-2.2.2-2", violations)
	in(t, v3, "MQTT-3.3.1-4/incoming", violations)
	in(t, v5, "violations-end-the-connection", violations)
}

func violations(t *testing.T, v mqtt.Version) {
	props := []byte{}
	if v == mqtt.V5 {
		props = []byte{0}
	}
	for _, bad := range []struct {
		packet []byte
		reason mqtt.Reason
	}{
		{[]byte{0x36, 5, 0, 1, 't', 0, 1}, mqtt.MalformedPacket},                                     // QoS 3
		{[]byte{0x10, 0}, mqtt.ProtocolError},                                                        // a client's packet
		{[]byte{0xC0, 0}, mqtt.ProtocolError},                                                        // PINGREQ
		{[]byte{0x00, 0}, mqtt.MalformedPacket},                                                      // no type
		{[]byte{0xD1, 0}, mqtt.MalformedPacket},                                                      // flags
		{[]byte{0x60, 2, 0, 1}, mqtt.MalformedPacket},                                                // PUBREL without its flags
		{[]byte{0x40, 1, 0}, mqtt.MalformedPacket},                                                   // cut short
		{[]byte{0x30, 0xFF, 0xFF, 0xFF, 0xFF, 1}, mqtt.MalformedPacket},                              // Remaining Length of 5 bytes
		{slices.Concat([]byte{0x30, byte(3 + len(props)), 0, 1, 0xFF}, props), mqtt.MalformedPacket}, // UTF-8
		{slices.Concat([]byte{0x30, byte(3 + len(props)), 0, 1, '#'}, props), mqtt.TopicNameInvalid},
	} {
		c, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true}, mqtt.Connack{})
		p.write(bad.packet...)
		p.complaint(bad.reason)
		<-c.Done()
		if err := c.Err(); !errors.Is(err, bad.reason) {
			t.Errorf("packet % x: Err() = %v, want %v", bad.packet, err, bad.reason)
		}
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	in(t, all, "before-connack", func(t *testing.T, v mqtt.Version) {
		s := newStage(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() { (&peer{t: t, Conn: <-s.conns, v: v}).connect() }()
		_, _, err := client.Dial(ctx, client.Options{Version: v, ClientID: "me", CleanStart: true, Dialer: s})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Dial to a silent server: %v, want deadline exceeded", err)
		}
	})
	in(t, all, "refusals", func(t *testing.T, v mqtt.Version) {
		for _, first := range [][]byte{{0x20}, {0x20, 2, 0}, {0xD0, 0}, {0x20, 3, 0, 0x99, 0}, {0x20, 2, 0, 9}, {}} {
			p, out := newStage(t).dial(client.Options{Version: v, ClientID: "me", CleanStart: true})
			p.connect()
			p.write(first...)
			p.Close()
			if d := <-out; d.err == nil {
				t.Errorf("Dial succeeded on % x", first)
			}
		}
	})
	in(t, v3, "refusals-carry-their-reason", func(t *testing.T, v mqtt.Version) {
		p, out := newStage(t).dial(client.Options{Version: v, ClientID: "me"})
		p.connect()
		p.write(0x20, 2, 0, 5)
		if d := <-out; !errors.Is(d.err, mqtt.NotAuthorized) || d.ack == nil {
			t.Errorf("Dial: %v, want Not authorized with its CONNACK", d.err)
		}
	})
}
