package admin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority issues the certificates of a test.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert, a.key = template, newKey(t)
	a.file, _ = a.sign(t, "ca", template, a.key)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue makes a certificate for this machine, good for both ends.
func (a *authority) issue(t *testing.T, name string) (cert, key string) {
	t.Helper()
	return a.sign(t, name, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, newKey(t))
}

func (a *authority) sign(t *testing.T, name string, template *x509.Certificate, key *ecdsa.PrivateKey) (certFile, keyFile string) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: text}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// fetch gets a page over TLS with the certificates given.
func (a *authority) fetch(t *testing.T, url string, certs ...tls.Certificate) (status int, serial *big.Int, err error) {
	t.Helper()
	roots, err := authorities(a.file)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.TLS.PeerCertificates[0].SerialNumber, nil
}

func TestClientCertificatesLetIn(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.issue(t, "server")
	cfg := Config{Listen: []string{"0.0.0.0:0"}, Socket: Off, TLS: TLS{Cert: cert, Key: key, ClientCA: a.file}}
	r := run(t, cfg)
	_, port, _ := strings.Cut(r.admin.URLs()[0], "]:")
	url := "https://127.0.0.1:" + port + "/metrics"
	if _, _, err := a.fetch(t, url); err == nil {
		t.Error("a client without a certificate was answered")
	}
	other := newAuthority(t)
	stranger, strangerKey := other.issue(t, "stranger")
	if pair, err := tls.LoadX509KeyPair(stranger, strangerKey); err != nil {
		t.Fatal(err)
	} else if _, _, err := a.fetch(t, url, pair); err == nil {
		t.Error("a client with another authority's certificate was answered")
	}
	mine, mineKey := a.issue(t, "client")
	pair, err := tls.LoadX509KeyPair(mine, mineKey)
	if err != nil {
		t.Fatal(err)
	}
	status, before, err := a.fetch(t, url, pair)
	if err != nil || status != 200 {
		t.Fatalf("a client with a certificate: got %d, %v, want 200", status, err)
	}

	// A reload takes the certificate that stands in the files by now.
	cfg.TLS.Cert, cfg.TLS.Key = a.issue(t, "server")
	apply, err := r.admin.Prepare(cfg)
	if err != nil {
		t.Fatal(err)
	}
	apply()
	if _, after, err := a.fetch(t, url, pair); err != nil || after.Cmp(before) == 0 {
		t.Errorf("after a reload: got %v, the certificate of before: %v", err, after)
	}
}

func TestWhoCameBeforeCertificatesWereAskedForIsAskedForOne(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.issue(t, "server")
	cfg := Config{Listen: []string{"0.0.0.0:0"}, Socket: Off, Token: token, TLS: TLS{Cert: cert, Key: key}}
	r := run(t, cfg)
	_, port, _ := strings.Cut(r.admin.URLs()[0], "]:")
	roots, err := authorities(a.file)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	get := func(path string) int {
		resp, err := (&http.Client{Transport: transport}).Get("https://127.0.0.1:" + port + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	if got := get("/healthz"); got != 200 {
		t.Fatalf("a probe: got %d, want 200", got)
	}
	cfg.Token, cfg.TLS.ClientCA = "", a.file
	apply, err := r.admin.Prepare(cfg)
	if err != nil {
		t.Fatal(err)
	}
	apply()
	if got := get("/metrics"); got != 401 {
		t.Errorf("over the connection of before, without a certificate: got %d, want 401", got)
	}
}
