package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/internal/certs"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// rig is a listener's files with the authority behind them.
type rig struct {
	t      testing.TB
	dir    string
	ca     *certstest.CA   // of server and clients
	server *certstest.Pair // server.crt, server.key
	files  certs.Files
	m      *certs.Material
}

// newRig writes a server's files; change may alter Files before they are loaded.
func newRig(t testing.TB, change func(r *rig)) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), ca: certstest.NewCA(t, "root")}
	r.server = r.ca.Issue(t, "server", certstest.Names("localhost"), certstest.Server())
	cert, key := r.server.Write(t, r.dir, "server")
	r.files = certs.Files{Cert: []string{cert}, Key: []string{key}, MinVersion: tls.VersionTLS12}
	if change != nil {
		change(r)
	}
	var err error
	if r.m, err = certs.Load(r.files); err != nil {
		t.Fatalf("Load: %v", err)
	}
	return r
}

// mutual asks for client certificates of the rig's authority.
func mutual(auth certs.ClientAuth) func(r *rig) {
	return func(r *rig) {
		r.files.CA = r.write("ca.crt", certstest.PEM(r.ca.Cert))
		r.files.ClientAuth = auth
	}
}

func (r *rig) write(name string, parts ...[]byte) string {
	r.t.Helper()
	return certstest.WriteFile(r.t, r.dir, name, parts...)
}

// revoke writes a new list of the authority.
func (r *rig) revoke(certs ...*x509.Certificate) {
	r.t.Helper()
	r.files.CRL = r.write("ca.crl", certstest.CRLPEM(r.ca.CRL(r.t, certs...)))
}

func (r *rig) reload() (trust bool) {
	r.t.Helper()
	trust, err := r.m.Reload(r.files)
	if err != nil {
		r.t.Fatalf("Reload: %v", err)
	}
	return trust
}

// client is a configuration that trusts the rig's authority.
func (r *rig) client(pairs ...*certstest.Pair) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(r.ca.Cert)
	c := &tls.Config{RootCAs: roots, ServerName: "localhost"}
	for _, p := range pairs {
		c.Certificates = append(c.Certificates, p.TLS())
	}
	return c
}

// outcome is what both ends saw of a handshake.
type outcome struct {
	server, client       tls.ConnectionState
	serverErr, clientErr error
}

func (o outcome) err() error { return errors.Join(o.serverErr, o.clientErr) }

// shake does a handshake in memory, and an exchange of a byte in each direction: a client learns only from reading that a
// server of TLS 1.3 has refused its certificate, or what ticket it gives.
func shake(t testing.TB, server, client *tls.Config) (o outcome) {
	t.Helper()
	a, b := newPipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer a.Close()
		conn := tls.Server(a, server)
		if o.serverErr = conn.Handshake(); o.serverErr == nil {
			o.serverErr = echoOne(conn)
		}
		o.server = conn.ConnectionState()
	}()
	conn := tls.Client(b, client)
	if o.clientErr = conn.Handshake(); o.clientErr == nil {
		o.clientErr = askOne(conn)
	}
	o.client = conn.ConnectionState()
	b.Close()
	<-done
	return o
}

func echoOne(c *tls.Conn) error {
	var b [1]byte
	if _, err := c.Read(b[:]); err != nil {
		return err
	}
	_, err := c.Write(b[:])
	return err
}

// askOne reads in any case: there the refusal of a server stands that does not take what is written.
func askOne(c *tls.Conn) error {
	var b [1]byte
	_, wrong := c.Write(b[:])
	if _, err := c.Read(b[:]); err != nil {
		return err
	}
	return wrong
}

// want is how a handshake must end: with no error, or with words that stand in the server's and the client's.
type want struct{ server, client string }

func (o outcome) check(t testing.TB, w want, input string) {
	t.Helper()
	for _, side := range []struct {
		name string
		err  error
		want string
	}{{"server", o.serverErr, w.server}, {"client", o.clientErr, w.client}} {
		got := "no error"
		if side.err != nil {
			got = side.err.Error()
		}
		if (side.want == "") != (side.err == nil) || !strings.Contains(got, side.want) {
			t.Errorf("%s: the %s's handshake ended with %q, want %q", input, side.name, got, side.want)
		}
	}
}

var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// only is a client's configuration for one version.
func only(version uint16, c *tls.Config) *tls.Config {
	c.MinVersion, c.MaxVersion = version, version
	return c
}
