package codec

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// ClientUpgrade is the request of a client.
type ClientUpgrade struct {
	Host, Path   string // Path with its query, as url.URL.RequestURI gives it
	Subprotocols []string
	Header       http.Header // further lines
}

// NewWebSocketClient makes a client's stage.
func NewWebSocketClient(u *ClientUpgrade) *WebSocket {
	return &WebSocket{opening: &opening{client: u, max: defaultMaxHeader}, client: true}
}

// acceptGUID is what RFC 6455 section 1.3 has a server append to the key.
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// Start appends the client's HTTP request; once.
func (w *WebSocket) Start(dst []byte) []byte {
	o := w.opening
	if o == nil || o.client == nil || o.accept != "" {
		return dst
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	key := base64.StdEncoding.EncodeToString(nonce[:])
	sum := sha1.Sum([]byte(key + acceptGUID))
	o.accept = base64.StdEncoding.EncodeToString(sum[:])

	path := o.client.Path
	if path == "" {
		path = "/"
	}
	b := bytes.NewBuffer(dst)
	fmt.Fprintf(b, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n", path, o.client.Host, key)
	if len(o.client.Subprotocols) > 0 {
		fmt.Fprintf(b, "Sec-WebSocket-Protocol: %s\r\n", strings.Join(o.client.Subprotocols, ", "))
	}
	_ = o.client.Header.Write(b) // into memory
	b.WriteString("\r\n")
	return b.Bytes()
}

// response judges what the server answered.
func (o *opening) response(head []byte) (*Request, error) {
	line, h, err := parseHead(head)
	if err != nil {
		return nil, &Fault{Cause: WSBadRequest, Err: fmt.Errorf("the server's answer: %w", err)}
	}
	version, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	if len(code) != 3 || !digit(code[0]) || !digit(code[1]) || !digit(code[2]) {
		return nil, &Fault{Cause: WSBadRequest, Err: errors.New("the server's answer has no HTTP status")}
	}
	status := int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0')
	if status != http.StatusSwitchingProtocols {
		return nil, &Fault{Cause: WSNotUpgrade, Err: fmt.Errorf("the server answered HTTP %d %s", status, http.StatusText(status))}
	}
	chosen := h["Sec-Websocket-Protocol"]
	fault := func(c Cause, say string) (*Request, error) { return nil, &Fault{Cause: c, Err: errors.New(say)} }
	switch accept := h["Sec-Websocket-Accept"]; { // RFC 6455 section 4.1
	case version == "HTTP/1.0":
		return fault(WSBadRequest, "the server answered HTTP 101 as HTTP/1.0, which knows no upgrade")
	case !hasToken(h["Upgrade"], "websocket") || !hasToken(h["Connection"], "upgrade"):
		return fault(WSBadRequest, "the server answered HTTP 101 for another protocol than WebSocket")
	case len(accept) != 1 || accept[0] != o.accept:
		return fault(WSBadRequest, "the server's Sec-WebSocket-Accept does not fit our key")
	case len(h["Sec-Websocket-Extensions"]) > 0:
		return fault(WSBadRequest, "the server chose an extension that was not offered")
	case len(o.client.Subprotocols) == 0 && len(chosen) == 0:
		chosen = []string{""}
	case len(chosen) != 1 || !slices.Contains(o.client.Subprotocols, chosen[0]):
		return fault(WSSubprotocol, "the server chose none of the subprotocols "+strings.Join(o.client.Subprotocols, ", "))
	}
	path, query, _ := strings.Cut(o.client.Path, "?")
	return &Request{Path: path, RawQuery: query, Host: o.client.Host, Header: h, Subprotocol: chosen[0]}, nil
}
