package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// peer is the server's end of one connection, played by the test packet by packet. Most tests run it over
// net.Pipe in a synctest bubble: time is the bubble's, so waiting costs nothing and is exact.
type peer struct {
	t testing.TB
	net.Conn
	v mqtt.Version
}

// stage hands out the connections that clients under test open.
type stage struct {
	t     testing.TB
	conns chan net.Conn
}

func newStage(t testing.TB) *stage { return &stage{t: t, conns: make(chan net.Conn, 1)} }

func (s *stage) DialContext(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	s.conns <- far
	return near, nil
}

type dialed struct {
	c   *client.Client
	ack *mqtt.Connack
	err error
}

// dial starts a Dial and returns the server's end and, later, the outcome.
func (s *stage) dial(o client.Options) (*peer, <-chan dialed) {
	s.t.Helper()
	if o.Version == 0 {
		o.Version = mqtt.V5
	}
	o.Dialer = s
	out := make(chan dialed, 1)
	go func() {
		c, ack, err := client.Dial(s.t.Context(), o)
		out <- dialed{c, ack, err}
	}()
	select {
	case conn := <-s.conns:
		s.t.Cleanup(func() { conn.Close() })
		return &peer{t: s.t, Conn: conn, v: o.Version}, out
	case d := <-out:
		s.t.Fatalf("Dial(%+v) ended before it connected: %v", o, d.err)
		return nil, nil
	}
}

// open is dial, CONNECT and a CONNACK, which must be to the client's taste.
func (s *stage) open(o client.Options, ack mqtt.Connack) (*client.Client, *peer) {
	s.t.Helper()
	p, out := s.dial(o)
	p.connect()
	p.send(&ack)
	d := <-out
	if d.err != nil {
		s.t.Fatalf("Dial: %v", d.err)
	}
	s.t.Cleanup(func() { d.c.Close() })
	return d.c, p
}

// in runs f in a bubble under each version.
func in(t *testing.T, versions []mqtt.Version, name string, f func(t *testing.T, v mqtt.Version)) {
	t.Helper()
	for _, v := range versions {
		t.Run(short[v]+"/"+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, v) })
		})
	}
}

var (
	short = map[mqtt.Version]string{mqtt.V31: "v31", mqtt.V311: "v311", mqtt.V5: "v5"}
	all   = []mqtt.Version{mqtt.V31, mqtt.V311, mqtt.V5}
	v3    = []mqtt.Version{mqtt.V311}
	v5    = []mqtt.Version{mqtt.V5}
	both  = []mqtt.Version{mqtt.V311, mqtt.V5}
)

// read takes one packet off the wire.
func (p *peer) read() (h mqtt.Header, raw []byte, err error) {
	p.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		var b [1]byte
		if _, err := io.ReadFull(p, b[:]); err != nil {
			return h, raw, err
		}
		raw = append(raw, b[0])
		h, ok, err := mqtt.ReadHeader(raw)
		if err != nil {
			return h, raw, err
		}
		if ok {
			body := make([]byte, h.Remaining)
			_, err := io.ReadFull(p, body)
			return h, append(raw, body...), err
		}
	}
}

func (p *peer) raw() []byte {
	p.t.Helper()
	_, raw, err := p.read()
	if err != nil {
		p.t.Fatalf("read a packet: %v", err)
	}
	return raw
}

// connect takes the CONNECT, which must be the first packet.
func (p *peer) connect() *mqtt.Connect {
	p.t.Helper()
	h, raw, err := p.read()
	if err != nil || h.Type != mqtt.CONNECT {
		p.t.Fatalf("first packet is %v, %v; want CONNECT", h.Type, err)
	}
	c := new(mqtt.Connect)
	if err := c.Decode(h.Flags, raw[h.Size:]); err != nil {
		p.t.Fatalf("CONNECT % x: %v", raw, err)
	}
	return c
}

type decoder interface {
	Decode(from mqtt.Peer, flags byte, body []byte) error
}

// expect takes the next packet, which must be of type want and legal.
func expect[T decoder](p *peer, want mqtt.Type, into T) T {
	p.t.Helper()
	h, raw, err := p.read()
	if err != nil {
		p.t.Fatalf("waiting for %v: %v", want, err)
	}
	if h.Type != want {
		p.t.Fatalf("got %v (% x), want %v", h.Type, raw, want)
	}
	if err := into.Decode(mqtt.Peer{Version: p.v}, h.Flags, raw[h.Size:]); err != nil {
		p.t.Fatalf("%v % x: %v", want, raw, err)
	}
	return into
}

func (p *peer) publish() *mqtt.Publish {
	p.t.Helper()
	return expect(p, mqtt.PUBLISH, new(mqtt.Publish))
}

func (p *peer) ack(t mqtt.Type) *mqtt.Ack {
	p.t.Helper()
	return expect(p, t, &mqtt.Ack{Type: t})
}

func (p *peer) ping() {
	p.t.Helper()
	if h, raw, err := p.read(); err != nil || h.Type != mqtt.PINGREQ {
		p.t.Fatalf("got % x, %v; want PINGREQ", raw, err)
	}
}

func (p *peer) disconnect() *mqtt.Disconnect {
	p.t.Helper()
	return expect(p, mqtt.DISCONNECT, new(mqtt.Disconnect))
}

// write sends bytes as they are.
func (p *peer) write(b ...byte) {
	p.t.Helper()
	if _, err := p.Write(b); err != nil {
		p.t.Fatalf("send % x: %v", b, err)
	}
}

type encoder interface {
	AppendTo(dst []byte, v mqtt.Version, max int) []byte
}

func (p *peer) send(packets ...encoder) {
	p.t.Helper()
	var b []byte
	for _, k := range packets {
		b = k.AppendTo(b, p.v, 0)
	}
	p.write(b...)
}

func (p *peer) sendPublish(packets ...mqtt.Publish) {
	p.t.Helper()
	var b []byte
	for _, k := range packets {
		b = k.AppendTo(b, p.v)
	}
	p.write(b...)
}

func (p *peer) sendAck(t mqtt.Type, id uint16, r mqtt.Reason) {
	p.t.Helper()
	p.write(mqtt.AppendAck(nil, t, id, r, p.v)...)
}

// quiet insists that nothing comes for d.
func (p *peer) quiet(d time.Duration) {
	p.t.Helper()
	p.SetReadDeadline(time.Now().Add(d))
	var b [64]byte
	if n, err := p.Read(b[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("got % x, %v; want nothing for %v", b[:n], err, d)
	}
}

// eof insists that the client has closed the connection and said nothing more.
func (p *peer) eof() {
	p.t.Helper()
	p.SetReadDeadline(time.Now().Add(time.Minute))
	rest, err := io.ReadAll(p)
	if len(rest) > 0 || err != nil {
		p.t.Fatalf("got % x, %v; want the connection closed", rest, err)
	}
}

// complaint insists on a DISCONNECT with reason r (5.0) and on the end of the connection.
func (p *peer) complaint(r mqtt.Reason) {
	p.t.Helper()
	if p.v == mqtt.V5 {
		if d := p.disconnect(); d.Reason != r {
			p.t.Fatalf("DISCONNECT with %v, want %v", d.Reason, r)
		}
	}
	p.eof()
}

// drop cuts the connection and waits until the client has noticed.
func (p *peer) drop(c *client.Client) {
	p.t.Helper()
	p.Close()
	<-c.Done()
}

// result collects what a callback was told.
func result() (chan client.Result, func(client.Result)) {
	ch := make(chan client.Result, 16)
	return ch, func(r client.Result) { ch <- r }
}

func msg(topic string, qos byte) client.Message {
	return client.Message{Topic: topic, Payload: []byte(topic), QoS: qos}
}

// async starts a publish that must be accepted.
func async(t testing.TB, c *client.Client, m client.Message, done func(client.Result)) {
	t.Helper()
	if err := c.PublishAsync(t.Context(), m, done); err != nil {
		t.Fatalf("PublishAsync(%q, QoS %d): %v", m.Topic, m.QoS, err)
	}
}

// durable is what it takes to have a session that outlives connections.
func durable(v mqtt.Version, s *client.Session) client.Options {
	o := client.Options{Version: v, ClientID: "durable", Session: s}
	o.Props.SessionExpiry = 100
	o.Props.Set(mqtt.PropSessionExpiry)
	return o
}
