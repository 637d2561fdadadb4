package main

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/penstock-mqtt/penstock/codec/client"
)

// webSocketFlags are the options of MQTT over WebSocket.
type webSocketFlags struct {
	WS       bool  `name:"ws" help:"Connect by WebSocket."`
	WSPath   text  `name:"ws-path" placeholder:"PATH" help:"Path of the WebSocket, with its query if any; /mqtt if not given."`
	WSHeader texts `name:"ws-header" placeholder:"NAME: VALUE" help:"Send this along with the HTTP request; repeatable."`
}

// Ports that brokers have for what, when none is given. A URL of a WebSocket has those of the web.
const (
	portMQTT, portMQTTS = 1883, 8883
	portWS, portWSS     = 8083, 8084
	portHTTP, portHTTPS = 80, 443
)

// urlFlag is what -L said that no other flag can say.
type urlFlag struct {
	tls bool
	web bool // a URL of a WebSocket: its path is no topic
}

// takeURL spreads -L over the other flags and returns its topic.
func (f *clientFlags) takeURL() (topic string, err error) {
	if f.URL == "" {
		return "", nil
	}
	bad := func(format string, a ...any) (string, error) {
		return "", usage("-L: "+format, a...) // without the URL: there may be a password in it
	}
	u, err := url.Parse(string(f.URL))
	if err != nil { // its own words quote what it takes for a port, which may be of the password
		what, _, _ := strings.Cut(errors.Unwrap(err).Error(), ` "`)
		return bad("%s; in a name or password, / is written as %%2F, ? as %%3F, # as %%23 and %% as %%25", what)
	}
	switch u.Scheme {
	case "mqtt", "tcp":
	case "mqtts", "tls":
		f.url.tls = true
	case "ws":
		f.WS, f.url.web = true, true
	case "wss":
		f.WS, f.url.web, f.url.tls = true, true, true
	default:
		return bad("the scheme %q is not one of mqtt, mqtts, ws and wss", u.Scheme)
	}
	if u.Hostname() == "" {
		return bad("the host is missing")
	}
	// What stands behind the host is the topic as it is, "?" and "#" included; or the path of the WebSocket.
	_, rest, _ := strings.Cut(string(f.URL), "://")
	host, path, slash := strings.Cut(rest, "/")
	switch {
	case !f.url.web && path == "":
		return bad("the topic is missing")
	case !f.url.web:
		topic = path
	case slash:
		f.WSPath = text("/" + path)
	case strings.Contains(host, "?"):
		_, query, _ := strings.Cut(host, "?")
		f.WSPath = text("/mqtt?" + query)
	}
	f.Host = text(u.Hostname())
	if p := u.Port(); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil {
			return bad("invalid port %q", p)
		}
		f.Port = &n
	}
	if u.User != nil {
		f.Username = text(u.User.Username())
		if p, ok := u.User.Password(); ok {
			f.Password = (*text)(&p)
		}
	}
	return topic, nil
}

// secured tells whether there is to be TLS. As with mosquitto's clients, port 8883 alone says it too.
func (f *clientFlags) secured() bool {
	return f.url.tls || f.tlsFlags.given() || f.Unix == "" && !f.WS && f.Port != nil && *f.Port == portMQTTS
}

func (f *clientFlags) port() int {
	switch secured := f.secured(); {
	case f.Port != nil:
		return *f.Port
	case f.url.web && secured:
		return portHTTPS
	case f.url.web:
		return portHTTP
	case f.WS && secured:
		return portWSS
	case f.WS:
		return portWS
	case secured:
		return portMQTTS
	}
	return portMQTT
}

// where is the server for people.
func (f *clientFlags) where() string {
	if f.Unix != "" {
		return string(f.Unix)
	}
	return net.JoinHostPort(string(f.Host), strconv.Itoa(f.port()))
}

// address tells the client where to connect and through which layers.
func (f *clientFlags) address(o *client.Options) (err error) {
	secured := f.secured()
	switch {
	case f.Unix != "" && (f.WS || secured):
		return usage("--unix goes with neither TLS nor WebSocket")
	case !f.WS && (f.WSPath != "" || len(f.WSHeader) > 0):
		return usage("--ws-path and --ws-header are for WebSocket: use --ws, or -L with ws:// or wss://")
	case f.WSPath != "" && f.WSPath[0] != '/':
		return usage("--ws-path %s: it must begin with /", f.WSPath)
	}
	if secured {
		if o.TLS, err = f.tlsFlags.config(); err != nil {
			return err
		}
	}
	if o.Header, err = f.header(); err != nil {
		return err
	}
	o.Addr = f.where()
	scheme := ""
	switch {
	case f.Unix != "":
		o.Network = "unix"
	case f.WS && secured:
		scheme = "wss"
	case f.WS:
		scheme = "ws"
	case secured:
		scheme = "mqtts"
	}
	if scheme != "" {
		u := url.URL{Scheme: scheme, Host: o.Addr} // which escapes the zone of an IPv6 address
		o.Addr = u.String() + string(f.WSPath)
	}
	return nil
}

// header reads --ws-header.
func (f *clientFlags) header() (http.Header, error) {
	var h http.Header
	for _, line := range f.WSHeader {
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, usage("--ws-header %q: it must be NAME: VALUE", line)
		}
		if h == nil {
			h = make(http.Header)
		}
		h.Add(name, strings.TrimSpace(value))
	}
	return h, nil
}
