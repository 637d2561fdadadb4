package client

import (
	"net"
	"net/url"
	"strings"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// scheme is what the beginning of an address says of the layers below MQTT.
type scheme struct {
	tls, ws bool
	port    string // when the address names none
}

// The schemes of Options.Addr. The ports of ws and wss are those of the web, as with every URL of theirs.
var schemes = map[string]scheme{
	"mqtt":  {port: "1883"},
	"tcp":   {port: "1883"},
	"mqtts": {tls: true, port: "8883"},
	"tls":   {tls: true, port: "8883"},
	"ws":    {ws: true, port: "80"},
	"wss":   {tls: true, ws: true, port: "443"},
	"unix":  {},
}

// defaultPath is where brokers, ours too, have their WebSocket.
const defaultPath = "/mqtt"

// way is an address taken apart.
type way struct {
	scheme
	network, addr string // for the Dialer
	name          string // the host alone, which the certificate must be for
	host, target  string // for the HTTP request: as written in the URL, path and query
	user          *url.Userinfo
}

// way reads where to connect and through which layers. An address without a scheme goes to the Dialer as it is.
func (o *Options) way() (way, error) {
	if !strings.Contains(o.Addr, "://") {
		return way{network: o.Network, addr: o.Addr}, nil
	}
	u, err := url.Parse(o.Addr)
	if err != nil {
		return way{}, badOptions("address: %s; in a name or password, / is written as %%2F, ? as %%3F, # as %%23 and %% as %%25", silent(err))
	}
	kind, known := schemes[u.Scheme]
	w := way{scheme: kind, network: "tcp", host: u.Host, name: u.Hostname(), user: u.User}
	switch {
	case !known:
		return way{}, badOptions("address: the scheme %q is not one of mqtt, mqtts, tcp, tls, ws, wss and unix", u.Scheme)
	case u.Scheme == "unix":
		return unixWay(u)
	case w.name == "":
		return way{}, badOptions("address: the host is missing")
	case u.Fragment != "":
		return way{}, badOptions("address: a fragment (#) means nothing here")
	case kind.ws:
		w.target = u.RequestURI()
		if u.Path == "" {
			w.target = defaultPath + strings.TrimPrefix(w.target, "/")
		}
	case u.Path != "" && u.Path != "/" || u.RawQuery != "":
		return way{}, badOptions("address: only ws and wss have a path")
	}
	port := u.Port()
	if port == "" {
		port = kind.port
	}
	w.addr = net.JoinHostPort(w.name, port)
	return w, nil
}

// silent is what url.Parse finds wrong, without what it quotes: the whole address, or the part of a password that it takes
// for a port because of what stands behind it.
func silent(err error) string {
	what, _, _ := strings.Cut(err.(*url.Error).Err.Error(), ` "`)
	return what
}

func unixWay(u *url.URL) (way, error) {
	if u.Host != "" || u.Path == "" || u.Path == "/" {
		return way{}, badOptions("address: a unix socket is unix:///path/to/it")
	}
	return way{network: "unix", addr: u.Path, user: u.User}, nil
}

// credentials takes over user and password of the URL, unless the options have their own.
func (o *Options) credentials(user *url.Userinfo) {
	if user == nil || o.Username != "" || o.Password != nil {
		return
	}
	o.Username = user.Username()
	if password, ok := user.Password(); ok {
		o.Password = []byte(password)
	}
}

// check refuses settings for a layer that is not there: who gives a TLS configuration does not want to find out from
// the network that it was not used.
func (w *way) check(o *Options) error {
	switch {
	case o.TLS != nil && !w.tls:
		return badOptions("a TLS configuration, but the address is not one of mqtts, tls and wss")
	case o.Header != nil && !w.ws:
		return badOptions("HTTP header fields, but the address is not one of ws and wss")
	}
	return nil
}

// subprotocol is the name of MQTT as WebSocket knows it. [MQTT-6.0.0-3]
func subprotocol(v mqtt.Version) string {
	if v == mqtt.V31 {
		return "mqttv3.1"
	}
	return "mqtt"
}
