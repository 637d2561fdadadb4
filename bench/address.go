package bench

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// address is Config.Addr taken apart.
type address struct {
	tls, ws bool
	unix    string // a socket's path, in place of what follows
	host    string // without its port: the name that a certificate must be for
	port    string
	target  string // of a WebSocket's HTTP request: path and query
}

// schemes are the beginnings of an address. The ports are those of URLs without one.
var schemes = map[string]struct {
	tls, ws bool
	port    string
}{
	"mqtt": {port: "1883"}, "tcp": {port: "1883"}, "mqtts": {tls: true, port: "8883"}, "tls": {tls: true, port: "8883"},
	"ws": {ws: true, port: "80"}, "wss": {tls: true, ws: true, port: "443"}, "unix": {},
}

// webPath is where brokers have their WebSocket, and what an address without a path means.
const webPath = "/mqtt"

// parseAddress takes host:port, or a URL.
func parseAddress(text string) (a address, err error) {
	if text == "" {
		return a, errors.New("the broker's host:port is missing")
	}
	if !strings.Contains(text, "://") {
		a.host, a.port, err = net.SplitHostPort(text)
		return a, err
	}
	u, err := url.Parse(text)
	if err != nil { // its text would repeat the address, with the password in it
		return a, err.(*url.Error).Err
	}
	kind, known := schemes[u.Scheme]
	a = address{tls: kind.tls, ws: kind.ws, host: u.Hostname(), port: u.Port()}
	switch {
	case !known:
		return a, fmt.Errorf("the scheme %q is none of mqtt, tcp, mqtts, tls, ws, wss and unix", u.Scheme)
	case u.User != nil:
		return a, errors.New("user and password are options of their own")
	case u.Scheme == "unix":
		if a.unix = u.Path; u.Host != "" || len(u.Path) < 2 {
			return a, errors.New("a unix socket is unix:///path/to/it")
		}
		return a, nil
	case a.host == "":
		return a, errors.New("the host is missing")
	case kind.ws:
		if a.target = u.RequestURI(); u.Path == "" {
			a.target = webPath + strings.TrimPrefix(a.target, "/")
		}
	case u.Path != "" && u.Path != "/" || u.RawQuery != "":
		return a, errors.New("only ws and wss have a path")
	}
	if a.port == "" {
		a.port = kind.port
	}
	return a, nil
}

// transport names what lies under MQTT.
func (a *address) transport() string {
	switch {
	case a.unix != "":
		return "unix"
	case a.tls && a.ws:
		return "wss"
	case a.tls:
		return "tls"
	case a.ws:
		return "ws"
	}
	return "tcp"
}
