package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

// relay is a chain of brokers each of which takes the place of the one before, as processes do. They have one clock.
type relay struct {
	*Broker
	t     *testing.T
	cfg   Config
	parts Parts
	clock steered
	addr  string
	mem   *store.Memory // nil: no store
	dirty bool          // stores say that they were not closed
	ends  sync.WaitGroup
}

func newRelay(t *testing.T, cfg Config, parts Parts) *relay {
	t.Helper()
	r := &relay{t: t, cfg: cfg, parts: parts}
	r.mem, _ = parts.Store.(*store.Memory)
	r.parts.Clock = r.clock.now
	r.Broker = unstarted(t, cfg, r.parts)
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop(t, r.Broker)
		r.ends.Wait()
	})
	r.addr = address(r.Broker, 0)
	return r
}

// pass has the next broker take the place of this one.
func (r *relay) pass() {
	r.t.Helper()
	before := r.Broker
	next, state := r.leave()
	next.parts.State = state
	if r.mem != nil {
		r.mem = r.mem.Reopen()
		next.parts.Store = r.mem
	}
	if err := next.Start(); err != nil {
		r.t.Fatalf("start on the state of the broker before: %v", err)
	}
	r.Broker = next
	r.ends.Go(func() { stop(r.t, before) }) // connections linger until their clients end them
}

// leave prepares the next broker and hands over; it is to be started on the state.
func (r *relay) leave() (next *Broker, state *bytes.Buffer) {
	r.t.Helper()
	parts := r.parts
	var err error
	if parts.Sockets, err = r.Sockets(); err != nil {
		r.t.Fatal(err)
	}
	next = unstarted(r.t, r.cfg, parts)
	if err := next.Prepare(); err != nil {
		r.t.Fatal(err)
	}
	state = new(bytes.Buffer)
	if err := r.HandOver(soon(r.t), state); err != nil {
		r.t.Fatalf("hand over: %v", err)
	}
	return next, state
}

// forward lets time pass on the broker's clock and waits until it has come to that.
func (r *relay) forward(d time.Duration) {
	r.t.Helper()
	r.clock.forward(d)
	passed(r.t, r.Broker, r.clock.now()+time.Second)
}

// wire is a client that says what it is told to, and tells what it hears in words.
type wire struct {
	net.Conn
	t    *testing.T
	v    mqtt.Version
	r    mqtt.Reader
	rest []byte
	buf  []byte
}

func newWire(t *testing.T, network, addr string, v mqtt.Version) *wire {
	t.Helper()
	nc, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return &wire{Conn: nc, t: t, v: v, buf: make([]byte, 4096)}
}

// join connects as a client whose session is kept for 1000 seconds.
func (r *relay) join(id string, with ...func(*mqtt.Connect)) *wire {
	r.t.Helper()
	w, _ := r.joined(id, with...)
	return w
}

// joined tells whether there was a session, too.
func (r *relay) joined(id string, with ...func(*mqtt.Connect)) (*wire, bool) {
	r.t.Helper()
	p := mqtt.Connect{Version: mqtt.V5, ClientID: []byte(id)}
	p.Props.SessionExpiry = 1000
	p.Props.Set(mqtt.PropSessionExpiry)
	for _, f := range with {
		f(&p)
	}
	w := newWire(r.t, "tcp", r.addr, p.Version)
	w.say(p.AppendTo(nil))
	ack := w.hear()
	if !strings.HasPrefix(ack, "connack 0x00") {
		r.t.Fatalf("%s connects: got %s", id, ack)
	}
	return w, ack == "connack 0x00 present"
}

func fleeting(p *mqtt.Connect) { p.Props = mqtt.Properties{} }
func clean(p *mqtt.Connect)    { p.CleanStart = true }
func v311(p *mqtt.Connect)     { p.Version = mqtt.V311 }

func window(n uint16) func(*mqtt.Connect) {
	return func(p *mqtt.Connect) {
		p.Props.ReceiveMaximum = n
		p.Props.Set(mqtt.PropReceiveMaximum)
	}
}

// willing has a will on topic "will" after so many seconds.
func willing(delay uint32, retain bool) func(*mqtt.Connect) {
	return func(p *mqtt.Connect) {
		p.HasWill = true
		p.Will = mqtt.Will{Topic: []byte("will"), Payload: p.ClientID, QoS: 1, Retain: retain}
		if delay > 0 {
			p.Will.Props.WillDelay = delay
			p.Will.Props.Set(mqtt.PropWillDelay)
		}
	}
}

func (w *wire) say(b []byte) {
	w.t.Helper()
	if _, err := w.Write(b); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) subscribe(id uint32, options byte, filters ...string) {
	w.t.Helper()
	p := mqtt.Subscribe{ID: 999}
	for _, f := range filters {
		p.Filters = append(p.Filters, mqtt.Subscription{Filter: []byte(f), Options: options})
	}
	if id != 0 {
		p.Props.SubscriptionIDs = []uint32{id}
	}
	w.say(p.AppendTo(nil, w.v, 0))
	for got := ""; !strings.HasPrefix(got, "suback"); {
		if got = w.hear(); strings.HasPrefix(got, "end") {
			w.t.Fatalf("subscribe %v: got %s", filters, got)
		}
	}
}

func (w *wire) publish(topic, payload string, qos byte, id uint16, with ...func(*mqtt.Publish)) {
	w.t.Helper()
	p := mqtt.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: qos, ID: id}
	for _, f := range with {
		f(&p)
	}
	w.say(p.AppendTo(nil, w.v))
}

func (w *wire) ack(typ mqtt.Type, id uint16) {
	w.t.Helper()
	w.say(mqtt.AppendAck(nil, typ, id, mqtt.Success, w.v))
}

// expect compares what comes with what is to come.
func (w *wire) expect(want ...string) {
	w.t.Helper()
	for i, s := range want {
		if got := w.hear(); got != s {
			w.t.Fatalf("packet %d of %q:\n got %s\nwant %s", i+1, want, got, s)
		}
	}
}

// expectAmong takes packets in this order, and apart anywhere among them: a PUBREL may wait for a commit when others do not.
func (w *wire) expectAmong(apart string, want ...string) {
	w.t.Helper()
	var got []string
	for range len(want) + 1 {
		got = append(got, w.hear())
	}
	i := slices.Index(got, apart)
	if i < 0 || !slices.Equal(slices.Delete(slices.Clone(got), i, i+1), want) {
		w.t.Fatalf("got %q, want %q in this order and %q anywhere among them", got, want, apart)
	}
}

// nothing makes sure that nothing but the answer to a PINGREQ comes.
func (w *wire) nothing() {
	w.t.Helper()
	w.say(mqtt.AppendPingreq(nil))
	w.expect("pingresp")
}

// hear tells the next packet in words, or how the connection ended.
func (w *wire) hear() string {
	w.t.Helper()
	_ = w.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		h, body, rest, err := w.r.Next(w.rest, 0)
		if err != nil {
			return "nonsense: " + err.Error()
		}
		if w.rest = rest; h.Type != 0 {
			return w.words(h, body)
		}
		n, err := w.Read(w.buf)
		w.rest = w.buf[:n]
		if n == 0 && err != nil {
			if errors.Is(err, io.EOF) {
				return "end"
			}
			return "end: " + err.Error()
		}
	}
}

func (w *wire) words(h mqtt.Header, body []byte) string {
	from := mqtt.Peer{Version: w.v, Server: true}
	s := strings.ToLower(h.Type.String())
	var err error
	switch h.Type {
	case mqtt.CONNACK:
		var p mqtt.Connack
		err = p.Decode(from, h.Flags, body)
		if s += fmt.Sprintf(" 0x%02X", byte(p.Reason)); p.SessionPresent {
			s += " present"
		}
	case mqtt.PUBLISH:
		var p mqtt.Publish
		err = p.Decode(from, h.Flags, body)
		s += publishWords(&p)
	case mqtt.DISCONNECT:
		var p mqtt.Disconnect
		err = p.Decode(from, h.Flags, body)
		s = strings.TrimSpace(fmt.Sprintf("%s 0x%02X %s", s, byte(p.Reason), p.Props.ServerReference))
	case mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP:
		p := mqtt.Ack{Type: h.Type}
		err = p.Decode(from, h.Flags, body)
		if s += fmt.Sprintf(" #%d", p.ID); p.Reason.Failed() {
			s += fmt.Sprintf(" 0x%02X", byte(p.Reason))
		}
	}
	if err != nil {
		return "nonsense: " + err.Error()
	}
	return s
}

func publishWords(p *mqtt.Publish) string {
	s := fmt.Sprintf(" %s=%s q%d", p.Topic, p.Payload, p.QoS)
	if p.QoS > 0 {
		s += fmt.Sprintf(" #%d", p.ID)
	}
	if p.Dup {
		s += " dup"
	}
	if p.Retain {
		s += " retain"
	}
	if len(p.Props.SubscriptionIDs) > 0 {
		s += fmt.Sprintf(" ids%v", slices.Sorted(slices.Values(p.Props.SubscriptionIDs))) // their order says nothing
	}
	if p.Props.Has(mqtt.PropMessageExpiry) {
		s += fmt.Sprintf(" expiry %d", p.Props.MessageExpiry)
	}
	if p.Props.Has(mqtt.PropContentType) {
		s += fmt.Sprintf(" type %s", p.Props.ContentType)
	}
	for _, u := range p.Props.User {
		s += fmt.Sprintf(" %s:%s", u.Name, u.Value)
	}
	return s
}
