package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Conn is a network connection to a broker, seen from the client.
type Conn struct {
	*net.TCPConn
	V mqtt.Version

	r    mqtt.Reader
	buf  []byte
	rest []byte // read and not looked at; in buf

	layer net.Conn // what TLS and WebSocket make of the socket; nil: plain
}

// Dial opens a connection. It comes from one of many addresses of this machine, so that a long test does not run out of
// ports.
func Dial(addr string, v mqtt.Version) (*Conn, error) {
	d := net.Dialer{Timeout: Patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, byte(rand.IntN(256)), byte(1+rand.IntN(254)))}}
	nc, err := d.DialContext(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Conn{TCPConn: nc.(*net.TCPConn), V: v}, nil
}

// Cut closes the connection with a reset, so that what was sent may be lost.
func (c *Conn) Cut() {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// Next returns the next packet. The body is good until the next call.
func (c *Conn) Next(wait time.Duration) (mqtt.Header, []byte, error) {
	if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return mqtt.Header{}, nil, err
	}
	if c.buf == nil {
		c.buf = make([]byte, 4096)
	}
	for {
		h, body, rest, err := c.r.Next(c.rest, 0)
		if err != nil {
			return h, nil, fmt.Errorf("what the broker sends makes no sense: %w", err)
		}
		c.rest = rest
		if h.Type != 0 {
			return h, body, nil
		}
		n, err := c.Read(c.buf)
		c.rest = c.buf[:n]
		if n == 0 && err != nil {
			return h, nil, err
		}
	}
}

// Decode reads a packet of the broker's.
func (c *Conn) Decode(h mqtt.Header, body []byte) (any, error) {
	from := mqtt.Peer{Version: c.V, Server: true}
	if err := h.Check(from); err != nil {
		return nil, err
	}
	p := decoder(h.Type)
	if p == nil {
		return nil, mqtt.DecodePing(from, h.Flags, body)
	}
	return p, p.Decode(from, h.Flags, body)
}

type packet interface {
	Decode(from mqtt.Peer, flags byte, body []byte) error
}

func decoder(t mqtt.Type) packet {
	switch t {
	case mqtt.CONNACK:
		return &mqtt.Connack{}
	case mqtt.PUBLISH:
		return &mqtt.Publish{}
	case mqtt.SUBACK:
		return &mqtt.Suback{}
	case mqtt.UNSUBACK:
		return &mqtt.Unsuback{}
	case mqtt.DISCONNECT:
		return &mqtt.Disconnect{}
	case mqtt.AUTH:
		return &mqtt.Auth{}
	case mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP:
		return &mqtt.Ack{Type: t}
	}
	return nil
}

// Connect sends p and waits for the CONNACK.
func (c *Conn) Connect(p *mqtt.Connect) (mqtt.Connack, error) {
	p.Version = c.V
	if _, err := c.Write(p.AppendTo(nil)); err != nil {
		return mqtt.Connack{}, err
	}
	h, body, err := c.Next(Patience)
	if err != nil {
		return mqtt.Connack{}, err
	}
	got, err := c.Decode(h, body)
	if err != nil {
		return mqtt.Connack{}, err
	}
	ack, ok := got.(*mqtt.Connack)
	if !ok {
		return mqtt.Connack{}, fmt.Errorf("got %v, want a CONNACK", h.Type)
	}
	return *ack, nil
}

// Ended tells whether err says that the peer has closed the connection.
func Ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
