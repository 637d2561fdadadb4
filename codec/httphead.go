package codec

import (
	"bytes"
	"errors"
	"net/http"
	"net/textproto"
	"strings"
)

// opening is what a WebSocket needs until it is open.
type opening struct {
	server *Upgrade       // nil for a client
	client *ClientUpgrade // nil for a server
	accept string         // what a client waits for
	max    int            // bytes of the header
	held   []byte         // what has come of it, if it came in pieces
}

const defaultMaxHeader = 8 << 10

func headerLimit(n int) int {
	if n <= 0 {
		return defaultMaxHeader
	}
	return n
}

var (
	notHTTP  error = &Fault{Cause: WSNotHTTP, Err: errors.New("what came is not HTTP")}
	tooLarge error = &Fault{Cause: WSHeaderTooLarge, Err: errors.New("the HTTP header is larger than allowed")}

	headEnd = []byte("\r\n\r\n")
)

// cut finds the end of the header, so that not a byte behind it is taken for a part of it: a first frame may follow in the
// same read. head is nil while it is not whole.
func (o *opening) cut(b []byte) (head, rest []byte, err error) {
	held, all := len(o.held), b
	if held > 0 {
		o.held = append(o.held, b[:min(len(b), o.max-held)]...)
		all = o.held
	}
	if !o.plausible(all) {
		return nil, nil, notHTTP
	}
	from := max(0, held-len(headEnd)+1)
	if i := bytes.Index(all[from:min(len(all), o.max)], headEnd); i >= 0 {
		n := from + i + len(headEnd)
		return all[:n], b[n-held:], nil
	}
	if len(all) >= o.max {
		return nil, nil, tooLarge
	}
	if held == 0 {
		o.held = bytes.Clone(b)
	}
	return nil, nil, nil
}

// plausible tells early whether b can become HTTP, so that MQTT or TLS on this port is not waited for.
func (o *opening) plausible(b []byte) bool {
	if o.server != nil {
		return beginsRequest(b)
	}
	const begin = "HTTP/1."
	n := min(len(b), len(begin))
	return string(b[:n]) == begin[:n]
}

// longestMethod is beyond all of IANA's registry.
const longestMethod = 24

// beginsRequest tells whether b begins with a method, or with what may become one.
func beginsRequest(b []byte) bool {
	for i, c := range b[:min(len(b), longestMethod)] {
		switch {
		case 'A' <= c && c <= 'Z':
		case c == ' ', c == '-', c == '_':
			if i == 0 || c == ' ' {
				return i > 0
			}
		default:
			return false
		}
	}
	return len(b) < longestMethod
}

var (
	errHeaderLine  = errors.New("a header line is not of the form `name: value`")
	errHeaderFold  = errors.New("a header line is folded")
	errHeaderBytes = errors.New("a byte that may not be in an HTTP header")
)

// lineSize is what a header's line takes besides its bytes, as measured with a thousand of them (116).
const lineSize = 128

// parseHead takes a whole header apart, strictly: what two programs could read in two ways is refused, since one of them
// may be a proxy in front. The strings are a copy of head.
func parseHead(head []byte) (first string, h http.Header, err error) {
	first, rest, more := strings.Cut(string(head[:len(head)-len(headEnd)]), "\r\n")
	if !printable(first) {
		return "", nil, errHeaderBytes
	}
	h = make(http.Header, 16)
	for more {
		var line string
		line, rest, more = strings.Cut(rest, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		switch {
		case line[0] == ' ', line[0] == '\t':
			return "", nil, errHeaderFold // RFC 9112 section 5.2
		case !printable(line):
			return "", nil, errHeaderBytes
		case !ok, !isToken(name):
			return "", nil, errHeaderLine
		}
		key := textproto.CanonicalMIMEHeaderKey(name)
		h[key] = append(h[key], strings.Trim(value, " \t"))
	}
	return first, h, nil
}

// printable tells whether s has no control character but tabs: no bare CR or LF above all.
func printable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// isToken tells whether s is what RFC 9110 section 5.6.2 calls one.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if ('a' > c || c > 'z') && ('A' > c || c > 'Z') && ('0' > c || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// hasToken tells whether one of a list header's lines names the token, in any case.
func hasToken(lines []string, token string) bool {
	for t := range tokens(lines) {
		if strings.EqualFold(t, token) {
			return true
		}
	}
	return false
}

// tokens goes through the members of a list header: its lines are one list (RFC 9110 section 5.3).
func tokens(lines []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for t := range strings.SplitSeq(line, ",") {
				if t = strings.Trim(t, " \t"); t != "" && !yield(t) {
					return
				}
			}
		}
	}
}
