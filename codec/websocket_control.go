package codec

import (
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// control takes payload of a control frame, and carries the frame out when it is whole. One that lies whole in b, as
// nearly all do, is not copied.
func (w *WebSocket) control(b []byte, answers *[]byte) (n int, err error) {
	n = int(min(int64(len(b)), w.left))
	p := b[:n]
	w.take(p)
	if w.left > 0 || w.partLen > 0 {
		if w.part == nil {
			w.part = new([maxControl]byte)
		}
		w.partLen += uint8(copy(w.part[w.partLen:], p))
		if w.left > 0 {
			return n, nil
		}
		p = w.part[:w.partLen]
	}
	w.phase, w.part, w.partLen = inHeader, nil, 0
	switch ws.OpCode(w.op) {
	case ws.OpPing:
		if !w.closed {
			*answers = w.appendFrame(*answers, ws.OpPong, p)
		}
	case ws.OpClose:
		return n, w.peerClosed(p, answers)
	}
	return n, nil // a pong needs no answer, asked for or not
}

// peerClosed takes the payload of a close frame, and answers with its code unless ours was sent before.
func (w *WebSocket) peerClosed(p []byte, answers *[]byte) error {
	if v := checkClose(p); v != nil {
		return w.refuse(v, answers)
	}
	if !w.closed {
		w.closed = true
		*answers = w.appendFrame(*answers, ws.OpClose, p[:min(len(p), 2)])
	}
	w.phase = over
	return io.EOF
}

// checkClose looks at the payload of a close frame: nothing, or a code and perhaps a reason.
func checkClose(p []byte) *violation {
	if len(p) == 0 {
		return nil
	}
	if len(p) == 1 {
		return &violation{ws.StatusProtocolError, WSProtocol, "a close frame with half a code"}
	}
	if code := binary.BigEndian.Uint16(p); !validCloseCode(code) {
		return &violation{ws.StatusProtocolError, WSProtocol, fmt.Sprintf("a close frame with the code %d, which may not be sent", code)}
	}
	if !utf8.Valid(p[2:]) {
		return &violation{ws.StatusInvalidFramePayloadData, WSProtocol, "a close frame whose reason is not UTF-8"}
	}
	return nil
}

// validCloseCode tells whether a code may be in a close frame: those of RFC 6455 section 7.4.1 and IANA's registry but for
// the ones that only name what happened (1005, 1006, 1015), and the ranges of libraries and applications.
func validCloseCode(c uint16) bool {
	switch {
	case c >= 1000 && c <= 1003, c >= 1007 && c <= 1014, c >= 3000 && c <= 4999:
		return true
	}
	return false
}
