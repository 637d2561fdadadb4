// Package pki makes certificates for one comparison or test: an authority, a server's for this machine's loopback names
// and a client's, as PEM files in a folder of the caller's. They are good for a day.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Files are where they lie.
type Files struct {
	CA        string // of the authority, the only one to trust
	Cert, Key string // the server's
	// What a client shows of itself.
	ClientCert, ClientKey string
}

// Kind is the kind of keys.
type Kind int

// The kinds.
const (
	ECDSA Kind = iota // P-256
	RSA               // 2048 bits
)

// Write makes all of them in dir. Anybody may read them: some brokers change their user before they do.
func Write(dir string, kind Kind) (Files, error) {
	f := Files{
		CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "server.crt"), Key: filepath.Join(dir, "server.key"),
		ClientCert: filepath.Join(dir, "client.crt"), ClientKey: filepath.Join(dir, "client.key"),
	}
	root := draft(1, "bench authority")
	root.IsCA, root.KeyUsage = true, x509.KeyUsageCertSign
	ca, err := newKey(kind)
	if err != nil {
		return f, err
	}
	server, client := draft(2, "bench server"), draft(3, "bench client")
	server.DNSNames, server.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return f, errors.Join(
		issue(root, root, ca, ca, f.CA, ""),
		issueNew(kind, server, root, ca, f.Cert, f.Key),
		issueNew(kind, client, root, ca, f.ClientCert, f.ClientKey),
	)
}

// Client is the configuration of a client that trusts the authority and shows its certificate to whoever asks.
func (f Files) Client() (*tls.Config, error) {
	text, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(f.ClientCert, f.ClientKey)
	if err != nil {
		return nil, err
	}
	ca := x509.NewCertPool()
	ca.AppendCertsFromPEM(text)
	return &tls.Config{RootCAs: ca, Certificates: []tls.Certificate{pair}}, nil
}

func draft(serial int64, name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

func newKey(kind Kind) (crypto.Signer, error) {
	if kind == RSA {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func issueNew(kind Kind, cert, parent *x509.Certificate, ca crypto.Signer, certFile, keyFile string) error {
	key, err := newKey(kind)
	if err != nil {
		return err
	}
	return issue(cert, parent, key, ca, certFile, keyFile)
}

// issue signs cert for key, and writes the key too if it has a file.
func issue(cert, parent *x509.Certificate, key, ca crypto.Signer, certFile, keyFile string) error {
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, key.Public(), ca)
	if err != nil {
		return err
	}
	if err := write(certFile, "CERTIFICATE", der); err != nil || keyFile == "" {
		return err
	}
	if der, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return err
	}
	return write(keyFile, "PRIVATE KEY", der)
}

func write(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644)
}
