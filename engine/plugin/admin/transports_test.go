package admin

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// every is a broker with a listener of every kind, named after it, and one more behind a proxy.
type every struct {
	*rig
	ca     *certstest.CA
	server *certstest.Pair
	dir    string
	at     map[string]string // address by name of the listener
}

func runEvery(t *testing.T) *every {
	t.Helper()
	e := &every{ca: certstest.NewCA(t, "authority"), dir: t.TempDir(), at: map[string]string{}}
	e.server = e.ca.Issue(t, "server", certstest.Names("127.0.0.1"))
	cert, key := e.server.Write(t, e.dir, "server")
	ca := certstest.WriteFile(t, e.dir, "ca.crt", certstest.PEM(e.ca.Cert))
	secure := func(kind engine.Kind) engine.Listener {
		return engine.Listener{Name: string(kind), Kind: kind, Address: "127.0.0.1:0", Cert: []string{cert}, Key: []string{key}}
	}
	mutual := secure(engine.KindTLS)
	mutual.CA = ca
	e.rig = run(t, local(t),
		engine.Listener{Name: "tcp", Kind: engine.KindTCP, Address: "127.0.0.1:0"},
		engine.Listener{Name: "unix", Kind: engine.KindUnix, Address: filepath.Join(e.dir, "mqtt.sock"), Auth: engine.AnonymousAlways},
		mutual,
		engine.Listener{Name: "ws", Kind: engine.KindWS, Address: "127.0.0.1:0", Path: "/mqtt"},
		secure(engine.KindWSS),
		engine.Listener{
			Name: "proxied", Kind: engine.KindTCP, Address: "127.0.0.1:0", Proxy: []string{"127.0.0.0/8"}, Auth: engine.AnonymousAlways,
		},
	)
	for _, l := range e.broker.Listeners() {
		_, address, _ := strings.Cut(l.URL, "://")
		address, _, _ = strings.Cut(address, "/mqtt?")
		e.at[l.Name] = strings.TrimSuffix(address, "/mqtt")
	}
	e.at["unix"] = filepath.Join(e.dir, "mqtt.sock")
	return e
}

// client is what a client of the TLS listeners needs to know, with a certificate of this name if there is one.
func (e *every) client(name string) *tls.Config {
	c := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "127.0.0.1", NextProtos: []string{"mqtt"}}
	c.RootCAs.AddCert(e.ca.Cert)
	if name != "" {
		c.Certificates = []tls.Certificate{e.ca.Issue(e.t, name, certstest.Client()).TLS()}
	}
	return c
}

// dial opens a connection as it is.
func (e *every) dial(listener string) net.Conn {
	e.t.Helper()
	network := "tcp"
	if listener == "unix" {
		network = "unix"
	}
	c, err := net.Dial(network, e.at[listener])
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

// listener is what the API says of one.
func (e *every) listener(name string) Listener {
	e.t.Helper()
	for _, l := range get[Listeners](e.rig, "/api/v1/listeners").Listeners {
		if l.Name == name {
			return l
		}
	}
	e.t.Fatalf("no listener %s", name)
	return Listener{}
}
