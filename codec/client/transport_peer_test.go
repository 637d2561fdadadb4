package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// authority signs the certificates of a test.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t}
	signed := a.sign(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.cert, a.key = signed.Leaf, signed.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

// sign makes a certificate; the first is the authority's own.
func (a *authority) sign(c *x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(1), pkix.Name{CommonName: "test"}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// server is a configuration for a server at 127.0.0.1.
func (a *authority) server() *tls.Config {
	cert := a.sign(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	return &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"mqtt", "http/1.1"}}
}

// entrance is a listener and the layers that its connections have.
type entrance struct {
	t    testing.TB
	addr string // host:port, or a path
	ln   net.Listener
	tls  *tls.Config
	ws   bool

	// What was seen of the last connection.
	alpn, path, subprotocol string
	header                  http.Header
}

func newEntrance(t testing.TB, network string, secured *tls.Config, webSocket bool) *entrance {
	t.Helper()
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = filepath.Join(t.TempDir(), "mqtt.sock")
	}
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return &entrance{t: t, addr: ln.Addr().String(), ln: ln, tls: secured, ws: webSocket}
}

// accept takes the next connection and its layers off; its error is that of a layer.
func (e *entrance) accept(v mqtt.Version) (*peer, error) {
	conn, err := e.ln.Accept()
	if err != nil {
		return nil, err
	}
	e.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	if e.tls != nil {
		secured := tls.Server(conn, e.tls)
		if err := secured.Handshake(); err != nil {
			conn.Close()
			return nil, err
		}
		e.alpn, conn = secured.ConnectionState().NegotiatedProtocol, secured
	}
	if e.ws {
		if conn, err = e.upgrade(conn); err != nil {
			return nil, err
		}
	}
	return &peer{t: e.t, Conn: conn, v: v}, nil
}

// upgrade is the server's side of RFC 6455, by another implementation than ours.
func (e *entrance) upgrade(conn net.Conn) (net.Conn, error) {
	e.header = make(http.Header)
	u := ws.Upgrader{
		OnRequest: func(uri []byte) error { e.path = string(uri); return nil },
		OnHeader:  func(key, value []byte) error { e.header.Add(string(key), string(value)); return nil },
		Protocol:  func(p []byte) bool { e.subprotocol = string(p); return true },
	}
	if _, err := u.Upgrade(conn); err != nil {
		return nil, err
	}
	return &frames{Conn: conn}, nil
}

// frames is a server's WebSocket connection.
type frames struct {
	net.Conn
	left  []byte
	pongs []string
	sent  []byte // payload of the close frame that came
}

var errNotMasked = errors.New("a frame that is not masked")

func (f *frames) Read(p []byte) (int, error) {
	for len(f.left) == 0 {
		h, err := ws.ReadHeader(f.Conn)
		switch {
		case err != nil:
			return 0, err
		case !h.Masked:
			return 0, errNotMasked
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(f.Conn, payload); err != nil {
			return 0, err
		}
		ws.Cipher(payload, h.Mask, 0)
		switch h.OpCode {
		case ws.OpClose:
			f.sent = payload
			return 0, io.EOF
		case ws.OpPong:
			f.pongs = append(f.pongs, string(payload))
		default:
			f.left = payload
		}
	}
	n := copy(p, f.left)
	f.left = f.left[n:]
	return n, nil
}

func (f *frames) Write(p []byte) (int, error) {
	return len(p), ws.WriteFrame(f.Conn, ws.NewBinaryFrame(p))
}

// nowhere is a Dialer that notes where it was sent.
type nowhere struct{ network, addr string }

var errNowhere = errors.New("nowhere")

func (n *nowhere) DialContext(_ context.Context, network, addr string) (net.Conn, error) {
	n.network, n.addr = network, addr
	return nil, errNowhere
}
