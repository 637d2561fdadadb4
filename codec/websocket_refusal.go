package codec

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// refusal is an answer of HTTP to a request that does not become a WebSocket: one that helps whoever looks at it with a
// browser or curl.
type refusal struct {
	status int
	cause  Cause
	header string // lines besides those that all have
	say    string
}

// speaksWebSocket are the lines of RFC 9110 section 15.5.22 and RFC 6455 section 4.4.
const speaksWebSocket = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"

var (
	headerTooLarge = refusal{http.StatusRequestHeaderFieldsTooLarge, WSHeaderTooLarge, "", "the request header is larger than allowed"}
	malformed      = refusal{http.StatusBadRequest, WSBadRequest, "", "the request is malformed"}
	httpVersion    = refusal{http.StatusHTTPVersionNotSupported, WSBadRequest, "", "only HTTP/1.1 is spoken here"}
	otherPath      = refusal{http.StatusNotFound, WSPath, "", "there is nothing under this path"}
	otherMethod    = refusal{http.StatusMethodNotAllowed, WSMethod, "Allow: GET\r\n", "a WebSocket begins with GET, and nothing else is served here"}
	http10         = refusal{http.StatusUpgradeRequired, WSNotUpgrade, speaksWebSocket, "the request is of HTTP/1.0, perhaps a proxy's, and a WebSocket begins with HTTP/1.1"}
	notUpgrade     = refusal{http.StatusUpgradeRequired, WSNotUpgrade, speaksWebSocket, "MQTT over WebSocket is spoken here, and the request does not ask for it"}
	otherVersion   = refusal{http.StatusUpgradeRequired, WSVersion, speaksWebSocket, "version 13 of WebSocket is spoken here"}
	otherOrigin    = refusal{http.StatusForbidden, WSOrigin, "", "pages of this origin may not connect"}
)

// noSubprotocol names the accepted ones.
func (u *Upgrade) noSubprotocol() *refusal {
	return &refusal{http.StatusBadRequest, WSSubprotocol, "", "the request offers none of the subprotocols " + strings.Join(u.Subprotocols, ", ")}
}

// answer appends the response and gives the fault. detail is for the log, or what is malformed; it repeats nothing of a
// query. A HEAD is answered without the body.
func (r *refusal) answer(answers *[]byte, method, detail string) error {
	body := r.say
	if r.cause == WSBadRequest && detail != "" {
		body += ": " + detail
	}
	body += "\n"
	connection := "close"
	if r.status == http.StatusUpgradeRequired {
		connection = "Upgrade, close" // who sends Upgrade names it here too
	}
	out := fmt.Appendf(*answers, "HTTP/1.1 %d %s\r\n%sConnection: %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n",
		r.status, http.StatusText(r.status), r.header, connection, len(body))
	if method != http.MethodHead {
		out = append(out, body...)
	}
	*answers = out
	if detail == "" {
		return &Fault{Cause: r.cause, Err: errors.New(r.say)}
	}
	return &Fault{Cause: r.cause, Err: fmt.Errorf("%s: %s", r.say, detail)}
}

// quoted shows a value of the peer's in a log line: in quotes, and not all of it.
func quoted(what, value string) string { return fmt.Sprintf("%s %.64q", what, value) }
