package codec

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/gobwas/ws"
)

// Seal appends p as one binary frame, masked by a client. Nothing is appended for an empty p, before the upgrade is done
// and after a close frame.
func (w *WebSocket) Seal(dst, p []byte) []byte {
	if len(p) == 0 || !w.Open() {
		return dst
	}
	return w.appendFrame(dst, ws.OpBinary, p)
}

// Ping appends a ping frame, under the same conditions as Seal.
func (w *WebSocket) Ping(dst []byte) []byte {
	if !w.Open() {
		return dst
	}
	return w.appendFrame(dst, ws.OpPing, nil)
}

// Close appends a close frame, unless one was sent before or there is no WebSocket yet. Nothing of ours follows it; the
// peer's own close frame is still read, and payload before it is dropped.
func (w *WebSocket) Close(dst []byte, code uint16) []byte {
	if !w.Open() {
		return dst
	}
	w.closed = true
	var p [2]byte
	binary.BigEndian.PutUint16(p[:], code)
	return w.appendFrame(dst, ws.OpClose, p[:])
}

// appendFrame appends a frame that is a message of its own.
func (w *WebSocket) appendFrame(dst []byte, op ws.OpCode, p []byte) []byte {
	masked := byte(0)
	if w.client {
		masked = maskBit
	}
	dst = append(dst, finBit|byte(op))
	switch n := len(p); {
	case n < length16:
		dst = append(dst, masked|byte(n))
	case n < 1<<16:
		dst = append(dst, masked|length16, byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, masked|length64), uint64(n))
	}
	if !w.client {
		return append(dst, p...)
	}
	// RFC 6455 section 5.3: a page must not foresee the mask. The functions of math/rand/v2 draw from the runtime's
	// ChaCha8, which the system's entropy seeds, and need neither a lock nor memory of ours.
	var mask [4]byte
	binary.LittleEndian.PutUint32(mask[:], rand.Uint32())
	dst = append(dst, mask[:]...)
	dst = append(dst, p...)
	ws.Cipher(dst[len(dst)-len(p):], mask, 0)
	return dst
}
