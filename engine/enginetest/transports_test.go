package enginetest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// TestConformanceOver plays every case once more over each of the other transports: the cases speak bytes, and what is
// under them must make no difference.
func TestConformanceOver(t *testing.T) {
	ca := certstest.NewCA(t, "authority")
	cert, key := ca.Issue(t, "broker", certstest.Names("127.0.0.1")).Write(t, t.TempDir(), "broker")
	roots := x509.NewCertPool()
	roots.AddCert(ca.Cert)
	for _, kind := range []engine.Kind{engine.KindTLS, engine.KindWS, engine.KindWSS} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			at := way{kind: kind, roots: roots}
			Run(t, func(s Settings) (Target, func(), error) {
				cfg := configOf(s)
				l := engine.Listener{Kind: kind, Address: "127.0.0.1:0"}
				if at.secure() {
					l.Cert, l.Key = []string{cert}, []string{key}
				}
				cfg.Listeners = append(cfg.Listeners, l)
				return startAt(cfg, s, at)
			})
		})
	}
}

// startAt starts a broker whose third listener is the one that the cases are to speak to.
func startAt(cfg engine.Config, s Settings, at way) (Target, func(), error) {
	b, target, stop, err := startWith(cfg, s)
	if err != nil {
		return Target{}, nil, err
	}
	u, err := url.Parse(b.Addrs()[2].URL)
	if err != nil {
		stop()
		return Target{}, nil, err
	}
	target.Dial = func() (net.Conn, error) { return at.dial(u) }
	return target, stop, nil
}

// way is how a client reaches a listener.
type way struct {
	kind  engine.Kind
	roots *x509.CertPool
}

func (w way) secure() bool { return w.kind == engine.KindTLS || w.kind == engine.KindWSS }
func (w way) web() bool    { return w.kind == engine.KindWS || w.kind == engine.KindWSS }

// dial opens a connection and puts the layers of the transport on it.
func (w way) dial(u *url.URL) (net.Conn, error) {
	nc, err := net.DialTimeout("tcp", u.Host, patience)
	if err == nil && w.secure() {
		nc, err = w.secured(nc)
	}
	if err != nil || !w.web() {
		return nc, err
	}
	over, answer, err := newWeb(nc, u, "Sec-WebSocket-Protocol: mqtt")
	if err == nil && answer.StatusCode != http.StatusSwitchingProtocols {
		err = errors.New("upgrade: " + answer.Status)
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	over.inPieces = w.secure() // so that both ways of sending are played
	return over, nil
}

func (w way) secured(nc net.Conn) (net.Conn, error) {
	protocol := "mqtt"
	if w.web() {
		protocol = "http/1.1"
	}
	c := tls.Client(nc, &tls.Config{RootCAs: w.roots, ServerName: "127.0.0.1", NextProtos: []string{protocol}})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return secureConn{c}, nil
}

// secureConn is a TLS connection that ends as a plain one does, and is cut without a word.
type secureConn struct{ *tls.Conn }

// Read takes the end of the socket without close_notify for an end.
func (c secureConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

// Close cuts the connection under TLS: a case that wants an orderly end says so in MQTT.
func (c secureConn) Close() error {
	_ = c.NetConn().SetDeadline(time.Now())
	return c.NetConn().Close()
}
