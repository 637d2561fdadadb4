package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/penstock-mqtt/penstock/codec"
)

// ErrTLS is in the chain of an error of the TLS handshake.
var ErrTLS = errors.New("TLS handshake")

// ErrWebSocket is in the chain of an error of the upgrade from HTTP to WebSocket.
var ErrWebSocket = errors.New("WebSocket upgrade")

// open dials and puts the layers on top of each other. ctx bounds all of it.
func (o *Options) open(ctx context.Context, w way) (net.Conn, error) {
	conn, err := o.Dialer.DialContext(ctx, w.network, w.addr)
	if err != nil {
		return nil, err
	}
	if w.tls {
		secured := tls.Client(conn, o.tlsConfig(w))
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, fmt.Errorf("%w: %w", ErrTLS, early(err))
		}
		conn = secured
	}
	if w.ws {
		upgraded := newWebSocket(conn, &codec.ClientUpgrade{
			Host: w.host, Path: w.target, Subprotocols: []string{subprotocol(o.Version)}, Header: o.Header,
		})
		if err := within(ctx, conn, upgraded.upgrade); err != nil {
			conn.Close()
			if fault := new(codec.Fault); errors.As(err, &fault) {
				err = fault.Err // its cause is a label for counters
			}
			return nil, fmt.Errorf("%w: %w", ErrWebSocket, early(err))
		}
		conn = upgraded
	}
	return conn, nil
}

// tlsConfig fills in what depends on the address.
func (o *Options) tlsConfig(w way) *tls.Config {
	c := new(tls.Config)
	if o.TLS != nil {
		c = o.TLS.Clone()
	}
	if c.ServerName == "" {
		c.ServerName = w.name
	}
	if c.NextProtos == nil {
		c.NextProtos = []string{"mqtt"}
		if w.ws {
			c.NextProtos = []string{"http/1.1"} // what follows is HTTP, and must not become HTTP/2
		}
	}
	return c
}

// early makes an end readable that came before MQTT began.
func early(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the server closed the connection")
	}
	return err
}

// within does what waits for conn, but not longer than ctx.
func within(ctx context.Context, conn net.Conn, do func() error) error {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	err := do()
	if !stop() { // the deadline may already be in the past
		return ctx.Err()
	}
	return err
}
