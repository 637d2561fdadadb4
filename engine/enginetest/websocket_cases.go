package enginetest

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Section 6 of both versions: MQTT over WebSocket.
var (
	v311WebSocket = append(webSocketCases(v311),
		v311("MQTT-6.0.0-3", "a handshake without mqtt among its subprotocols is refused or gets none", withoutMQTT))
	v5WebSocket = webSocketCases(v5)
)

func webSocketCases(v func(id, what string, run func(t *T)) Case) []Case {
	return []Case{
		v("MQTT-6.0.0-1", "a CONNECT in a text frame closes", func(t *T) {
			c := t.over(t.upgrade())
			c.frames(frame(frameFinal|frameText, Connect{Level: t.version, ID: t.id("c")}.encode()))
			c.closed()
		}),
		v("MQTT-6.0.0-1", "a text frame on an open connection closes and publishes the will", func(t *T) {
			s := t.connect(Connect{ID: t.id("s")})
			s.subscribe(t.topic("will"), 0)
			c := t.connectOver(t.upgrade(), Connect{ID: t.id("c"), Will: &Will{Topic: t.topic("will"), Payload: "gone"}})
			c.frames(frame(frameFinal|frameText, Message{Topic: t.topic("will"), Payload: "as text"}.encode(t.version)))
			t.gone(c)
			t.equal("payload", s.receive().Payload, "gone")
		}),
		v("MQTT-6.0.0-1", "the broker sends binary frames", func(t *T) {
			w := t.upgrade()
			c := t.connectOver(w, Connect{ID: t.id("c")})
			c.subscribe(t.topic("a"), 1)
			payload := strings.Repeat("0123456789abcdef", 5000)
			for _, p := range []string{"", "x", payload} {
				c.publish(Message{Topic: t.topic("a"), QoS: 1, Payload: p})
				if got := c.receive().Payload; got != p {
					t.Fatalf("payload: got %d bytes, want %d of them, or others", len(got), len(p))
				}
			}
			c.ping()
			t.onlyBinary(w)
		}),
		v("MQTT-6.0.0-2", "a packet spans frames", func(t *T) {
			c := t.over(t.upgrade())
			hello := Connect{Level: t.version, ID: t.id("c")}.encode()
			for _, part := range [][]byte{hello[:1], hello[1:9], hello[9:]} {
				c.frames(frame(frameFinal|frameBinary, part))
			}
			t.equal("code of the CONNACK", c.takeConnack().code, byte(0))
			message := Message{Topic: t.topic("a"), QoS: 1, ID: 1, Payload: "x"}.encode(t.version)
			for _, b := range message {
				c.frames(frame(frameFinal|frameBinary, u8(b)))
			}
			c.acked(typPuback, 1)
		}),
		v("MQTT-6.0.0-2", "packets share a frame", func(t *T) {
			c := t.connectOver(t.upgrade(), Connect{ID: t.id("c")})
			c.frames(frame(frameFinal|frameBinary, cat(subscribe(t.version, 7, nil, filter(t.topic("a"), 0)), packetOf(0xC0))))
			c.await(typSuback)
			c.await(typPingresp)
		}),
		v("MQTT-6.0.0-2", "a packet is cut between a frame and the next", func(t *T) {
			c := t.connectOver(t.upgrade(), Connect{ID: t.id("c")})
			both := cat(Message{Topic: t.topic("a"), QoS: 1, ID: 1}.encode(t.version), Message{Topic: t.topic("a"), QoS: 1, ID: 2}.encode(t.version))
			n := len(both)/2 + 3
			c.frames(frame(frameFinal|frameBinary, both[:n]), frame(frameFinal|frameBinary, both[n:]))
			c.acked(typPuback, 1)
			c.acked(typPuback, 2)
		}),
		v("MQTT-6.0.0-2", "a message of several frames, with a ping between them, is read as one", func(t *T) {
			c := t.over(t.upgrade())
			hello := Connect{Level: t.version, ID: t.id("c")}.encode()
			c.frames(frame(frameBinary, hello[:2]), frame(frameContinues, nil), frame(frameContinues, hello[2:5]),
				frame(frameFinal|framePing, []byte("p")), frame(frameFinal|frameContinues, hello[5:]))
			t.equal("code of the CONNACK", c.takeConnack().code, byte(0))
			c.ping()
		}),
		v("MQTT-6.0.0-4", "the subprotocol mqtt is selected", func(t *T) {
			t.connectOver(t.upgrade(), Connect{ID: t.id("c")}).ping()
		}),
		v("MQTT-6.0.0-4", "mqtt is selected among others", func(t *T) {
			w, answer := t.knock("Sec-WebSocket-Protocol: foo, mqtt")
			t.equal("status of the answer", answer.StatusCode, http.StatusSwitchingProtocols)
			t.equal("subprotocols of the answer", selected(answer), []string{"mqtt"})
			t.connectOver(w, Connect{ID: t.id("c")}).ping()
		}),
	}
}

// withoutMQTT shows what a server may do with a client that does not ask for mqtt: it must not select what was not offered.
func withoutMQTT(t *T) {
	for _, offer := range [][]string{nil, {"Sec-WebSocket-Protocol: foo, bar"}} {
		w, answer, err := t.ask(offer...)
		if isClosed(err) || errors.Is(err, io.ErrUnexpectedEOF) {
			continue // refused without a word
		}
		if err != nil {
			t.Fatalf("upgrade with %q: %v", offer, err)
		}
		switch {
		case answer.StatusCode != http.StatusSwitchingProtocols:
			if answer.StatusCode < 400 {
				t.Fatalf("%q: status %d, want 101 or a refusal", offer, answer.StatusCode)
			}
		case len(offer) > 0 && !slices.Contains([]string{"", "foo", "bar"}, strings.Join(selected(answer), ",")),
			len(offer) == 0 && len(selected(answer)) > 0:
			t.Fatalf("%q: the broker selected %q, which was not offered", offer, selected(answer))
		}
		w.Close()
	}
}

// frames writes whole frames, which need not be right. That the broker has already closed is for the next read to tell.
func (c *conn) frames(frames ...[]byte) {
	c.t.Helper()
	c.sent = cat(frames...)
	if _, err := c.nc.(*web).Conn.Write(c.sent); err != nil && !isClosed(err) {
		c.t.Fatalf("write: %v", err)
	}
}

// connectOver opens a session on a WebSocket.
func (t *T) connectOver(w *web, hello Connect) *conn {
	t.Helper()
	c := t.over(w)
	hello.Level = t.version
	c.send(hello.encode())
	t.equal("code of the CONNACK", c.takeConnack().code, byte(0))
	return c
}

// gone waits for the broker to close; a DISCONNECT may come before.
func (t *T) gone(c *conn) {
	t.Helper()
	for {
		if _, err := c.read(patience); isClosed(err) {
			return
		} else if err != nil {
			c.fatalf("%v, want the connection closed", err)
		}
	}
}
