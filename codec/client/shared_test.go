package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func TestASessionServesOneConnectionAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := durable(mqtt.V5, client.NewSession())
		s := newStage(t)
		_, p := s.open(o, mqtt.Connack{})
		o.Dialer = s
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := client.Dial(ctx, o); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("second Dial: %v, want deadline exceeded", err)
		}
		go func() { <-time.After(time.Minute); p.Close() }()
		s.open(o, mqtt.Connack{SessionPresent: true}) // waits for the first to end
	})
}

// A session may go on under another protocol version: what is open is encoded anew.
func TestASessionChangesVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := client.NewSession()
		c, p := newStage(t).open(durable(mqtt.V5, s), mqtt.Connack{})
		async(t, c, withProps(msg("a", 2), func(p *mqtt.Properties) {
			p.ContentType = []byte("text/plain")
			p.Set(mqtt.PropContentType)
		}), nil)
		p.publish()
		p.drop(c)
		_, p = newStage(t).open(durable(mqtt.V311, s), mqtt.Connack{SessionPresent: true})
		if m := p.publish(); !m.Dup || m.ID != 1 || string(m.Payload) != "a" {
			t.Errorf("resumed with %+v, want the message with id 1 and DUP", m)
		}
	})
}

// Over TCP, from many goroutines, with a server that acknowledges everything: nothing is lost, and
// the order of each publisher is kept.
func TestPublishersShareAConnection(t *testing.T) {
	for v, name := range map[mqtt.Version]string{mqtt.V31: "v31/tcp", mqtt.V311: "v311/MQTT-7.1.2-1", mqtt.V5: "v5/MQTT-4.2.0-1"} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			const publishers, each = 8, 200
			got := make(chan map[string][]string, 1)
			go func() {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				got <- collect(&peer{t: t, Conn: conn, v: v})
			}()
			c, _, err := client.Dial(t.Context(), client.Options{
				Addr: ln.Addr().String(), Version: v, ClientID: "many", CleanStart: true, Inflight: 10,
			})
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for i := range publishers {
				wg.Go(func() {
					for n := range each {
						m := client.Message{Topic: fmt.Sprint(i), Payload: fmt.Append(nil, n), QoS: byte(i % 3)}
						if err := c.Publish(t.Context(), m); err != nil {
							t.Errorf("publisher %d, message %d: %v", i, n, err)
							return
						}
					}
				})
			}
			wg.Wait()
			if err := c.Disconnect(t.Context(), mqtt.NormalDisconnection); err != nil {
				t.Errorf("Disconnect: %v", err)
			}
			topics := <-got
			var wantOrder []string
			for n := range each {
				wantOrder = append(wantOrder, fmt.Sprint(n))
			}
			for i := range publishers {
				if have := topics[fmt.Sprint(i)]; !slices.Equal(have, wantOrder) {
					t.Errorf("publisher %d: server got %d messages in order %v…, want %d", i, len(have), have[:min(5, len(have))], each)
				}
			}
		})
	}
}

// collect plays a server until DISCONNECT and returns the payloads by topic.
func collect(p *peer) map[string][]string {
	p.connect()
	p.send(&mqtt.Connack{})
	got := make(map[string][]string)
	for {
		h, raw, err := p.read()
		if err != nil {
			p.t.Errorf("server: %v", err)
			return got
		}
		from := mqtt.Peer{Version: p.v}
		switch h.Type {
		case mqtt.PUBLISH:
			var m mqtt.Publish
			if err := m.Decode(from, h.Flags, raw[h.Size:]); err != nil {
				p.t.Errorf("server: PUBLISH % x: %v", raw, err)
				return got
			}
			got[string(m.Topic)] = append(got[string(m.Topic)], string(m.Payload))
			if m.QoS > 0 {
				p.sendAck([]mqtt.Type{1: mqtt.PUBACK, 2: mqtt.PUBREC}[m.QoS], m.ID, mqtt.Success)
			}
		case mqtt.PUBREL:
			a := mqtt.Ack{Type: mqtt.PUBREL}
			a.Decode(from, h.Flags, raw[h.Size:])
			p.sendAck(mqtt.PUBCOMP, a.ID, mqtt.Success)
		case mqtt.DISCONNECT:
			return got
		}
	}
}
