package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/internal/certs"
)

// BenchmarkHandshake compares a listener's material with a plain configuration of the same content.
func BenchmarkHandshake(b *testing.B) {
	r := newRig(b, mutual(certs.Require))
	client := r.client(r.ca.Issue(b, "client"))
	roots := x509.NewCertPool()
	roots.AddCert(r.ca.Cert)
	plain := &tls.Config{Certificates: []tls.Certificate{r.server.TLS()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots}
	long, _ := longList(b, 100_000)
	longClient := long.client(long.ca.Issue(b, "client"))
	for _, row := range []struct {
		name           string
		server, client *tls.Config
	}{
		{"plain", plain, client},
		{"material", r.m.Config(), client},
		{"material-100k-revoked", long.m.Config(), longClient},
	} {
		b.Run(row.name, func(b *testing.B) {
			for b.Loop() {
				if o := shake(b, row.server, row.client); o.err() != nil {
					b.Fatal(o.err())
				}
			}
		})
	}
}

// BenchmarkConfigForClient is what each handshake pays for the material being replaceable.
func BenchmarkConfigForClient(b *testing.B) {
	r := newRig(b, func(r *rig) { r.files.RequireALPN = true })
	hello := &tls.ClientHelloInfo{SupportedProtos: []string{"mqtt"}}
	choose := r.m.Config().GetConfigForClient
	b.ReportAllocs()
	for b.Loop() {
		if _, err := choose(hello); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRevoked is the look into a list of 100,000 entries, beside the whole verification of a live connection.
func BenchmarkRevoked(b *testing.B) {
	r, last := longList(b, 100_000)
	choose := r.m.Config().GetConfigForClient
	inner, err := choose(&tls.ClientHelloInfo{})
	if err != nil {
		b.Fatal(err)
	}
	standing := r.ca.Issue(b, "standing")
	fresh := tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{standing.Cert, r.ca.Cert}}}
	b.Run("look", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := inner.VerifyConnection(fresh); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if err := r.m.Verify(standing.Chain); err != nil {
				b.Fatal(err)
			}
		}
	})
	if !isRevoked(b, r.m, last.Chain) {
		b.Error("the last entry does not count")
	}
}

// BenchmarkReload with a list of 100,000 entries: as it is, and when it has changed.
func BenchmarkReload(b *testing.B) {
	r, _ := longList(b, 100_000)
	b.Run("same", func(b *testing.B) {
		for b.Loop() {
			r.reload()
		}
	})
	list := r.files.CRL
	b.Run("other", func(b *testing.B) {
		for b.Loop() {
			r.files.CRL = ""
			r.reload()
			r.files.CRL = list
			r.reload()
		}
	})
}
