package codec

import "net/http"

// Upgrade is what a listener demands of an HTTP request that wants to become a WebSocket.
type Upgrade struct {
	Path         string   // "/mqtt"
	Subprotocols []string // accepted, the best first
	MaxHeader    int      // bytes of the request header
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
}

// WebSocket is the stage of RFC 6455, of a server or a client.
type WebSocket struct{}

// NewWebSocket makes a server's stage, which begins with the HTTP request.
func NewWebSocket(u *Upgrade) *WebSocket { return &WebSocket{} }

// ClientUpgrade is the request of a client.
type ClientUpgrade struct {
	Host, Path   string // Path with its query
	Subprotocols []string
	Header       http.Header
}

// NewWebSocketClient makes a client's stage.
func NewWebSocketClient(u *ClientUpgrade) *WebSocket { return &WebSocket{} }

// Start appends the client's HTTP request.
func (w *WebSocket) Start(dst []byte) []byte { return dst }

// Feed takes bytes of the layer below, which it may change, and hands payload to to; what it answers (the HTTP response,
// pongs, the close frame) is appended to answers. more is the Sink's last answer. io.EOF: the peer closed in order.
func (w *WebSocket) Feed(b []byte, answers *[]byte, to Sink) (more bool, err error) {
	return false, nil
}

// Open tells whether the upgrade is done and no close frame was sent.
func (w *WebSocket) Open() bool { return false }

// Request is what the upgrade said; nil before it and after Forget.
func (w *WebSocket) Request() *Request { return nil }

// Forget lets go of the request.
func (w *WebSocket) Forget() {}

// Seal appends p as one binary frame, masked by a client.
func (w *WebSocket) Seal(dst, p []byte) []byte { return dst }

// Ping appends a ping frame.
func (w *WebSocket) Ping(dst []byte) []byte { return dst }

// Close appends a close frame, unless one was sent before.
func (w *WebSocket) Close(dst []byte, code uint16) []byte { return dst }

// Pending is how many bytes are held.
func (w *WebSocket) Pending() int { return 0 }
