package admin

import (
	"context"
	"crypto/tls"
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
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

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
	if len(l.Certificates) != 2 || !l.Certificates[0].NotAfter.Equal(end) || l.Reloads < 1 || l.ReloadsFailed < 1 {
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
