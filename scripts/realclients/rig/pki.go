package rig

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

// PKI is a folder of certificates that pki.sh made: its head says which.
type PKI struct {
	t   testing.TB
	Dir string
}

// Certificates are those of the whole run, which no test changes.
func Certificates(t testing.TB) PKI {
	t.Helper()
	dir := os.Getenv("PKI")
	if dir == "" {
		t.Fatal("the variable PKI must name the folder of the certificates; scripts/realclients/run.sh has them made and sets it")
	}
	return PKI{t, dir}
}

// OwnCertificates are the test's own, to revoke some.
func OwnCertificates(t testing.TB) PKI {
	t.Helper()
	p := PKI{t, filepath.Join(t.TempDir(), "pki")}
	Run(t, Command{Name: filepath.Join("..", "pki.sh"), Args: []string{p.Dir}})
	return p
}

// File is the path of one of them.
func (p PKI) File(name string) string { return filepath.Join(p.Dir, name) }

// Listen is the URL of a listener on a free loopback port with the server's certificate, and with more keys of its query,
// pairwise; a value that is a file of the folder is named by its path.
func (p PKI) Listen(kind string, keys ...string) string {
	query := url.Values{"cert": {p.File("server.crt")}, "key": {p.File("server.key")}}
	for i := 0; i < len(keys); i += 2 {
		value := keys[i+1]
		if _, err := os.Stat(p.File(value)); err == nil {
			value = p.File(value)
		}
		query.Add(keys[i], value)
	}
	return (&url.URL{Scheme: kind, Host: "127.0.0.1:0", RawQuery: query.Encode()}).String()
}

// Client is how a client in Go dials: it trusts the authority, and comes with the certificate of that name if there is one.
func (p PKI) Client(name string) *tls.Config {
	p.t.Helper()
	pem, err := os.ReadFile(p.File("ca.crt"))
	if err != nil {
		p.t.Fatal(err)
	}
	c := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}
	c.RootCAs.AppendCertsFromPEM(pem)
	if name != "" {
		pair, err := tls.LoadX509KeyPair(p.File(name+".crt"), p.File(name+".key"))
		if err != nil {
			p.t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c
}

// OpenSSL runs a command of openssl in the folder.
func (p PKI) OpenSSL(args ...string) {
	p.t.Helper()
	Run(p.t, Command{Name: "openssl", Args: args, Dir: p.Dir})
}

// Revoke revokes a client's certificate and replaces the revocation list.
func (p PKI) Revoke(name string) {
	p.t.Helper()
	p.OpenSSL("ca", "-config", "ca.cnf", "-revoke", name+".crt")
	p.OpenSSL("ca", "-config", "ca.cnf", "-gencrl", "-out", "new")
	p.replace("crl.pem")
}

// Renew replaces the server's certificate and key by ones with another common name.
func (p PKI) Renew(name string) {
	p.t.Helper()
	p.OpenSSL("req", "-config", "ca.cnf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-keyout", "new", "-out", "new.csr", "-subj", "/CN="+name)
	p.replace("server.key")
	p.OpenSSL("ca", "-config", "ca.cnf", "-batch", "-notext", "-extensions", "server", "-in", "new.csr", "-out", "new")
	p.replace("server.crt")
}

// Spoil puts something else in the place of a file.
func (p PKI) Spoil(name string) {
	p.t.Helper()
	if err := os.WriteFile(p.File("new"), []byte("spoilt"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.replace(name)
}

// replace puts the file new in the place of another.
func (p PKI) replace(name string) {
	p.t.Helper()
	if err := os.Rename(p.File("new"), p.File(name)); err != nil {
		p.t.Fatal(err)
	}
}
