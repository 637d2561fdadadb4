package engine

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// kinds are the listener kinds of this version with the port a URL without one means.
var kinds = []struct {
	kind Kind
	port string
}{
	{KindTCP, "1883"},
}

func kindNames() string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k.kind)
	}
	return strings.Join(names, ", ")
}

// ParseListener reads a listener URL, `tcp://127.0.0.1:1883?versions=4,5&max_connections=100`: scheme and host are the
// kind and address, the query's keys are those of the listeners section.
func ParseListener(text string) (Listener, error) {
	var l Listener
	u, err := url.Parse(text)
	if err != nil {
		return l, fmt.Errorf("listener %q is not a URL such as tcp://127.0.0.1:1883", text)
	}
	if err := l.fromURL(u); err != nil {
		return Listener{}, fmt.Errorf("listener %q: %w", text, err)
	}
	return l, nil
}

// UnmarshalText reads a listener URL as ParseListener does.
func (l *Listener) UnmarshalText(text []byte) error {
	parsed, err := ParseListener(string(text))
	if err == nil {
		*l = parsed
	}
	return err
}

func (l *Listener) fromURL(u *url.URL) error {
	kind, port, err := kindOf(u.Scheme)
	if err != nil {
		return err
	}
	switch {
	case u.Host == "":
		return fmt.Errorf("has no address, as in %s://127.0.0.1:%s", kind, port)
	case u.User != nil || u.Fragment != "" || (u.Path != "" && u.Path != "/"):
		return fmt.Errorf("takes an address and query keys only")
	}
	if p := u.Port(); p != "" {
		port = p
	}
	l.Kind, l.Address = kind, net.JoinHostPort(u.Hostname(), port)
	return l.fromQuery(u.RawQuery)
}

func kindOf(scheme string) (kind Kind, port string, err error) {
	for _, k := range kinds {
		if string(k.kind) == scheme {
			return k.kind, k.port, nil
		}
	}
	return "", "", fmt.Errorf("unknown kind %q (known: %s)", scheme, kindNames())
}

func (l *Listener) fromQuery(raw string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return err
	}
	keys := make([]string, 0, len(query))
	for key := range query {
		keys = append(keys, key)
	}
	slices.Sort(keys) // the same URL fails with the same error every time
	for _, key := range keys {
		switch {
		case key == "kind" || key == "address":
			return &FieldError{key, "is said by the URL itself"}
		case len(query[key]) != 1:
			return &FieldError{key, "stands more than once"}
		}
		if err := set(reflect.ValueOf(l).Elem(), key, query[key], false); err != nil {
			return err
		}
	}
	return nil
}

// URL is where the listener is: kind and address, without the other keys.
func (l Listener) URL() string {
	u := url.URL{Scheme: string(l.kind()), Host: l.Address} // escapes the zone of an IPv6 address
	return u.String()
}

// Title is the listener's name, or its URL when it has none.
func (l Listener) Title() string {
	if l.Name != "" {
		return l.Name
	}
	return l.URL()
}

func (l Listener) kind() Kind {
	if l.Kind == "" {
		return KindTCP
	}
	return l.Kind
}

// checkAddress says what is wrong with a host:port, or nothing.
func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("must be host:port, is %q", address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("must end in a port from 0 to 65535, is %q", address)
	}
	if strings.Contains(host, ":") {
		if addr, err := netip.ParseAddr(host); err != nil || !isHostname(addr.Zone()) {
			return fmt.Errorf("has no valid IPv6 address: %q", address)
		}
	} else if !isHostname(host) {
		return fmt.Errorf("has no valid host: %q", address)
	}
	return nil
}

// isHostname reports whether s holds only what names of hosts and interfaces are made of.
func isHostname(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(".-_", r))
	})
}
