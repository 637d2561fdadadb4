package codec

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gobwas/ws"
)

// The two bytes a frame begins with.
const (
	finBit     = 0x80
	rsvBits    = 0x70
	opcodeBits = 0x0f
	maskBit    = 0x80
	lengthBits = 0x7f
	length16   = 126 // two bytes of length follow
	length64   = 127 // eight
)

// violation is what a frame does against the rules, and the code our close frame says it with.
type violation struct {
	code  ws.StatusCode
	cause Cause
	say   string
}

// frames takes off frames until b is used up.
func (w *WebSocket) frames(b []byte, answers *[]byte, to Sink) (more bool, err error) {
	for len(b) > 0 && w.phase < deaf {
		var n int
		switch w.phase {
		case inHeader:
			var v *violation
			if n, v = w.header(b); v != nil {
				return false, w.refuse(v, answers)
			}
			if w.phase == inControl && w.left == 0 {
				_, err = w.control(nil, answers)
			}
		case inPayload:
			n = int(min(int64(len(b)), w.left))
			if !w.payload(b[:n], to) {
				w.phase = deaf
			}
		case inControl:
			n, err = w.control(b, answers)
		}
		if err != nil {
			return false, err
		}
		b = b[n:]
	}
	return w.phase < deaf, nil
}

// header takes bytes of a frame's header and, when it is whole, begins the frame.
func (w *WebSocket) header(b []byte) (n int, v *violation) {
	if w.headLen == 0 && len(b) >= 2 {
		if n = headerSize(b[1]); len(b) >= n {
			return n, w.begin(b[:n])
		}
		n = 0
	}
	for ; n < len(b); n++ {
		w.head[w.headLen] = b[n]
		w.headLen++
		if w.headLen < 2 {
			continue
		}
		if w.headLen == 2 {
			if v = w.check(w.head[0], w.head[1]); v != nil { // at once: the rest may never come
				return n, v
			}
		}
		if h := w.head[:w.headLen]; len(h) == headerSize(h[1]) {
			w.headLen = 0
			return n + 1, w.begin(h)
		}
	}
	return n, nil
}

// headerSize is how many bytes a header has whose second is h1.
func headerSize(h1 byte) int {
	n := 2
	switch h1 & lengthBits {
	case length16:
		n += 2
	case length64:
		n += 8
	}
	if h1&maskBit != 0 {
		n += 4
	}
	return n
}

// begin takes a whole header.
func (w *WebSocket) begin(h []byte) *violation {
	if v := w.check(h[0], h[1]); v != nil {
		return v
	}
	size, v := frameLength(h, w.max)
	if v != nil {
		return v
	}
	w.op, w.left, w.turn = h[0]&opcodeBits, size, 0
	if !w.client {
		w.mask = [4]byte(h[len(h)-4:])
	}
	if w.op >= byte(ws.OpClose) {
		w.phase = inControl
		return nil
	}
	w.fragmented = h[0]&finBit == 0
	if size > 0 {
		w.phase = inPayload
	}
	return nil
}

// check looks at all that the first two bytes say.
func (w *WebSocket) check(h0, h1 byte) *violation {
	op := ws.OpCode(h0 & opcodeBits)
	switch {
	case h0&rsvBits != 0:
		return &violation{ws.StatusProtocolError, WSProtocol, "a reserved bit is set, and no extension is agreed on"}
	case h1&maskBit == 0 && !w.client:
		return &violation{ws.StatusProtocolError, WSUnmasked, "a frame of a client that is not masked"}
	case h1&maskBit != 0 && w.client:
		return &violation{ws.StatusProtocolError, WSProtocol, "a frame of a server that is masked"}
	case op == ws.OpText: // [MQTT-6.0.0-1]
		return &violation{ws.StatusUnsupportedData, WSOpcode, "a text frame, where MQTT takes binary ones"}
	case op.IsReserved():
		return &violation{ws.StatusProtocolError, WSOpcode, fmt.Sprintf("opcode %#x is reserved", byte(op))}
	case op.IsControl() && h0&finBit == 0:
		return &violation{ws.StatusProtocolError, WSProtocol, "a control frame in fragments"}
	case op.IsControl() && h1&lengthBits > maxControl:
		return &violation{ws.StatusProtocolError, WSProtocol, "a control frame of more than 125 bytes"}
	case op == ws.OpContinuation && !w.fragmented:
		return &violation{ws.StatusProtocolError, WSProtocol, "a continuation of nothing"}
	case op == ws.OpBinary && w.fragmented:
		return &violation{ws.StatusProtocolError, WSProtocol, "a new message inside another"}
	}
	return nil
}

// frameLength reads the payload's length, which is to be in the shortest of its three forms.
func frameLength(h []byte, limit int64) (int64, *violation) {
	n, least := uint64(h[1]&lengthBits), uint64(0)
	switch n {
	case length16:
		n, least = uint64(binary.BigEndian.Uint16(h[2:])), length16
	case length64:
		n, least = binary.BigEndian.Uint64(h[2:]), 1<<16
	}
	switch {
	case n > 1<<63-1:
		return 0, &violation{ws.StatusProtocolError, WSProtocol, "a length with its highest bit set"}
	case n < least:
		return 0, &violation{ws.StatusProtocolError, WSProtocol, "a length in a longer form than it needs"}
	case limit > 0 && n > uint64(limit):
		return 0, &violation{ws.StatusMessageTooBig, WSTooLarge, fmt.Sprintf("a frame of %d bytes, where %d are allowed", n, limit)}
	}
	return int64(n), nil
}

// payload hands on bytes of a data frame. After our close frame they are dropped: nobody waits for them.
func (w *WebSocket) payload(p []byte, to Sink) (more bool) {
	if w.take(p); w.left == 0 {
		w.phase = inHeader
	}
	return w.closed || to.Bytes(p)
}

// take unmasks the next bytes of the frame where they lie.
func (w *WebSocket) take(p []byte) {
	if w.left -= int64(len(p)); w.client {
		return
	}
	ws.Cipher(p, w.mask, int(w.turn))
	w.turn = uint8((int(w.turn) + len(p)) & 3)
}

// refuse ends the connection over what the peer has done.
func (w *WebSocket) refuse(v *violation, answers *[]byte) error {
	*answers = w.Close(*answers, uint16(v.code))
	w.phase = over
	return &Fault{Cause: v.cause, Err: errors.New(v.say)}
}
