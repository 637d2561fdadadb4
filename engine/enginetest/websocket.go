package enginetest

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Opcodes of WebSocket frames (RFC 6455 section 5.2).
const (
	frameContinues = 0x0
	frameText      = 0x1
	frameBinary    = 0x2
	frameClose     = 0x8
	framePing      = 0x9
	framePong      = 0xA
)

// frameFinal is the bit of the first byte that says the message ends with this frame.
const frameFinal = 0x80

// web is a WebSocket connection, seen from the client. As a net.Conn it gives the payload of binary frames and writes one
// message a Write; what the broker's frames were is noted.
type web struct {
	net.Conn
	r        *bufio.Reader
	left     uint64 // of the data frame whose payload is being read
	opcodes  []byte // of the data frames that came
	inPieces bool   // a Write is cut into two frames
}

// newWeb asks for the path on a connection, with further lines of the header, and returns the answer, whatever it is.
func newWeb(nc net.Conn, u *url.URL, lines ...string) (*web, *http.Response, error) {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:])
	head := "GET " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.StdEncoding.EncodeToString(nonce[:]) + "\r\n"
	for _, line := range lines {
		head += line + "\r\n"
	}
	nc.SetDeadline(time.Now().Add(patience))
	defer nc.SetDeadline(time.Time{})
	if _, err := nc.Write([]byte(head + "\r\n")); err != nil {
		return nil, nil, err
	}
	w := &web{Conn: nc, r: bufio.NewReader(nc)}
	answer, err := http.ReadResponse(w.r, &http.Request{Method: http.MethodGet})
	return w, answer, err
}

// frame encodes a frame as a client does: masked. The first byte is the opcode, with frameFinal where the message ends.
func frame(first byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:])
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

// Write sends p as one message.
func (w *web) Write(p []byte) (int, error) {
	frames := frame(frameFinal|frameBinary, p)
	if n := len(p) / 2; w.inPieces && n > 0 {
		frames = cat(frame(frameBinary, p[:n]), frame(frameFinal|frameContinues, p[n:]))
	}
	if _, err := w.Conn.Write(frames); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Read gives payload of binary frames. A close frame is the end; pings are answered.
func (w *web) Read(p []byte) (int, error) {
	for w.left == 0 {
		if err := w.header(); err != nil {
			return 0, err
		}
	}
	n, err := w.r.Read(p[:min(uint64(len(p)), w.left)])
	w.left -= uint64(n)
	return n, err
}

// header takes the header of the next frame, which is there in one piece or waited for, and the whole of a control frame.
func (w *web) header() error {
	h, err := w.r.Peek(2)
	if err != nil {
		return err // nothing is taken: a later call begins anew
	}
	size := 2
	switch h[1] {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if h, err = w.r.Peek(size); err != nil {
		return err
	}
	n := uint64(h[1])
	switch {
	case n >= 0x80:
		return fmt.Errorf("the frame % X is masked, which a server must not do", h)
	case n == 126:
		n = uint64(binary.BigEndian.Uint16(h[2:]))
	case n == 127:
		n = binary.BigEndian.Uint64(h[2:])
	}
	opcode := h[0] & 0x0F
	if opcode < frameClose {
		w.opcodes = append(w.opcodes, opcode)
		w.left = n
		_, err = w.r.Discard(size)
		return err
	}
	if n > 125 {
		return fmt.Errorf("the control frame % X is too large", h)
	}
	whole, err := w.r.Peek(size + int(n))
	if err != nil {
		return err
	}
	answer := []byte(nil)
	switch opcode {
	case frameClose:
		return io.EOF
	case framePing:
		answer = frame(frameFinal|framePong, whole[size:])
	}
	if _, err = w.r.Discard(len(whole)); err == nil && answer != nil {
		_, err = w.Conn.Write(answer)
	}
	return err
}

// ask asks the broker for a WebSocket with further lines of the header, and returns the answer or what came instead. On a
// broker that serves none the case is n/a.
func (t *T) ask(lines ...string) (*web, *http.Response, error) {
	t.Helper()
	target := t.at()
	if target.WebSocket == "" {
		t.na("serves no WebSocket, or nobody said where")
	}
	u, err := url.Parse(target.WebSocket)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := net.DialTimeout("tcp", u.Host, patience)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { nc.Close() })
	return newWeb(nc, u, lines...)
}

// knock is ask where there has to be an answer.
func (t *T) knock(lines ...string) (*web, *http.Response) {
	t.Helper()
	w, answer, err := t.ask(lines...)
	if err != nil {
		t.Fatalf("upgrade with %q: %v", lines, err)
	}
	return w, answer
}

// upgrade opens a WebSocket with the subprotocol mqtt.
func (t *T) upgrade() *web {
	t.Helper()
	w, answer := t.knock("Sec-WebSocket-Protocol: mqtt")
	t.equal("status of the answer", answer.StatusCode, http.StatusSwitchingProtocols)
	t.equal("subprotocol of the answer", answer.Header["Sec-Websocket-Protocol"], []string{"mqtt"})
	return w
}

// selected is the subprotocols an answer names: those of all its lines.
func selected(answer *http.Response) (all []string) {
	for _, line := range answer.Header["Sec-Websocket-Protocol"] {
		for name := range strings.SplitSeq(line, ",") {
			all = append(all, strings.TrimSpace(name))
		}
	}
	return all
}

// onlyBinary fails the case unless data frames came, and all of them were binary or went on with one that was.
func (t *T) onlyBinary(w *web) {
	t.Helper()
	if len(w.opcodes) == 0 || w.opcodes[0] != frameBinary || slices.Contains(w.opcodes, frameText) {
		t.Fatalf("opcodes of the broker's data frames: got % X, want %02X, or %02X behind it", w.opcodes, frameBinary, frameContinues)
	}
}
