package client_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// serve plays one connection from CONNECT to DISCONNECT and returns what it was sent at QoS 0, which it sends back.
func serve(e *entrance, v mqtt.Version) (p *peer, payload []byte, err error) {
	if p, err = e.accept(v); err != nil {
		return nil, nil, err
	}
	for {
		h, raw, err := p.read()
		if err != nil {
			return p, payload, err
		}
		switch h.Type {
		case mqtt.CONNECT:
			ack := mqtt.Connack{}
			p.Write(ack.AppendTo(nil, v, 0))
		case mqtt.PUBLISH:
			var m mqtt.Publish
			if err := m.Decode(mqtt.Peer{Version: v}, h.Flags, raw[h.Size:]); err != nil {
				return p, payload, err
			}
			payload = m.Payload
			p.Write(m.AppendTo(nil, v))
		case mqtt.DISCONNECT:
			_, err := io.ReadAll(p)
			p.Close()
			return p, payload, err
		}
	}
}

func TestEveryTransportCarriesAConnectionFromConnectToDisconnect(t *testing.T) {
	ca := newAuthority(t)
	trusting := &tls.Config{RootCAs: ca.pool()}
	for _, tt := range []struct {
		scheme, network, path string
		tls                   *tls.Config
		ws                    bool
		alpn, seen            string
	}{
		{scheme: "", network: "tcp"},
		{scheme: "mqtt://", network: "tcp"},
		{scheme: "tcp://", network: "tcp", path: "/"},
		{scheme: "unix://", network: "unix"},
		{scheme: "mqtts://", network: "tcp", tls: ca.server(), alpn: "mqtt"},
		{scheme: "tls://", network: "tcp", tls: ca.server(), alpn: "mqtt"},
		{scheme: "ws://", network: "tcp", ws: true, seen: "/mqtt"},
		{scheme: "ws://", network: "tcp", ws: true, path: "/a%20b?token=x", seen: "/a%20b?token=x"},
		{scheme: "wss://", network: "tcp", tls: ca.server(), ws: true, path: "?token=x", alpn: "http/1.1", seen: "/mqtt?token=x"},
	} {
		for _, v := range all {
			t.Run(tt.scheme+tt.path+"/"+short[v], func(t *testing.T) {
				e := newEntrance(t, tt.network, tt.tls, tt.ws)
				type outcome struct {
					p       *peer
					payload []byte
					err     error
				}
				served := make(chan outcome, 1)
				go func() {
					p, payload, err := serve(e, v)
					served <- outcome{p, payload, err}
				}()

				got := make(chan *client.Message, 1)
				o := client.Options{Addr: tt.scheme + e.addr + tt.path, Version: v, ClientID: "c", CleanStart: true,
					Handler: func(m *client.Message) { got <- m }}
				if tt.tls != nil {
					o.TLS = trusting
				}
				if tt.ws {
					o.Header = http.Header{"Authorization": {"Bearer x"}}
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				c, _, err := client.Dial(ctx, o)
				if err != nil {
					t.Fatalf("Dial(%s): %v", o.Addr, err)
				}
				defer c.Close()
				sent := bytes.Repeat([]byte("0123456789"), 20_000)
				if err := c.Publish(ctx, client.Message{Topic: "t", Payload: sent}); err != nil {
					t.Fatal(err)
				}
				select {
				case m := <-got:
					if !bytes.Equal(m.Payload, sent) {
						t.Errorf("%d bytes came back, want the %d sent", len(m.Payload), len(sent))
					}
				case <-c.Done():
					t.Fatalf("the connection ended: %v", c.Err())
				}
				if err := c.Disconnect(ctx, mqtt.NormalDisconnection); err != nil {
					t.Errorf("Disconnect: %v", err)
				}
				s := <-served
				if s.err != nil || !bytes.Equal(s.payload, sent) {
					t.Errorf("the server got %d bytes and %v, want %d and a DISCONNECT", len(s.payload), s.err, len(sent))
				}
				if e.alpn != tt.alpn || e.path != tt.seen {
					t.Errorf("ALPN %q, path %q; want %q, %q", e.alpn, e.path, tt.alpn, tt.seen)
				}
				if f, ok := s.p.Conn.(*frames); ok {
					want := map[mqtt.Version]string{mqtt.V31: "mqttv3.1"}[v]
					if want == "" {
						want = "mqtt"
					}
					if e.subprotocol != want || e.header.Get("Authorization") != "Bearer x" || string(f.sent) != "\x03\xe8" {
						t.Errorf("subprotocol %q, header %v, close frame %q; want %q, a token, 1000", e.subprotocol, e.header, f.sent, want)
					}
				}
			})
		}
	}
}

func TestTLSRefusalsSayWhy(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	mutual := ca.server()
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool()
	anotherProtocol := ca.server()
	anotherProtocol.NextProtos = []string{"h2"}
	ours := ca.sign(&x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	for _, tt := range []struct {
		name   string
		server *tls.Config
		client *tls.Config
		want   string // "": none
	}{
		{"unknown authority", ca.server(), &tls.Config{RootCAs: other.pool()}, "signed by unknown authority"},
		{"the system's authorities", ca.server(), &tls.Config{}, "certificate"},
		{"another host", ca.server(), &tls.Config{RootCAs: ca.pool(), ServerName: "elsewhere.example"}, "elsewhere.example"},
		{"another protocol", anotherProtocol, &tls.Config{RootCAs: ca.pool()}, "no application protocol"},
		{"older version", ca.server(), &tls.Config{RootCAs: ca.pool(), MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}, "protocol version"},
		{"no client certificate", mutual, &tls.Config{RootCAs: ca.pool()}, "certificate required"},
		{"client certificate", mutual, &tls.Config{RootCAs: ca.pool(), Certificates: []tls.Certificate{ours}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEntrance(t, "tcp", tt.server, false)
			go serve(e, mqtt.V5)
			c, _, err := client.Dial(t.Context(), client.Options{Addr: "mqtts://" + e.addr, TLS: tt.client})
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("Dial: %v", err)
			case tt.want == "":
				c.Close()
			case err == nil || !strings.Contains(err.Error(), tt.want):
				t.Errorf("Dial: %v, want %q in it", err, tt.want)
			case tt.name != "no client certificate" && !errors.Is(err, client.ErrTLS): // 1.3 hears of that after its handshake
				t.Errorf("Dial: %v, want an ErrTLS", err)
			}
		})
	}
}

func TestWebSocketRefusalsSayWhy(t *testing.T) {
	for _, tt := range []struct{ answer, want string }{
		{"HTTP/1.1 404 Not Found\r\n\r\n", "HTTP 404 Not Found"},
		{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", "Sec-WebSocket-Accept"},
		{"", "the server closed the connection"},
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			http.ReadRequest(bufio.NewReader(conn))
			io.WriteString(conn, tt.answer)
			conn.Close()
		}()
		_, _, err = client.Dial(t.Context(), client.Options{Addr: "ws://" + ln.Addr().String() + "/x"})
		if !errors.Is(err, client.ErrWebSocket) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("answer %q: %v, want %q in it", tt.answer, err, tt.want)
		}
		ln.Close()
	}
}

// In every layer a server may be silent, and Dial ends with its context.
func TestDialEndsWithItsContextInEveryLayer(t *testing.T) {
	for _, scheme := range []string{"mqtt", "mqtts", "ws", "wss"} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				_, _, err := client.Dial(ctx, client.Options{Addr: scheme + "://silent.example", Dialer: s})
				ended <- err
			}()
			conn := <-s.conns
			go io.Copy(io.Discard, conn)
			if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, want %v", scheme, err, context.DeadlineExceeded)
			}
			conn.Close()
		})
	}
}

// bubble opens a WebSocket connection over net.Pipe.
func bubble(t *testing.T, o client.Options) (*client.Client, *peer, *frames) {
	t.Helper()
	s := newStage(t)
	o.Addr = "ws://broker.example/mqtt"
	p, out := s.dial(o)
	conn, err := (&entrance{t: t}).upgrade(p.Conn)
	if err != nil {
		t.Fatal(err)
	}
	p.Conn = conn
	p.connect()
	p.send(&mqtt.Connack{})
	d := <-out
	if d.err != nil {
		t.Fatal(d.err)
	}
	t.Cleanup(func() { d.c.Close() })
	return d.c, p, conn.(*frames)
}

func TestWebSocketAnswersPingsBesideTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan *client.Message, 1)
		c, p, f := bubble(t, client.Options{CleanStart: true, Handler: func(m *client.Message) { got <- m }})
		for _, text := range []string{"one", "two"} {
			if err := ws.WriteFrame(f.Conn, ws.NewPingFrame([]byte(text))); err != nil {
				t.Fatal(err)
			}
		}
		p.sendPublish(mqtt.Publish{Topic: []byte("t"), Payload: []byte("behind the pings")})
		<-got // although nobody takes the pongs yet
		for len(f.pongs) < 2 {
			async(t, c, msg("t", 0), func(client.Result) {})
			p.publish()
		}
		if len(f.pongs) != 2 || f.pongs[0] != "one" || f.pongs[1] != "two" {
			t.Errorf("pongs %q, want one and two", f.pongs)
		}
	})
}

func TestWebSocketEndsWithAServerThatTakesNoPongs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, f := bubble(t, client.Options{CleanStart: true})
		for range 2000 {
			if ws.WriteFrame(f.Conn, ws.NewPingFrame(make([]byte, 125))) != nil {
				break
			}
		}
		select {
		case <-c.Done():
		case <-time.After(time.Minute):
			t.Fatal("the connection still lives")
		}
	})
}

func TestWebSocketTakesPacketsHoweverTheyAreFramed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan *client.Message, 3)
		_, p, f := bubble(t, client.Options{CleanStart: true, Handler: func(m *client.Message) { got <- m }})
		var packets []byte
		for _, payload := range []string{"a", "bb", strings.Repeat("c", 40_000)} {
			m := mqtt.Publish{Topic: []byte("t"), Payload: []byte(payload)}
			packets = m.AppendTo(packets, p.v)
		}
		send := func(frame ws.Frame) {
			t.Helper()
			if err := ws.WriteFrame(f.Conn, frame); err != nil {
				t.Fatal(err)
			}
		}
		send(ws.NewFrame(ws.OpBinary, false, packets[:3]))
		send(ws.NewPongFrame(nil))
		send(ws.NewFrame(ws.OpContinuation, false, nil))
		send(ws.NewFrame(ws.OpContinuation, true, packets[3:17]))
		send(ws.NewBinaryFrame(packets[17:]))
		for _, want := range []int{1, 2, 40_000} {
			if m := <-got; len(m.Payload) != want {
				t.Errorf("a payload of %d bytes, want %d", len(m.Payload), want)
			}
		}
	})
}

func TestWebSocketAnswersTheServersClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, f := bubble(t, client.Options{CleanStart: true})
		go ws.WriteFrame(f.Conn, ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusGoingAway, "bye")))
		p.eof()
		<-c.Done()
		if err := c.Err(); err == nil || !strings.Contains(err.Error(), "closed by the server") || string(f.sent) != "\x03\xe9" {
			t.Errorf("ended with %v and close frame %q, want closed by the server and 1001", err, f.sent)
		}
	})
}

func TestWebSocketEndsAtWhatIsNoFrameOfMQTT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, f := bubble(t, client.Options{CleanStart: true})
		go ws.WriteFrame(f.Conn, ws.NewTextFrame([]byte("hello")))
		p.eof()
		<-c.Done()
		if err := c.Err(); err == nil || !strings.Contains(err.Error(), "text frame") || string(f.sent[:2]) != "\x03\xeb" {
			t.Errorf("ended with %v and close frame %q, want a word of the text frame and 1003", err, f.sent)
		}
	})
}
