package codec

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// ask is an HTTP request with its line taken apart.
type ask struct {
	method, path, query string
	major, minor        byte
	host                string
	header              http.Header
}

// accept judges the request and answers it, either way.
func (u *Upgrade) accept(head []byte, answers *[]byte) (*Request, error) {
	a, r, detail := readAsk(head)
	if r == nil {
		r, detail = u.judge(a)
	}
	if r != nil {
		return nil, r.answer(answers, a.method, detail)
	}
	chosen := u.choose(a.header["Sec-Websocket-Protocol"])
	if err := switchProtocols(a, chosen, answers); err != nil {
		return nil, &Fault{Cause: WSBadRequest, Err: err}
	}
	return &Request{
		Path: a.path, RawQuery: a.query, Host: a.host, Header: a.header, Subprotocol: chosen, size: len(head) + lineSize*bytes.Count(head, []byte("\r\n")),
	}, nil
}

// readAsk reads the request as HTTP: what it says is judged later.
func readAsk(head []byte) (a ask, r *refusal, detail string) {
	line, header, err := parseHead(head)
	if err != nil {
		return a, &malformed, err.Error()
	}
	a.header = header
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(rest, " ")
	a.method = method
	if len(version) != len("HTTP/1.1") || version[:5] != "HTTP/" || !digit(version[5]) || version[6] != '.' || !digit(version[7]) {
		return a, &malformed, "the request line is not of the form `method target HTTP/1.1`"
	}
	a.major, a.minor = version[5]-'0', version[7]-'0'
	if a.major != 1 {
		return a, &httpVersion, ""
	}
	hosts := header["Host"]
	if len(hosts) > 1 || len(hosts) == 0 && a.minor > 0 { // RFC 9112 section 3.2
		return a, &malformed, "the header Host is to be there, once"
	}
	if len(hosts) == 1 {
		a.host = hosts[0]
	}
	if !a.aim(target) {
		return a, &malformed, "the request's target is not a path" // without the target: a query may hold a token
	}
	return a, nil, ""
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// aim takes the target apart: a path and a query, perhaps behind a scheme and a host, which count instead of the header's
// (RFC 9112 section 3.2.2).
func (a *ask) aim(target string) bool {
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c > '~' || c == '#' {
			return false
		}
	}
	if scheme, rest, ok := strings.Cut(target, "://"); ok && isToken(scheme) {
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		if a.host = rest[:end]; a.host == "" {
			return false
		}
		if target = rest[end:]; !strings.HasPrefix(target, "/") {
			target = "/" + target
		}
	}
	a.path, a.query, _ = strings.Cut(target, "?")
	return strings.HasPrefix(target, "/") || target == "*" || a.method == http.MethodConnect
}

// judge says what speaks against the request; nil: nothing.
func (u *Upgrade) judge(a ask) (r *refusal, detail string) {
	h := a.header
	key, version := h["Sec-Websocket-Key"], h["Sec-Websocket-Version"]
	origin := h["Origin"]
	switch {
	case a.method == http.MethodConnect:
		return &otherMethod, quoted("method", a.method)
	case a.path != u.Path:
		return &otherPath, quoted("path", a.path)
	case a.method != http.MethodGet:
		return &otherMethod, quoted("method", a.method)
	case a.minor == 0: // RFC 9110 section 7.8: an Upgrade of HTTP/1.0 is to be ignored
		return &http10, ""
	case !hasToken(h["Upgrade"], "websocket"):
		return &notUpgrade, ""
	case !hasToken(h["Connection"], "upgrade"):
		return &malformed, "the header Upgrade without `Connection: Upgrade`"
	case len(version) != 1 || version[0] != "13":
		return &otherVersion, quoted("version", strings.Join(version, ", "))
	case len(key) != 1 || !validKey(key[0]):
		return &malformed, "Sec-WebSocket-Key is to be there once, 16 bytes in base64"
	case hasBody(h):
		return &malformed, "a request with a body"
	case len(origin) > 1:
		return &malformed, "the header Origin is there more than once"
	case len(origin) == 1 && u.Origin != nil && !u.Origin(origin[0]):
		page, _, _ := strings.Cut(origin[0], "?") // which a browser's has not
		return &otherOrigin, quoted("origin", page)
	case u.choose(h["Sec-Websocket-Protocol"]) == "": // [MQTT-6.0.0-3]
		return u.noSubprotocol(), "" // nor which it does offer: pages that can set no header put tokens there
	}
	return nil, ""
}

// validKey tells whether s is 16 bytes in base64.
func validKey(s string) bool {
	b, err := base64.StdEncoding.DecodeString(s)
	return err == nil && len(b) == 16
}

// hasBody tells whether bytes behind the header would belong to the request: they could be taken for frames.
func hasBody(h http.Header) bool {
	for _, n := range h["Content-Length"] {
		if n != "0" {
			return true
		}
	}
	return len(h["Transfer-Encoding"]) > 0
}

// choose gives the subprotocol we like best among those offered; "": none of ours is. [MQTT-6.0.0-4]
func (u *Upgrade) choose(offered []string) string {
	best := len(u.Subprotocols)
	for t := range tokens(offered) {
		if i := slices.Index(u.Subprotocols[:best], t); i >= 0 {
			best = i
		}
	}
	if best == len(u.Subprotocols) {
		return ""
	}
	return u.Subprotocols[best]
}

// switchProtocols has gobwas/ws answer the request. It is given what was judged rather than what was sent, since it knows
// list headers in one line only; extensions are not among it, so none is agreed on.
func switchProtocols(a ask, chosen string, answers *[]byte) error {
	r := &http.Request{
		Method: a.method, ProtoMajor: int(a.major), ProtoMinor: int(a.minor), Host: a.host,
		Header: http.Header{
			"Upgrade": {"websocket"}, "Connection": {"Upgrade"},
			"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": a.header["Sec-Websocket-Key"],
			"Sec-Websocket-Protocol": {chosen},
		},
	}
	if r.Host == "" {
		r.Host = "." // an empty Host is legal, if odd; gobwas/ws asks for one and does not look at it
	}
	up := ws.HTTPUpgrader{Protocol: func(p string) bool { return p == chosen }}
	_, _, _, err := up.Upgrade(r, &handover{out: answers})
	return err
}

// handover is where gobwas/ws expects net/http's connection: it collects the answer.
type handover struct {
	net.Conn // none: only the methods below are called
	out      *[]byte
}

func (h *handover) Header() http.Header         { return http.Header{} }
func (h *handover) WriteHeader(int)             {}
func (h *handover) SetDeadline(time.Time) error { return nil }
func (h *handover) Write(p []byte) (n int, e error) {
	*h.out = append(*h.out, p...)
	return len(p), nil
}

// Hijack gives itself away.
func (h *handover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h, bufio.NewReadWriter(nil, bufio.NewWriterSize(h, 512)), nil
}
