package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// trace writes a line per packet, in the words of mosquitto's -d.
type trace struct {
	out     io.Writer
	version mqtt.Version

	mu sync.Mutex
	id string
}

func newTrace(out io.Writer, o *client.Options) *trace {
	return &trace{out: out, version: o.Version, id: o.ClientID}
}

func (t *trace) attach(o *client.Options) { o.Sent, o.Received = t.sent, t.received }

func (t *trace) line(format string, a ...any) {
	t.mu.Lock()
	id := t.id
	t.mu.Unlock()
	if id == "" {
		id = "(null)"
	}
	fmt.Fprintf(t.out, "Client %s "+format+"\n", append([]any{id}, a...)...)
}

func (t *trace) sent(h mqtt.Header, body []byte) {
	from := mqtt.Peer{Version: t.version}
	switch h.Type {
	case mqtt.PUBLISH:
		t.publish("sending", from, h, body)
	case mqtt.PUBACK, mqtt.PUBREC:
		a := t.ack(from, h, body)
		t.line("sending %v (m%d, rc%d)", h.Type, a.ID, a.Reason)
	case mqtt.PUBREL, mqtt.PUBCOMP:
		t.line("sending %v (m%d)", h.Type, t.ack(from, h, body).ID)
	case mqtt.SUBSCRIBE:
		var p mqtt.Subscribe
		if p.Decode(from, h.Flags, body) == nil {
			for _, f := range p.Filters {
				t.line("sending SUBSCRIBE (Mid: %d, Topic: %s, QoS: %d, Options: 0x%02x)", p.ID, f.Filter, f.QoS(), f.Options&^3)
			}
		}
	case mqtt.UNSUBSCRIBE:
		var p mqtt.Unsubscribe
		if p.Decode(from, h.Flags, body) == nil {
			for _, f := range p.Filters {
				t.line("sending UNSUBSCRIBE (Mid: %d, Topic: %s)", p.ID, f)
			}
		}
	default:
		t.line("sending %v", h.Type)
	}
}

func (t *trace) received(h mqtt.Header, body []byte) {
	from := mqtt.Peer{Version: t.version, Server: true}
	switch h.Type {
	case mqtt.CONNACK:
		t.connack(from, h, body)
	case mqtt.PUBLISH:
		t.publish("received", from, h, body)
	case mqtt.PUBACK, mqtt.PUBCOMP:
		a := t.ack(from, h, body)
		t.line("received %v (Mid: %d, RC:%d)", h.Type, a.ID, a.Reason)
	case mqtt.PUBREC, mqtt.PUBREL:
		t.line("received %v (Mid: %d)", h.Type, t.ack(from, h, body).ID)
	case mqtt.SUBACK:
		t.line("received SUBACK")
		var p mqtt.Suback
		if p.Decode(from, h.Flags, body) == nil {
			var codes []string
			for _, c := range p.Codes {
				codes = append(codes, strconv.Itoa(int(c)))
			}
			fmt.Fprintf(t.out, "Subscribed (mid: %d): %s\n", p.ID, strings.Join(codes, ", "))
		}
	case mqtt.DISCONNECT:
		var p mqtt.Disconnect
		if p.Decode(from, h.Flags, body) == nil {
			t.line("received DISCONNECT (%d)", p.Reason)
		}
	default:
		t.line("received %v", h.Type)
	}
}

func (t *trace) connack(from mqtt.Peer, h mqtt.Header, body []byte) {
	var p mqtt.Connack
	if p.Decode(from, h.Flags, body) != nil {
		return
	}
	if p.Props.Has(mqtt.PropAssignedClientID) {
		t.mu.Lock()
		t.id = string(p.Props.AssignedClientID)
		t.mu.Unlock()
	}
	code := byte(p.Reason)
	if c, ok := p.Reason.ConnackV3(); ok && t.version < mqtt.V5 {
		code = c
	}
	t.line("received CONNACK (%d)", code)
}

func (t *trace) publish(verb string, from mqtt.Peer, h mqtt.Header, body []byte) {
	var p mqtt.Publish
	if p.Decode(from, h.Flags, body) != nil {
		return
	}
	dup, retain := 0, 0
	if p.Dup {
		dup = 1
	}
	if p.Retain {
		retain = 1
	}
	t.line("%s PUBLISH (d%d, q%d, r%d, m%d, '%s', ... (%d bytes))", verb, dup, p.QoS, retain, p.ID, p.Topic, len(p.Payload))
}

func (t *trace) ack(from mqtt.Peer, h mqtt.Header, body []byte) *mqtt.Ack {
	a := &mqtt.Ack{Type: h.Type}
	if err := a.Decode(from, h.Flags, body); err != nil {
		return &mqtt.Ack{}
	}
	return a
}

// lockedWriter lets packets and messages share an output line by line.
type lockedWriter struct {
	mu  sync.Mutex
	out io.Writer
}

// Write passes b on in one piece.
func (w *lockedWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(b)
}
