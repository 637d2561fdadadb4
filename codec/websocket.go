package codec

import "net/http"

// Upgrade is what a listener demands of an HTTP request that wants to become a WebSocket.
type Upgrade struct {
	Path         string   // "/mqtt"; compared as it is sent, without its query
	Subprotocols []string // accepted, the best first
	MaxHeader    int      // bytes of the request header; 0: 8 KB
	MaxFrame     int64    // bytes of a frame's payload; 0: any
	// Origin decides about a request that names an Origin; nil allows every one.
	Origin func(origin string) bool
}

// Request is the HTTP request that became a WebSocket, for whoever authenticates.
type Request struct {
	Path        string
	RawQuery    string // never to be logged: it may hold a token
	Host        string
	Header      http.Header
	Subprotocol string // as chosen

	size int // about what it takes in memory
}

// WebSocket is the stage of RFC 6455, of a server or a client. It streams: payload is unmasked where it lies and handed on
// as it comes, whatever the frames are cut into; a message is never put together, since MQTT has lengths of its own
// [MQTT-6.0.0-2]. All it ever holds are the opening, the header of a frame (14 bytes) and a control frame (125 bytes).
//
// There may be a million of them: what only the opening needs lies in opening, and goes with it.
type WebSocket struct {
	opening *opening // nil when it is done
	request *Request
	max     int64 // a frame's payload; 0: any

	left int64                // bytes of the frame's payload still to come
	part *[maxControl]byte    // what has come of a control frame's payload that is not whole; nil mostly
	mask [4]byte              // of the frame that comes in
	head [maxFrameHeader]byte // what has come of a header that is not whole

	headLen, partLen uint8
	phase            phase
	op               byte  // of the frame that comes in
	turn             uint8 // where in the mask its next byte stands
	fragmented       bool  // inside a message of several frames
	client           bool
	closed           bool // a close frame was sent
}

// phase is what the next byte belongs to.
type phase uint8

const (
	inHeader phase = iota
	inPayload
	inControl
	deaf // nothing more is read, since nobody wants it; there may be last words to say
	over // nothing more is read, and nothing said
)

const (
	maxFrameHeader = 14  // two bytes, a length of eight, a mask of four
	maxControl     = 125 // bytes of a control frame's payload
)

// NewWebSocket makes a server's stage, which begins with the HTTP request.
func NewWebSocket(u *Upgrade) *WebSocket {
	return &WebSocket{opening: &opening{server: u, max: headerLimit(u.MaxHeader)}, max: u.MaxFrame}
}

// Feed takes bytes of the layer below, which it may change, and hands payload to to; what it answers (the HTTP response,
// pongs, the close frame) is appended to answers, in the order of what is answered. more is the Sink's last answer; it is
// false for good after an error. io.EOF: the peer closed in order; otherwise an error is a *Fault.
func (w *WebSocket) Feed(b []byte, answers *[]byte, to Sink) (more bool, err error) {
	if w.opening != nil {
		rest, done, err := w.open(b, answers)
		if err != nil {
			w.phase, w.opening = over, nil
			return false, err
		}
		if !done {
			return true, nil
		}
		b, w.opening = rest, nil
	}
	return w.frames(b, answers, to)
}

// open takes bytes until the opening is whole; rest is what follows it, a part of b.
func (w *WebSocket) open(b []byte, answers *[]byte) (rest []byte, done bool, err error) {
	head, rest, err := w.opening.cut(b)
	switch {
	case err == tooLarge && !w.client:
		err = headerTooLarge.answer(answers, "", "")
	case err != nil: // no HTTP: an answer would not be understood
	case head == nil:
		return nil, false, nil
	case w.client:
		w.request, err = w.opening.response(head)
	default:
		w.request, err = w.opening.server.accept(head, answers)
	}
	return rest, err == nil, err
}

// Open tells whether the upgrade is done and no close frame was sent.
func (w *WebSocket) Open() bool { return w.opening == nil && !w.closed && w.phase != over }

// Request is what the upgrade said; nil before it and after Forget. A client has the path it asked for, the header of the
// answer and the subprotocol.
func (w *WebSocket) Request() *Request { return w.request }

// Forget lets go of the request.
func (w *WebSocket) Forget() { w.request = nil }

// Pending is how many bytes are held. The request counts as what it takes in memory: who may hold only so many bytes before
// they are known could make much more of them with a header of very many short lines.
func (w *WebSocket) Pending() int {
	n := int(w.headLen) + int(w.partLen)
	if w.request != nil {
		n += w.request.size
	}
	if w.opening != nil {
		n += len(w.opening.held)
	}
	return n
}
