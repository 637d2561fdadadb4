package badinput

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// The first byte of a WebSocket frame: whether the message ends with it, and its opcode.
const (
	final      = 0x80
	goesOn     = 0x00
	text       = 0x01
	binaryData = 0x02
	closing    = 0x08
	ping       = 0x09
)

// frame is one of a client, under a mask of zeros.
func frame(first byte, payload []byte) []byte {
	b := []byte{first, 0x80}
	switch n := len(payload); {
	case n < 126:
		b[1] |= byte(n)
	case n < 1<<16:
		b[1] |= 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] |= 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// under is what is under the frames of a connection: TLS or the socket.
func under(t *testing.T, s *site, name, id string) (c *rig.Conn, below net.Conn) {
	t.Helper()
	c = s.dial(name)
	below = c.TCPConn
	if name == "wss" {
		over, err := c.Secure(s.trusting())
		if err != nil {
			t.Fatal(err)
		}
		below = over
	}
	if err := c.Upgrade(s.at[name], engine.DefaultPath); err != nil {
		t.Fatal(err)
	}
	if id != "" {
		ack, err := c.Connect(&mqtt.Connect{ClientID: []byte(id), CleanStart: true, HasWill: true, Will: mqtt.Will{Topic: []byte("will"), Payload: []byte(id)}})
		if err != nil || ack.Reason != mqtt.Success {
			t.Fatalf("connect: %v, %v", ack.Reason, err)
		}
	}
	return c, below
}

// Frames that break the rules end the connection, before CONNECT and after, and the will is due.
func TestFramesThatBreakTheRules(t *testing.T) {
	s := build(t, func(cfg *engine.Config) { cfg.WebSocket.MaxFrameSize = 1 << 16 })
	wills := s.enter("tcp", "wills")
	subscribe(t, wills, "will", 0)
	publish := (&mqtt.Publish{Topic: []byte("will"), Payload: []byte("never")}).AppendTo(nil, mqtt.V5)
	n := 0
	for _, c := range []struct {
		what   string
		say    []byte
		reason string
	}{
		{"text", frame(final|text, publish), "ws_opcode"},
		{"text in pieces", frame(text, publish), "ws_opcode"},
		{"opcode 3", frame(final|3, publish), "ws_opcode"},
		{"opcode 7", frame(final|7, publish), "ws_opcode"},
		{"opcode 11", frame(final|11, nil), "ws_opcode"},
		{"opcode 15", frame(final|15, nil), "ws_opcode"},
		{"no mask", append([]byte{final | binaryData, byte(len(publish))}, publish...), "ws_unmasked"},
		{"a ping without mask", []byte{final | ping, 0}, "ws_unmasked"},
		{"a reserved bit", frame(final|0x40|binaryData, publish), "ws_protocol"},
		{"a frame that goes on with nothing", frame(final|goesOn, publish), "ws_protocol"},
		{"a message within another", append(frame(binaryData, nil), frame(final|binaryData, publish)...), "ws_protocol"},
		{"a ping in pieces", frame(ping, nil), "ws_protocol"},
		{"a large ping", frame(final|ping, make([]byte, 126)), "ws_protocol"},
		{"a close with half a code", frame(final|closing, []byte{3}), "ws_protocol"},
		{"a close with a code that must not be sent", frame(final|closing, []byte{0x03, 0xed}), "ws_protocol"},
		{"a large frame", []byte{final | binaryData, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0}, "ws_too_large"},
		{"the largest frame", []byte{final | binaryData, 0x80 | 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, "ws_too_large"},
		{"a negative length", []byte{final | binaryData, 0x80 | 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, "ws_protocol"},
		{"a length longer than it need be", []byte{final | binaryData, 0x80 | 126, 0, 5, 0, 0, 0, 0}, "ws_protocol"},
	} {
		for _, name := range []string{"ws", "wss"} {
			for _, id := range []string{"", fmt.Sprint("c", n)} {
				n++
				what := fmt.Sprintf("%s over %s, session %q", c.what, name, id)
				before := s.stats(name).Refused
				conn, below := under(t, s, name, id)
				if _, err := below.Write(c.say); err != nil {
					t.Fatal(err)
				}
				for {
					if h, _, err := conn.Next(rig.Patience); rig.Ended(err) {
						break
					} else if err != nil || h.Type != mqtt.DISCONNECT {
						t.Fatalf("%s: got %v, %v, want the end", what, h.Type, err)
					}
				}
				before[c.reason]++
				s.refused(what, name, before)
				if id == "" {
					continue
				}
				h, body, err := wills.Next(rig.Patience)
				if err != nil || h.Type != mqtt.PUBLISH || !strings.HasSuffix(string(body), id) {
					t.Fatalf("%s: got %v %q, %v, want the will %q", what, h.Type, body, err, id)
				}
				_ = conn.TCPConn.Close()
			}
		}
	}
	s.leave()
}

// A close frame in the middle of a packet is an end in order: answered, not counted, and the packet comes to nothing.
func TestACloseFrameInTheMiddleOfAPacket(t *testing.T) {
	s := build(t, nil)
	wills := s.enter("tcp", "wills")
	subscribe(t, wills, "will", 0)
	packet := (&mqtt.Publish{Topic: []byte("will"), Payload: []byte("half of it")}).AppendTo(nil, mqtt.V5)
	for i, name := range []string{"ws", "wss"} {
		for cut := 1; cut < len(packet); cut += 3 {
			id := fmt.Sprint(i, "-", cut)
			_, below := under(t, s, name, id)
			end := frame(final|closing, []byte{0x03, 0xe8})
			if _, err := below.Write(append(frame(final|binaryData, packet[:cut]), end...)); err != nil {
				t.Fatal(err)
			}
			_ = below.SetReadDeadline(time.Now().Add(rig.Patience))
			said, err := io.ReadAll(below)
			if want := "\x88\x02\x03\xe8"; err != nil && err != io.ErrUnexpectedEOF || string(said) != want {
				t.Fatalf("%s, cut at %d: got % X, %v, want the close frame % X", name, cut, said, err, want)
			}
			h, body, err := wills.Next(rig.Patience)
			if err != nil || h.Type != mqtt.PUBLISH || !strings.HasSuffix(string(body), id) {
				t.Fatalf("%s, cut at %d: got %v %q, %v, want the will %q", name, cut, h.Type, body, err, id)
			}
		}
		s.refused("close frames", name, map[string]uint64{})
	}
	s.leave()
}
