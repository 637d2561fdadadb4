package engine

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// ParseListener reads a listener URL: scheme and host are the kind and address, the query's keys are those of the
// listeners section.
//
//	tcp://127.0.0.1:1883?versions=4,5&max-connections=100
//	tls://[::1]?cert=server.crt&key=server.key&ca=ca.crt&client-auth=require
//	ws://127.0.0.1:8083/mqtt
//	unix:///run/penstock.sock?mode=0600
//
// Without a port it is the kind's own (1883, 8883, 8083, 8084). The path of a ws or wss URL is the listener's Path, and
// none is DefaultPath. A key that is a list takes commas, or stands several times.
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

// URL is where the listener is: kind, address and the path of WebSocket requests, without the other keys.
func (l Listener) URL() string {
	u := url.URL{Scheme: string(l.kind()), Host: l.Address} // escapes the zone of an IPv6 address
	switch {
	case l.web():
		u.Path = l.path()
	case l.kind() == KindUnix:
		u.Host, u.Path = "", l.Address
	}
	return u.String()
}

func (l *Listener) fromURL(u *url.URL) error {
	kind, port, err := kindOf(u.Scheme)
	if err != nil {
		return err
	}
	l.Kind = kind
	if kind == KindUnix {
		err = l.fromPath(u)
	} else {
		err = l.fromHost(u, port)
	}
	if err != nil {
		return err
	}
	return l.fromQuery(u.RawQuery)
}

func (l *Listener) fromHost(u *url.URL, port string) error {
	switch {
	case u.Host == "":
		return fmt.Errorf("has no address, as in %s://127.0.0.1:%s", l.Kind, port)
	case u.User != nil || u.Fragment != "":
		return fmt.Errorf("takes an address and query keys only")
	case l.web():
		l.Path = u.EscapedPath() // as written: a request is compared with it as it is written too
	case u.Path != "" && u.Path != "/":
		return fmt.Errorf("takes an address and query keys only: a path is for ws and wss")
	}
	if p := u.Port(); p != "" {
		port = p
	}
	l.Address = net.JoinHostPort(u.Hostname(), port)
	return nil
}

func (l *Listener) fromPath(u *url.URL) error {
	switch {
	case u.User != nil:
		return fmt.Errorf("takes no abstract socket, which has no permissions: give a path, as in unix:///run/penstock.sock")
	case u.Opaque != "" || u.Host != "" || u.Path == "":
		return fmt.Errorf("takes an absolute path, as in unix:///run/penstock.sock")
	case u.Fragment != "":
		return fmt.Errorf("takes a path and query keys only")
	}
	l.Address = u.Path
	return nil
}

func (l *Listener) fromQuery(raw string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return err
	}
	values := map[string][]string{}
	for _, key := range slices.Sorted(maps.Keys(query)) { // the same URL gives the same listener, or error, every time
		values[CanonicalKey(key)] = append(values[CanonicalKey(key)], query[key]...)
	}
	section := reflect.ValueOf(l).Elem()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		f, known := field(section, key)
		switch {
		case key == "kind" || key == "address" || key == "path":
			return &FieldError{key, "is said by the URL itself"}
		case len(values[key]) > 1 && !(known && f.Kind() == reflect.Slice):
			return &FieldError{key, "stands more than once"}
		}
		if err := set(section, key, []string{strings.Join(values[key], ",")}, false); err != nil {
			return err
		}
	}
	return nil
}
