package badinput

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"maps"
	"net/url"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// site is a broker with a listener of each kind, by these names; two clients live at another one meanwhile, which is
// nobody else's.
type site struct {
	*rig.Broker
	t     *testing.T
	ca    *certstest.CA
	dir   string
	at    map[string]string // host:port by name
	n     *neighbour
	conns []*rig.Conn
}

var everyKind = []string{"tcp", "tls", "ws", "wss", "proxy"}

// build starts a site, after its configuration was changed.
func build(t *testing.T, change func(cfg *engine.Config)) *site {
	t.Helper()
	return buildWith(t, change, engine.Parts{})
}

func buildWith(t *testing.T, change func(cfg *engine.Config), parts engine.Parts) *site {
	t.Helper()
	s := &site{t: t, ca: certstest.NewCA(t, "authority"), dir: t.TempDir(), at: map[string]string{}}
	cert, key := s.ca.Issue(t, "broker", certstest.Names("127.0.0.1")).Write(t, s.dir, "broker")
	cfg := rig.Config(2)
	cfg.Listeners[0].Name = "neighbour"
	for _, name := range everyKind {
		l := engine.Listener{Name: name, Kind: engine.Kind(name), Address: "127.0.0.1:0"}
		switch name {
		case "tls", "wss":
			l.Cert, l.Key = []string{cert}, []string{key}
		case "proxy":
			l.Kind, l.Proxy = engine.KindTCP, []string{"127.0.0.0/8"}
		}
		cfg.Listeners = append(cfg.Listeners, l)
	}
	if change != nil {
		change(&cfg)
	}
	s.Broker = rig.Start(t, cfg, parts)
	for _, a := range s.Addrs() {
		u, err := url.Parse(a.URL)
		if err != nil {
			t.Fatal(err)
		}
		s.at[a.Name] = u.Host
	}
	s.n = settle(t, s.Broker)
	return s
}

// listener gives the settings of one listener, to be changed.
func listener(cfg *engine.Config, name string) *engine.Listener {
	for i := range cfg.Listeners {
		if cfg.Listeners[i].Name == name {
			return &cfg.Listeners[i]
		}
	}
	panic("no listener " + name)
}

// dial opens a connection to a listener and no more.
func (s *site) dial(name string) *rig.Conn {
	s.t.Helper()
	c, err := rig.Dial(s.at[name], mqtt.V5)
	if err != nil {
		s.t.Fatal(err)
	}
	s.conns = append(s.conns, c)
	return c
}

// open opens a connection and puts the layers of the listener on it.
func (s *site) open(name string) *rig.Conn {
	s.t.Helper()
	c := s.dial(name)
	if err := s.layers(name, c); err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	return c
}

// layers puts the layers of a listener on a connection.
func (s *site) layers(name string, c *rig.Conn) error {
	if name == "tls" || name == "wss" {
		if _, err := c.Secure(s.trusting()); err != nil {
			return err
		}
	}
	switch name {
	case "ws", "wss":
		return c.Upgrade(s.at[name], engine.DefaultPath)
	case "proxy":
		_, err := c.Write([]byte(proxyV1))
		return err
	}
	return nil
}

// enter opens a connection and a clean session on it.
func (s *site) enter(name, id string) *rig.Conn {
	s.t.Helper()
	c := s.open(name)
	s.greet(c, id)
	return c
}

func (s *site) greet(c *rig.Conn, id string) {
	s.t.Helper()
	ack, err := c.Connect(&mqtt.Connect{ClientID: []byte(id), CleanStart: true})
	if err != nil || ack.Reason != mqtt.Success {
		s.t.Fatalf("connect %q: %v, %v", id, ack.Reason, err)
	}
}

// trusting is a TLS client that knows the site's authority.
func (s *site) trusting() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(s.ca.Cert)
	return &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
}

// pass puts the clock forward and waits until every loop has looked at it.
func (s *site) pass(d time.Duration) {
	s.t.Helper()
	s.Advance(d)
	before := s.Loops()
	for i, l := range before {
		if !rig.Eventually(func() bool { return looks(s.Loops()[i]) > looks(l)+1 }) { // one may have begun before
			s.t.Fatalf("loop %d does not look at the clock: %+v", i, s.Loops()[i])
		}
	}
}

func looks(l engine.LoopStats) (n uint64) {
	for _, c := range l.Lag.Counts {
		n += c
	}
	return n
}

// stats is how a listener does.
func (s *site) stats(name string) engine.ListenerStats {
	s.t.Helper()
	for _, l := range s.Listeners() {
		if l.Name == name {
			return l
		}
	}
	s.t.Fatalf("no listener %q", name)
	return engine.ListenerStats{}
}

// refused waits until exactly these connections are counted as refused, by reason.
func (s *site) refused(what, name string, want map[string]uint64) {
	s.t.Helper()
	var got map[string]uint64
	if !rig.Eventually(func() bool { got = s.stats(name).Refused; return maps.Equal(got, want) }) {
		s.t.Errorf("%s: refused by %s: got %v, want %v", what, name, got, want)
	}
}

// ended reads until the broker has closed the connection, and gives what it said.
func (s *site) ended(what string, c *rig.Conn) (said []byte) {
	s.t.Helper()
	var b bytes.Buffer
	_ = c.TCPConn.SetReadDeadline(time.Now().Add(rig.Patience))
	if _, err := io.Copy(&b, c.TCPConn); err != nil && !rig.Ended(err) {
		s.t.Errorf("%s: %v, want the connection closed", what, err)
	}
	return b.Bytes()
}

// leave ends all of it: the neighbours have noticed nothing, and nothing is left.
func (s *site) leave() {
	s.t.Helper()
	before := len(s.n.times())
	if !rig.Eventually(func() bool { return len(s.n.times()) > before+2 }) {
		s.t.Error("the neighbours are not served any more")
	}
	s.n.leave()
	for _, c := range s.conns {
		_ = c.TCPConn.Close()
	}
	idle := func() bool {
		for _, l := range s.Listeners() {
			if l.Connections+l.Connecting != 0 || l.EarlyBytes != 0 || l.Waiting {
				return false
			}
		}
		return true
	}
	if !rig.Eventually(idle) {
		s.t.Errorf("connections of clients that are gone: %+v", s.Listeners())
	}
	s.Forward(0)
	s.Empty(0)
}
