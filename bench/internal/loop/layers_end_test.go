package loop

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/codec"
)

// last is an owner that says something at its end, in the middle of the read that brings the reason.
type last struct{ *owner }

func (l last) Data(c *Conn, b []byte) {
	l.owner.Data(c, b)
	c.Out = append(c.Out, "bye"...)
	c.Close()
}

func TestClosingEndsEachLayerInOrder(t *testing.T) {
	server, client := trusted(t)
	upgrade := &codec.ClientUpgrade{Host: "localhost", Path: "/mqtt", Subprotocols: []string{"mqtt"}}
	type end struct {
		said string
		err  error
	}
	ends := make(chan end, 1)
	plain := func(c net.Conn) {
		_, _ = c.Write([]byte("hello"))
		b, err := io.ReadAll(c)
		ends <- end{string(b), err}
	}
	framed := func(c net.Conn) {
		var said []byte
		err := web(c, func(p []byte) []byte {
			said = append(said, p...)
			return []byte("hello")[:5*min(1, len(p)&1)] // to the first, which is of one byte
		})
		if err == io.EOF { // the close frame, in order
			err = nil
			if _, secure := c.(*tls.Conn); secure { // which has an end of its own
				if _, err = c.Read(make([]byte, 1)); err == io.EOF {
					err = nil
				}
			}
		}
		ends <- end{string(said), err}
	}
	for _, l := range []struct {
		name  string
		serve func(net.Conn)
		cfg   *Layers
		said  string
	}{
		{"tls", func(c net.Conn) { plain(tls.Server(c, server)) }, &Layers{TLS: client}, "bye"},
		{"ws", framed, &Layers{WebSocket: upgrade}, "?bye"},
		{"wss", func(c net.Conn) { framed(tls.Server(c, server)) }, &Layers{TLS: client, WebSocket: upgrade}, "?bye"},
	} {
		g := start(t, Config{Addr: echo(t, l.serve), Layers: l.cfg})
		o := newOwner()
		g.Dial(nil, last{o})
		c := await(t, o.opened, "connection")
		if l.cfg.WebSocket != nil {
			do(t, c.Loop(), func() { c.Out = append(c.Out, '?'); c.Flush() })
		}
		if got := await(t, ends, "end at the peer"); got.said != l.said || got.err != nil {
			t.Errorf("%s: the peer heard %q and %v, want %q and an end in order", l.name, got.said, got.err, l.said)
		}
		if err := await(t, o.closed, "Closed"); err != nil {
			t.Errorf("%s: Closed got %v, want nil", l.name, err)
		}
	}
}

func TestAbortingUnderLayersResets(t *testing.T) {
	server, client := trusted(t)
	ends := make(chan error, 1)
	g := start(t, Config{Layers: &Layers{TLS: client}, Addr: echo(t, func(c net.Conn) {
		_, err := io.ReadAll(tls.Server(c, server))
		ends <- err
	})})
	o := newOwner()
	g.Dial(nil, o)
	c := await(t, o.opened, "connection")
	do(t, c.Loop(), func() { c.Out = append(c.Out, "unsaid"...); c.Flush(); c.Abort() })
	if err := await(t, ends, "end at the peer"); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer sees %v, want %v", err, syscall.ECONNRESET)
	}
	if err := await(t, o.closed, "Closed"); err != nil {
		t.Errorf("Closed got %v, want nil", err)
	}
}

func TestTheLayersEndOfThePeerIsEOF(t *testing.T) {
	server, client := trusted(t)
	g := start(t, Config{Layers: &Layers{TLS: client}, Addr: echo(t, func(c net.Conn) {
		s := tls.Server(c, server)
		_ = s.Handshake()
		_ = s.CloseWrite()
		_, _ = io.Copy(io.Discard, c) // the socket stays open until the other side closes it
	})})
	o := newOwner()
	g.Dial(nil, o)
	await(t, o.opened, "connection")
	if err := await(t, o.closed, "Closed"); err != io.EOF {
		t.Errorf("got %v, want io.EOF", err)
	}
}

func TestAHandshakeThatFailsClosesTheHandlerAsAConnectionThatNeverWas(t *testing.T) {
	server, client := trusted(t)
	distrustful := client.Clone()
	distrustful.RootCAs = nil
	upgrade := &codec.ClientUpgrade{Host: "localhost", Path: "/mqtt", Subprotocols: []string{"mqtt"}}
	for _, tt := range []struct {
		name, want string
		serve      func(net.Conn)
		layers     *Layers
	}{
		{"unknown authority", "tls_certificate", func(c net.Conn) { _ = tls.Server(c, server).Handshake() }, &Layers{TLS: distrustful}},
		{"no TLS", "tls_not_tls", func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); back(c) }, &Layers{TLS: client}},
		{"no WebSocket", "404", func(c net.Conn) {
			r := http.Response{StatusCode: 404, ProtoMajor: 1, ProtoMinor: 1}
			_, _ = c.Read(make([]byte, 4096))
			_ = r.Write(c)
		}, &Layers{WebSocket: upgrade}},
		{"cut off", "EOF", func(net.Conn) {}, &Layers{TLS: client}},
	} {
		g := start(t, Config{Addr: echo(t, tt.serve), Layers: tt.layers})
		o := newOwner()
		g.Dial(nil, unseen{o})
		err := await(t, o.closed, "Closed")
		if err == nil || !strings.Contains(err.Error(), tt.want) && !(tt.want == "EOF" && errors.Is(err, syscall.ECONNRESET)) {
			t.Errorf("%s: got %v, want what says %q", tt.name, err, tt.want)
		}
		select {
		case <-o.opened:
			t.Errorf("%s: the connection was opened", tt.name)
		default:
		}
	}
}

// unseen fails if it is closed with a connection.
type unseen struct{ *owner }

func (u unseen) Closed(c *Conn, err error) {
	if c != nil {
		err = errors.New("closed with a connection that was never opened")
	}
	u.owner.Closed(c, err)
}
