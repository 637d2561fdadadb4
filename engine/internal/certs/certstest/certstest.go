// Package certstest makes certificates for tests: authorities, what they issue and take back, and files of it.
//
// Nothing is kept between calls but the count of serial numbers, so that any test may use it beside others.
package certstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"
)

// CA is an authority: a root, or one below it.
type CA struct {
	Cert  *x509.Certificate
	Key   crypto.Signer
	above []*x509.Certificate // itself and those up to the root, which is left out
}

// Pair is a certificate with its key. Chain begins with Cert and goes on with the authorities between it and the root.
type Pair struct {
	Cert  *x509.Certificate
	Chain []*x509.Certificate
	Key   crypto.Signer
}

// TLS is the pair as crypto/tls takes it.
func (p *Pair) TLS() tls.Certificate {
	c := tls.Certificate{PrivateKey: p.Key, Leaf: p.Cert}
	for _, cert := range p.Chain {
		c.Certificate = append(c.Certificate, cert.Raw)
	}
	return c
}

var serials atomic.Int64

// draft is a certificate to be made.
type draft struct {
	x509.Certificate
	newKey func() (crypto.Signer, error)
}

// Option changes what is issued. Without any it is a certificate on an ECDSA P-256 key, good for a day from an hour ago,
// for servers and clients.
type Option func(*draft)

// RSA takes a key of 2048 bits.
func RSA() Option {
	return func(d *draft) {
		d.newKey = func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }
	}
}

// Ed25519 takes such a key.
func Ed25519() Option {
	return func(d *draft) {
		d.newKey = func() (crypto.Signer, error) {
			_, key, err := ed25519.GenerateKey(rand.Reader)
			return key, err
		}
	}
}

// ECDSA takes a key on the curve.
func ECDSA(curve elliptic.Curve) Option {
	return func(d *draft) {
		d.newKey = func() (crypto.Signer, error) { return ecdsa.GenerateKey(curve, rand.Reader) }
	}
}

// Names adds subject alternative names: IP addresses, URIs (with a scheme) or DNS names, which may be wildcards.
func Names(names ...string) Option {
	return func(d *draft) {
		for _, name := range names {
			if ip := net.ParseIP(name); ip != nil {
				d.IPAddresses = append(d.IPAddresses, ip)
			} else if u, err := url.Parse(name); err == nil && u.Scheme != "" {
				d.URIs = append(d.URIs, u)
			} else {
				d.DNSNames = append(d.DNSNames, name)
			}
		}
	}
}

// Server makes it a certificate for servers only.
func Server() Option { return usage(x509.ExtKeyUsageServerAuth) }

// Client makes it one for clients only.
func Client() Option { return usage(x509.ExtKeyUsageClientAuth) }

func usage(u x509.ExtKeyUsage) Option {
	return func(d *draft) { d.ExtKeyUsage = []x509.ExtKeyUsage{u} }
}

// Expires sets the end; a certificate that ends in the past began a day before.
func Expires(at time.Time) Option {
	return func(d *draft) {
		d.NotAfter = at
		if !at.After(d.NotBefore) {
			d.NotBefore = at.AddDate(0, 0, -1)
		}
	}
}

// Serial sets the serial number.
func Serial(n *big.Int) Option { return func(d *draft) { d.SerialNumber = n } }

// NewCA makes a root.
func NewCA(t testing.TB, cn string, opts ...Option) *CA {
	t.Helper()
	d := newDraft(cn, append([]Option{authority}, opts...))
	key := must(d.newKey())(t)
	return &CA{Cert: sign(t, d, &d.Certificate, key.Public(), key), Key: key}
}

// Intermediate makes an authority below this one.
func (ca *CA) Intermediate(t testing.TB, cn string, opts ...Option) *CA {
	t.Helper()
	p := ca.Issue(t, cn, append([]Option{authority}, opts...)...)
	return &CA{Cert: p.Cert, Key: p.Key, above: p.Chain}
}

// Again makes a new certificate on the authority's name and key: a renewal.
func (ca *CA) Again(t testing.TB, opts ...Option) *CA {
	t.Helper()
	d := newDraft(ca.Cert.Subject.CommonName, append([]Option{authority}, opts...))
	return &CA{Cert: sign(t, d, &d.Certificate, ca.Key.Public(), ca.Key), Key: ca.Key}
}

// CrossSign makes a certificate for another authority's name and key, below this one.
func (ca *CA) CrossSign(t testing.TB, other *CA) *x509.Certificate {
	t.Helper()
	d := newDraft(other.Cert.Subject.CommonName, []Option{authority})
	return sign(t, d, ca.Cert, other.Key.Public(), ca.Key)
}

// Issue makes a certificate and its key.
func (ca *CA) Issue(t testing.TB, cn string, opts ...Option) *Pair {
	t.Helper()
	d := newDraft(cn, opts)
	key := must(d.newKey())(t)
	cert := sign(t, d, ca.Cert, key.Public(), ca.Key)
	return &Pair{Cert: cert, Key: key, Chain: append([]*x509.Certificate{cert}, ca.above...)}
}

// CRL makes a revocation list, in DER, of the certificates, that is due again in a day.
func (ca *CA) CRL(t testing.TB, revoked ...*x509.Certificate) []byte {
	t.Helper()
	serials := make([]*big.Int, len(revoked))
	for i, c := range revoked {
		serials[i] = c.SerialNumber
	}
	return ca.CRLOf(t, time.Now().AddDate(0, 0, 1), serials...)
}

// CRLOf makes a revocation list, in DER, of serial numbers, that is due again at next.
func (ca *CA) CRLOf(t testing.TB, next time.Time, serials ...*big.Int) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: nextSerial(), ThisUpdate: next.AddDate(0, 0, -7), NextUpdate: next}
	for _, n := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: n, RevocationTime: list.ThisUpdate})
	}
	return must(x509.CreateRevocationList(rand.Reader, list, ca.Cert, ca.Key))(t)
}

func newDraft(cn string, opts []Option) *draft {
	now := time.Now()
	d := &draft{Certificate: x509.Certificate{
		Subject:               pkix.Name{CommonName: cn},
		SerialNumber:          nextSerial(),
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(0, 0, 1),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}}
	ECDSA(elliptic.P256())(d)
	for _, opt := range opts {
		opt(d)
	}
	return d
}

func authority(d *draft) {
	d.IsCA = true
	d.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	d.ExtKeyUsage = nil
	d.NotAfter = d.NotBefore.AddDate(1, 0, 0)
}

func nextSerial() *big.Int { return big.NewInt(serials.Add(1)) }

func sign(t testing.TB, d *draft, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	t.Helper()
	der := must(x509.CreateCertificate(rand.Reader, &d.Certificate, parent, public, by))(t)
	return must(x509.ParseCertificate(der))(t)
}

// must gives the value, or ends the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
