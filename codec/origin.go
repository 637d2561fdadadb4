package codec

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Origin is where a web page comes from, as a browser names it in the header of that name (RFC 6454 section 6.2): in lower
// case, with the port its scheme has by default. Two origins are the same if they are equal.
type Origin struct {
	Scheme string
	Host   string // a name, or an address as netip writes it: no brackets
	Port   uint16 // 0: the scheme has no default that we know, and none is named
}

var defaultPorts = map[string]uint16{"http": 80, "https": 443}

// ParseOrigin reads `scheme://host` or `scheme://host:port`. The error says what else there was, and how it would be right.
func ParseOrigin(s string) (o Origin, err error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || !isScheme(scheme) {
		return o, errors.New("an origin begins with the scheme of a page, as in https://example.org")
	}
	o.Scheme = strings.ToLower(scheme)
	if o.Scheme == "ws" || o.Scheme == "wss" {
		return o, errors.New("an origin is where a page was loaded from, so http:// or https:// rather than " + o.Scheme + "://")
	}
	if i := strings.IndexAny(rest, "/?#\\"); i >= 0 {
		return o, errors.New("an origin ends with the host or the port: no path, no slash")
	}
	if strings.Contains(rest, "@") {
		return o, errors.New("an origin names no user")
	}
	host, port, err := splitPort(rest)
	if err != nil {
		return o, err
	}
	if o.Host, err = normalHost(host); err != nil {
		return o, err
	}
	if o.Port = port; port == 0 {
		o.Port = defaultPorts[o.Scheme]
	}
	return o, nil
}

// isScheme tells whether s is what RFC 3986 section 3.1 calls one.
func isScheme(s string) bool {
	for i := range len(s) {
		switch c := s[i] | 0x20; {
		case 'a' <= c && c <= 'z':
		case i > 0 && ('0' <= s[i] && s[i] <= '9' || s[i] == '+' || s[i] == '-' || s[i] == '.'):
		default:
			return false
		}
	}
	return s != ""
}

// splitPort takes the port off, which comes behind the bracket of an IPv6 address; 0: there is none.
func splitPort(s string) (host string, port uint16, err error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.HasSuffix(s, "]") {
		return s, 0, nil
	}
	n, err := strconv.ParseUint(s[i+1:], 10, 16)
	if err != nil || n == 0 || s[i+1] == '+' {
		return "", 0, errors.New("an origin's port is a number from 1 to 65535; an IPv6 address stands in brackets")
	}
	return s[:i], uint16(n), nil
}

// normalHost gives the one way in which a host is written here.
func normalHost(s string) (string, error) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		if err != nil || !strings.HasSuffix(s, "]") || !a.Is6() || a.Zone() != "" {
			return "", errors.New("what stands in the brackets of an origin is an IPv6 address")
		}
		return a.String(), nil
	}
	switch {
	case s == "":
		return "", errors.New("an origin names a host")
	case strings.Contains(s, "*"):
		return "", errors.New("an origin has no wildcards; a * of its own allows every page")
	case strings.Contains(s, ":"):
		return "", errors.New("an origin's IPv6 address stands in brackets")
	}
	for i := range len(s) {
		c := s[i] | 0x20
		switch {
		case 'a' <= c && c <= 'z', '0' <= s[i] && s[i] <= '9', s[i] == '.', s[i] == '-', s[i] == '_':
		default:
			return "", errors.New("an origin's host is of letters, digits, dots and hyphens; other letters are written as in xn--mnchen-3ya.de")
		}
	}
	return strings.ToLower(s), nil
}

// Loopback tells whether the page was served by the machine its browser runs on.
func (o Origin) Loopback() bool {
	host := strings.TrimSuffix(o.Host, ".")
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") // RFC 6761 section 6.3
}

// Origins says which pages may open a WebSocket. Any page a user looks at could open one to a broker on their machine or
// in their network, and speak with the rights of whoever may connect without a password. The zero value allows pages of
// loopback hosts, and of the hosts that the listener knows to be its own.
type Origins struct {
	any  bool
	list []Origin
}

// ParseOrigins reads a list of origins; a member * allows every page. Of an empty list comes the zero value.
func ParseOrigins(list []string) (o Origins, err error) {
	for _, s := range list {
		if s == "*" {
			o.any = true
			continue
		}
		one, err := ParseOrigin(s)
		if err != nil {
			return Origins{}, fmt.Errorf("%.100q: %w", s, err)
		}
		o.list = append(o.list, one)
	}
	return o, nil
}

// Allow tells whether a page that a browser says to be of this origin may connect. With a list it is the list that says
// so. Without one the page's host decides, over HTTP or HTTPS and on any port: a loopback host, or one for which own is
// true; own is given what Origin.Host holds, and nil knows none.
//
// own must know its hosts from the configuration or the machine. The request's Host must not count as one: a page may
// point its own name at this machine after it was loaded (DNS rebinding), and then that name stands in both headers.
func (o Origins) Allow(origin string, own func(host string) bool) bool {
	if o.any {
		return true
	}
	page, err := ParseOrigin(origin)
	if err != nil { // among them "null", as of a sandboxed frame or a file
		return false
	}
	if len(o.list) > 0 {
		return slices.Contains(o.list, page)
	}
	if page.Scheme != "http" && page.Scheme != "https" {
		return false
	}
	return page.Loopback() || own != nil && own(page.Host)
}
