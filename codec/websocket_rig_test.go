package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/gobwas/ws"
)

// testUpgrade is what the servers of these tests demand.
var testUpgrade = Upgrade{Path: "/mqtt", Subprotocols: []string{"mqtt", "mqttv3.1", "mqttv3.1.1"}, MaxHeader: 1024, MaxFrame: 70000}

const (
	testKey    = "dGhlIHNhbXBsZSBub25jZQ=="     // of RFC 6455 section 1.3
	testAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" // and what is to come of it
)

const testRequest = "GET /mqtt?token=secret HTTP/1.1\r\nHost: broker:8083\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
	"Sec-WebSocket-Key: " + testKey + "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, mqtt\r\n\r\n"

const testResponse = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: " + testAccept + "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"

// openServer is a server's stage behind its upgrade, openClient a client's.
func openServer() *WebSocket { return &WebSocket{max: testUpgrade.MaxFrame} }
func openClient() *WebSocket { return &WebSocket{client: true} }

// upgradingClient is a client's stage that waits for testResponse.
func upgradingClient() *WebSocket {
	w := NewWebSocketClient(&ClientUpgrade{Host: "broker", Path: "/mqtt", Subprotocols: []string{"mqtt", "mqttv3.1"}})
	w.opening.accept = testAccept
	return w
}

// rawFrame writes a frame with its first byte as it is given and its length in the form of 0, 2 or 8 bytes.
func rawFrame(first byte, form int, length uint64, mask []byte, payload []byte) []byte {
	var bit byte
	if mask != nil {
		bit = 0x80
	}
	b := []byte{first}
	switch form {
	case 0:
		b = append(b, bit|byte(length))
	case 2:
		b = binary.BigEndian.AppendUint16(append(b, bit|126), uint16(length))
	case 8:
		b = binary.BigEndian.AppendUint64(append(b, bit|127), length)
	}
	b = append(b, mask...)
	for i, c := range payload {
		if mask != nil {
			c ^= mask[i%4]
		}
		b = append(b, c)
	}
	return b
}

var testMask = []byte{0xa1, 0x02, 0xf3, 0x44}

// masked is a frame as a client sends it, bare as a server does.
func masked(first byte, payload string) []byte {
	return rawFrame(first, shortest(len(payload)), uint64(len(payload)), testMask, []byte(payload))
}

func bare(first byte, payload string) []byte {
	return rawFrame(first, shortest(len(payload)), uint64(len(payload)), nil, []byte(payload))
}

func shortest(n int) int {
	switch {
	case n < 126:
		return 0
	case n < 1<<16:
		return 2
	}
	return 8
}

// closing is the payload of a close frame.
func closing(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

// outcome is all that a stage makes of a stream.
type outcome struct {
	got, answers []byte
	err          error
}

func (o outcome) cause() string { return causeOf(o.err) }

// causeOf names how a stage ended: a cause, "EOF" or nothing.
func causeOf(err error) string {
	var f *Fault
	switch {
	case err == nil:
		return ""
	case err == io.EOF:
		return "EOF"
	case errors.As(err, &f):
		return f.Cause.String()
	}
	return "no fault: " + err.Error()
}

// run feeds a stream in pieces of the lengths that next says, each a copy of its own that is scribbled over afterwards.
func run(t testing.TB, w *WebSocket, stream []byte, next func() int) (o outcome) {
	var sunk collect
	for len(stream) > 0 && o.err == nil {
		n := min(len(stream), next())
		piece := bytes.Clone(stream[:n])
		stream = stream[n:]
		var more bool
		more, o.err = w.Feed(piece, &o.answers, &sunk)
		if more != (o.err == nil) {
			t.Fatalf("more is %t with error %v", more, o.err)
		}
		for i := range piece {
			piece[i] = 0xdd
		}
		if held := w.Pending() - kept(w); held > max(testUpgrade.MaxHeader, defaultMaxHeader) || w.opening == nil && held > maxFrameHeader+maxControl {
			t.Fatalf("%d bytes are held", held)
		}
	}
	if o.err != nil {
		if more, err := w.Feed([]byte("what comes behind the end"), &o.answers, &sunk); more || err != nil || w.Open() {
			t.Fatalf("after the end: more %t, error %v, open %t", more, err, w.Open())
		}
	}
	o.got = sunk.got
	if w.client {
		o.answers = unmasked(t, o.answers)
	}
	return o
}

// kept is what of Pending is the request.
func kept(w *WebSocket) int {
	if w.request == nil {
		return 0
	}
	return w.request.size
}

// unmasked takes the random masks off a client's frames, so that they can be compared.
func unmasked(t testing.TB, b []byte) (plain []byte) {
	r := bytes.NewReader(b)
	for r.Len() > 0 {
		f, err := readFrame(r)
		if err != nil || !f.Header.Masked {
			t.Fatalf("a client's answer is no masked frame: %+v, %v", f.Header, err)
		}
		ws.Cipher(f.Payload, f.Header.Mask, 0)
		plain = append(plain, bare(b0(f.Header), string(f.Payload))...)
	}
	return plain
}

func b0(h ws.Header) byte {
	if h.Fin {
		return 0x80 | byte(h.OpCode)
	}
	return byte(h.OpCode)
}

func whole() int { return 1 << 30 }
func byOne() int { return 1 }

// anywhere cuts at random, mostly finely.
func anywhere(seed uint64) func() int {
	r := rand.New(rand.NewPCG(seed, 7))
	return func() int {
		if r.IntN(4) == 0 {
			return 1 + r.IntN(3000)
		}
		return 1 + r.IntN(9)
	}
}

// runAll feeds a stream whole, byte by byte and cut at random, and fails unless the same comes of it.
func runAll(t testing.TB, fresh func() *WebSocket, stream []byte) outcome {
	t.Helper()
	want := run(t, fresh(), stream, whole)
	for i, next := range []func() int{byOne, anywhere(1), anywhere(2), anywhere(3)} {
		if i == 0 && len(stream) > 1<<17 {
			continue
		}
		got := run(t, fresh(), stream, next)
		if !bytes.Equal(got.got, want.got) || !bytes.Equal(got.answers, want.answers) || errText(got.err) != errText(want.err) {
			t.Fatalf("cut %d: payload of %d bytes, answers %.40q, error %v\nwhole: payload of %d bytes, answers %.40q, error %v\ninput %.80x",
				i, len(got.got), got.answers, got.err, len(want.got), want.answers, want.err, stream)
		}
	}
	return want
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
