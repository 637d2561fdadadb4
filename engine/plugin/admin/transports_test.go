package admin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
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

// say sends bytes and waits for the end.
func say(b string) func(e *every, c net.Conn) {
	return func(_ *every, c net.Conn) {
		_, _ = io.WriteString(c, b)
		_, _ = io.Copy(io.Discard, c)
	}
}

// shake is a TLS client that sends bytes, if it comes so far, and waits for the end.
func shake(then string, change func(e *every, c *tls.Config)) func(e *every, c net.Conn) {
	return func(e *every, c net.Conn) {
		cfg := e.client("")
		change(e, cfg)
		s := tls.Client(c, cfg)
		if s.Handshake() == nil {
			_, _ = io.WriteString(s, then)
		}
		_, _ = io.Copy(io.Discard, s)
		_, _ = io.Copy(io.Discard, c)
	}
}

const upgrade = "GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n"

// garbage is what may come to a listener, and the reason under which it is to be seen.
var garbage = []struct {
	listener, reason string
	send             func(e *every, c net.Conn)
}{
	{"tcp", "not_mqtt_http", say("GET / HTTP/1.1\r\nHost: h\r\n\r\n")},
	{"tcp", "not_mqtt_tls", shake("", func(*every, *tls.Config) {})},
	{"tcp", "not_mqtt_proxy", say("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")},
	{"tcp", "not_mqtt", say("SSH-2.0-x\r\n")},
	{"unix", "not_mqtt_http", say("POST / HTTP/1.1\r\n\r\n")},
	{"tls", "tls_not_tls", say("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")},
	{"tls", "tls_no_certificate", shake("", func(*every, *tls.Config) {})},
	{"tls", "tls_certificate", shake("", func(e *every, c *tls.Config) {
		stranger := certstest.NewCA(e.t, "other").Issue(e.t, "stranger", certstest.Client()).TLS()
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &stranger, nil }
	})},
	{"tls", "tls_version", shake("", func(_ *every, c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 })},
	{"tls", "tls_alpn", shake("", func(_ *every, c *tls.Config) { c.NextProtos = []string{"h2"} })},
	{"tls", "tls_alert", shake("", func(_ *every, c *tls.Config) { c.RootCAs = x509.NewCertPool() })},
	{"tls", "not_mqtt_http", shake("GET / HTTP/1.1\r\n\r\n", func(e *every, c *tls.Config) { *c = *e.client("good") })},
	{"ws", "ws_not_http", say("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")},
	{"ws", "ws_path", say("GET /other HTTP/1.1\r\nHost: h\r\n\r\n")},
	{"ws", "ws_method", say("POST /mqtt HTTP/1.1\r\nHost: h\r\n\r\n")},
	{"ws", "ws_not_upgrade", say("GET /mqtt HTTP/1.1\r\nHost: h\r\n\r\n")},
	{"ws", "ws_subprotocol", say(strings.Replace(upgrade, "Protocol: mqtt", "Protocol: soap", 1) + "\r\n")},
	{"ws", "ws_origin", say(upgrade + "Origin: https://evil.example\r\n\r\n")},
	{"ws", "ws_unmasked", say(upgrade + "\r\n\x82\x01x")},
	{"ws", "ws_opcode", say(upgrade + "\r\n\x81\x81\x00\x00\x00\x00x")},
	{"ws", "not_mqtt", say(upgrade + "\r\n\x82\x81\x00\x00\x00\x00x")},
	{"wss", "tls_not_tls", say(upgrade + "\r\n")},
	{"wss", "ws_path", shake("GET /other HTTP/1.1\r\nHost: h\r\n\r\n", func(_ *every, c *tls.Config) { c.NextProtos = nil })},
	{"proxied", "proxy_missing", say("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")},
	{"proxied", "proxy_malformed", say("PROXY TCP4 nobody\r\n")},
}

func TestEveryRefusalIsSeenByListenerAndReason(t *testing.T) {
	e := runEvery(t)
	want := map[string]map[string]uint64{}
	for _, g := range garbage {
		g.send(e, e.dial(g.listener))
		if want[g.listener] == nil {
			want[g.listener] = map[string]uint64{}
		}
		want[g.listener][g.reason]++
		eventually(t, g.reason+" on "+g.listener, func() bool {
			return e.scrape("penstock_listener_refused_total", "listener="+g.listener, "reason="+g.reason) == float64(want[g.listener][g.reason])
		})
	}
	for name, reasons := range want {
		eventually(t, "nobody on "+name, func() bool { return e.listener(name).Connections == 0 })
		got := e.listener(name)
		sent := uint64(0)
		for reason, n := range reasons {
			if sent += n; got.Refused[reason] != n {
				t.Errorf("%s: %s %d times, want %d", name, reason, got.Refused[reason], n)
			}
		}
		if sum(got.Refused) != sent || got.Accepted != sent || got.Connecting != 0 || got.EarlyBytes != 0 {
			t.Errorf("%s: got %+v, want %d accepted and refused, and nothing left of them", name, got, sent)
		}
		if n := e.scrape("penstock_listener_accepted_total", "listener="+name); n != float64(sent) {
			t.Errorf("%s: %v accepted, want %d", name, n, sent)
		}
	}
}

func TestConnectionsWithoutAConnectAreSeen(t *testing.T) {
	e := runEvery(t)
	for name := range e.at {
		c := e.dial(name)
		if name != "proxied" { // of these every kind keeps the beginning
			_, _ = io.WriteString(c, map[string]string{"tls": "\x16\x03", "wss": "\x16\x03", "ws": "GET /"}[name]+"\x10\xff")
		}
		eventually(t, "a connection of "+name, func() bool {
			l := e.listener(name)
			return l.Connections == 1 && l.Connecting == 1 && (l.EarlyBytes > 0) == (name != "proxied")
		})
		for _, metric := range []string{"penstock_listener_connections", "penstock_listener_connecting"} {
			if n := e.scrape(metric, "listener="+name); n != 1 {
				t.Errorf("%s of %s: got %v, want 1", metric, name, n)
			}
		}
		_ = c.Close()
		eventually(t, "the end of it", func() bool { return e.listener(name).Connections == 0 && e.listener(name).EarlyBytes == 0 })
	}
}

func TestOneClientTooManyIsSeen(t *testing.T) {
	l := engine.Listener{Name: "narrow", Kind: engine.KindTCP, Address: "127.0.0.1:0", MaxConnections: 1}
	r := run(t, local(t), l)
	r.connect("me", 0)
	c, err := net.Dial("tcp", r.mqtt)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = io.Copy(io.Discard, c)
	if n := r.scrape("penstock_listener_refused_total", "listener=narrow", "reason=max_connections"); n != 1 {
		t.Errorf("got %v refused, want 1", n)
	}
	if n := r.scrape("penstock_listener_connections", "listener=narrow"); n != 1 {
		t.Errorf("got %v connections, want 1", n)
	}
}

func TestHandshakesAreCountedByTheirResult(t *testing.T) {
	e := runEvery(t)
	cfg := e.client("me")
	cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for range 2 {
		e.mqtt = "tls://" + e.at["tls"]
		c, _, err := client.Dial(context.Background(), client.Options{Addr: e.mqtt, TLS: cfg, CleanStart: true, ClientID: "me"})
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	say("GET / HTTP/1.1\r\n\r\n")(e, e.dial("tls")) // no handshake at all
	shake("", func(*every, *tls.Config) {})(e, e.dial("tls"))
	for result, want := range map[string]float64{"full": 1, "resumed": 1, "failed": 1} {
		eventually(t, result, func() bool { return e.scrape("penstock_tls_handshakes_total", "result="+result) == want })
	}
	for _, state := range []string{"active", "waiting"} {
		eventually(t, "none "+state, func() bool { return e.scrape("penstock_tls_handshakes_pending", "state="+state) == 0 })
	}
	if got, want := get[Listeners](e.rig, "/api/v1/listeners").Handshakes, (Handshakes{Full: 1, Resumed: 1, Failed: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCertificatesAndTheirReloadsAreSeen(t *testing.T) {
	e := runEvery(t)
	file := filepath.Join(e.dir, "server.crt")
	expiry := func() float64 {
		return e.scrape("penstock_tls_certificate_expiry_timestamp_seconds", "listener=tls", "file="+file, "subject=CN=server")
	}
	if got, want := expiry(), float64(e.server.Cert.NotAfter.Unix()); got != want {
		t.Errorf("the certificate ends at %v, want %v", got, want)
	}
	if got := e.scrape("penstock_tls_certificate_expiry_timestamp_seconds", "listener=tls", "subject=CN=authority"); got <= 0 {
		t.Errorf("the authority ends at %v", got)
	}
	end := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	again := e.ca.Issue(t, "server", certstest.Names("127.0.0.1"), certstest.Expires(end))
	again.Write(t, e.dir, "server")
	if err := e.broker.Reload(e.config); err != nil {
		t.Fatal(err)
	}
	certstest.WriteFile(t, e.dir, "ca.crt", []byte("broken"))
	if err := e.broker.Reload(e.config); err == nil {
		t.Fatal("a broken file was accepted")
	}
	if got := expiry(); got != float64(end.Unix()) {
		t.Errorf("the new certificate ends at %v, want %v", got, end.Unix())
	}
	for result, want := range map[string]float64{"done": 1, "failed": 1} {
		if got := e.scrape("penstock_tls_reloads_total", "listener=tls", "result="+result); got < want {
			t.Errorf("%s: got %v reloads, want %v", result, got, want)
		}
	}
	l := e.listener("tls")
	if len(l.Certificates) != 2 || !l.Certificates[0].NotAfter.Equal(l.Certificates[0].NotAfter) || l.Reloads < 1 || l.ReloadsFailed < 1 {
		t.Errorf("the API says %+v", l)
	}
	if got := e.listener("tcp"); got.Certificates != nil {
		t.Errorf("a listener without TLS has %+v", got.Certificates)
	}
}

// behind is a Dialer that speaks like a proxy first.
type behind struct{ header string }

func (d behind) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		_, err = io.WriteString(c, d.header)
	}
	return c, err
}

// proxyHeader is one of version 2 with what a proxy says of TLS.
func proxyHeader(source netip.AddrPort, version, cipher, commonName string) string {
	tlv := func(kind byte, value string) string {
		return string(append([]byte{kind}, binary.BigEndian.AppendUint16(nil, uint16(len(value)))...)) + value
	}
	a, port := source.Addr().As4(), source.Port()
	body := string(a[:]) + "\x7f\x00\x00\x01" + string([]byte{byte(port >> 8), byte(port), 0x07, 0x5b})
	body += tlv(0x20, "\x07\x00\x00\x00\x00"+tlv(0x21, version)+tlv(0x23, cipher)+tlv(0x22, commonName))
	return "\r\n\r\n\x00\r\nQUIT\n\x21\x11" + string(binary.BigEndian.AppendUint16(nil, uint16(len(body)))) + body
}

func TestAClientIsShownWithItsTransport(t *testing.T) {
	e := runEvery(t)
	pair := e.ca.Issue(t, "device 7", certstest.Client())
	mutual := e.client("")
	mutual.Certificates, mutual.ServerName, mutual.MaxVersion = []tls.Certificate{pair.TLS()}, "localhost", tls.VersionTLS12
	mutual.InsecureSkipVerify = true // it names a host that the certificate does not
	web := e.client("")
	web.NextProtos = nil
	source := netip.MustParseAddrPort("192.0.2.7:4242")
	for _, tt := range []struct {
		name string
		o    client.Options
		want string // of the transport
	}{
		{"tcp", client.Options{Addr: e.at["tcp"]}, "tcp"},
		{"unix", client.Options{Addr: e.at["unix"], Network: "unix"}, "unix"},
		{"tls", client.Options{Addr: "tls://" + e.at["tls"], TLS: mutual}, "tls"},
		{"ws", client.Options{Addr: "ws://" + e.at["ws"] + "/mqtt"}, "ws"},
		{"wss", client.Options{Addr: "wss://" + e.at["wss"] + "/mqtt", TLS: web}, "wss"},
		{"proxied", client.Options{Addr: e.at["proxied"], Dialer: behind{proxyHeader(source, "TLSv1.3", "TLS_X", "behind")}}, "tcp"},
	} {
		tt.o.ClientID, tt.o.Version, tt.o.CleanStart = "on "+tt.name, mqtt.V5, true
		c, _, err := client.Dial(context.Background(), tt.o)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		defer c.Close()
		d := get[Details](e.rig, "/api/v1/client/on%20"+tt.name)
		if d.Listener != tt.name || d.Transport != tt.want || (d.Remote == "") != (tt.name == "unix") || (d.Proxy != "") != (tt.name == "proxied") {
			t.Errorf("%s: got %+v", tt.name, d)
		}
		switch tt.name {
		case "tls":
			x := d.TLS
			if x == nil || x.Version != "TLS 1.2" || !strings.HasPrefix(x.Cipher, "TLS_ECDHE_") || x.Protocol != "mqtt" || x.ServerName != "localhost" || x.ByProxy {
				t.Fatalf("tls: got %+v", x)
			}
			if p := x.Certificate; p == nil || p.CommonName != "device 7" || len(p.Fingerprint) != 64 || p.Issuer != "CN=authority" || !p.NotAfter.Equal(pair.Cert.NotAfter) {
				t.Errorf("tls: got certificate %+v", p)
			}
		case "wss":
			if x := d.TLS; x == nil || x.Version != "TLS 1.3" || x.Protocol != "http/1.1" || x.Certificate != nil {
				t.Errorf("wss: got %+v", x)
			}
		case "proxied":
			if d.Remote != source.String() || !strings.HasPrefix(d.Proxy, "127.0.0.1:") {
				t.Errorf("proxied: from %q by %q", d.Remote, d.Proxy)
			}
			if x := d.TLS; x == nil || !x.ByProxy || x.Version != "TLSv1.3" || x.Cipher != "TLS_X" || x.Certificate == nil ||
				*x.Certificate != (ClientCertificate{CommonName: "behind", ByProxy: true}) {
				t.Errorf("proxied: got %+v", x)
			}
		default:
			if d.TLS != nil {
				t.Errorf("%s: got %+v of TLS", tt.name, d.TLS)
			}
		}
	}
	for _, c := range get[Page](e.rig, "/api/v1/clients").Clients {
		if want := strings.Replace(strings.TrimPrefix(c.ClientID, "on "), "proxied", "tcp", 1); c.Transport != want {
			t.Errorf("the list says %s is over %q", c.ClientID, c.Transport)
		}
	}
}

func TestARefusedConnectIsSeenByItsListener(t *testing.T) {
	e := runEvery(t)
	say("\x11\x00")(e, e.dial("tcp"))                                         // wrong flags
	say("\x10\x0c\x00\x04MQTT\x09\x02\x00\x3c\x00\x00")(e, e.dial("tcp"))     // version 9
	say("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")(e, e.dial("proxied")) // no CONNECT was looked at
	for _, reason := range []mqtt.Reason{mqtt.MalformedPacket, mqtt.UnsupportedProtocolVersion} {
		eventually(t, reason.String(), func() bool { return e.listener("tcp").ConnectsRefused[reason.String()] == 1 })
		if n := e.scrape("penstock_listener_connects_refused_total", "listener=tcp", "reason="+reason.String()); n != 1 {
			t.Errorf("%v: got %v, want 1", reason, n)
		}
	}
	if got := e.listener("tcp"); sum(got.ConnectsRefused) != 2 || sum(got.Refused) != 0 {
		t.Errorf("tcp: got %v and %v, want two CONNECTs refused", got.ConnectsRefused, got.Refused)
	}
	if got := e.listener("proxied"); sum(got.ConnectsRefused) != 0 {
		t.Errorf("proxied: got %v, want no CONNECT refused", got.ConnectsRefused)
	}
}
