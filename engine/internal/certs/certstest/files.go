package certstest

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// CertPEM is the certificate with its chain.
func (p *Pair) CertPEM() []byte { return PEM(p.Chain...) }

// KeyPEM is the key in PKCS#8.
func (p *Pair) KeyPEM(t testing.TB) []byte {
	t.Helper()
	return block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(p.Key))(t))
}

// PEM is a bundle of certificates.
func PEM(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certs {
		out = append(out, block("CERTIFICATE", c.Raw)...)
	}
	return out
}

// CRLPEM is a file of revocation lists.
func CRLPEM(lists ...[]byte) []byte {
	var out []byte
	for _, der := range lists {
		out = append(out, block("X509 CRL", der)...)
	}
	return out
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// Write puts the pair into dir as name.crt and name.key.
func (p *Pair) Write(t testing.TB, dir, name string) (cert, key string) {
	t.Helper()
	return WriteFile(t, dir, name+".crt", p.CertPEM()), WriteFile(t, dir, name+".key", p.KeyPEM(t))
}

// WriteFile puts a file into dir at once, by a rename, and gives its path. A file that was there is replaced by another one.
func WriteFile(t testing.TB, dir, name string, parts ...[]byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".new", slices.Concat(parts...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}
