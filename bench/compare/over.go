package compare

import (
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/penstock-mqtt/penstock/bench"
	"github.com/penstock-mqtt/penstock/bench/internal/pki"
)

// Over is what lies under MQTT in a scenario: tcp (when nothing is said), tls, mtls (the clients show certificates), ws
// or wss.
type Over string

// way is how a transport is reached, and by which placeholder a broker is given its port.
type way struct {
	port      string
	url, path string
	tls, mtls bool
}

var ways = map[Over]way{
	"":     {port: "port"},
	"tls":  {port: "port-tls", url: "tls://", tls: true},
	"mtls": {port: "port-mtls", url: "tls://", tls: true, mtls: true},
	"ws":   {port: "port-ws", url: "ws://", path: "/mqtt"},
	"wss":  {port: "port-wss", url: "wss://", path: "/mqtt", tls: true},
}

// UnmarshalYAML refuses what is not known.
func (o *Over) UnmarshalYAML(n ast.Node) error {
	text, err := scalar(n)
	if err != nil {
		return err
	}
	if *o = Over(text); text == "tcp" {
		*o = ""
	}
	if _, known := ways[*o]; !known {
		return failAt(n, "over: %q is none of tcp, tls, mtls, ws and wss", text)
	}
	return nil
}

// addr is the broker's address for the load.
func (o Over) addr(port string) string {
	w := ways[o]
	return w.url + net.JoinHostPort("127.0.0.1", port) + w.path
}

// trust has the load's clients accept the broker's certificate, and show their own.
func (o Over) trust(c *bench.Config, f *pki.Files) {
	if w := ways[o]; w.tls {
		c.CAFile = f.CA
		if w.mtls {
			c.CertFile, c.KeyFile = f.ClientCert, f.ClientKey
		}
	}
}

// serves tells whether a broker has been given the port of a transport.
func (b *Broker) serves(o Over) bool {
	port := "{" + ways[o].port + "}"
	return o == "" || strings.Contains(b.Config, port) || slices.ContainsFunc(b.Command, func(w string) bool { return strings.Contains(w, port) })
}

// freePorts lets the system choose a port for each transport. They are free again until the broker listens, and on a
// loopback address of a machine that measures nobody else takes them.
func freePorts() (map[string]string, error) {
	ports := map[string]string{}
	for w := range maps.Values(ways) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // with the others, so that none is given twice
		_, ports[w.port], _ = net.SplitHostPort(l.Addr().String())
	}
	return ports, nil
}
