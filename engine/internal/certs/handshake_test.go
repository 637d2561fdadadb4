package certs_test

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/internal/certs"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

func TestClientCertificatesAreJudged(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	sub, goneSub := ca.Intermediate(t, "sub"), ca.Intermediate(t, "gone sub")
	good := ca.Issue(t, "good", certstest.Client())
	below := sub.Issue(t, "below", certstest.Client())
	expired := ca.Issue(t, "expired", certstest.Client(), certstest.Expires(time.Now().Add(-time.Hour)))
	revoked := ca.Issue(t, "revoked", certstest.Client())
	orphan := goneSub.Issue(t, "orphan", certstest.Client())
	stranger := certstest.NewCA(t, "other root").Issue(t, "stranger", certstest.Client())
	namesake := certstest.NewCA(t, "root").Issue(t, "namesake", certstest.Client())
	wrongUse := ca.Issue(t, "wrong use", certstest.Server())
	unsigned := &certstest.Pair{Cert: below.Cert, Chain: below.Chain[:1], Key: below.Key}

	const (
		unknown     = "unknown authority"
		unknownCA   = "unknown certificate authority"
		bad         = "bad certificate"
		isRevoked   = "is revoked"
		noneMissing = "didn't provide a certificate"
	)
	rows := []struct {
		name              string
		pair              *certstest.Pair
		optional, require want
	}{
		{"none", nil, want{}, want{noneMissing, "*"}},
		{"good", good, want{}, want{}},
		{"below an intermediate", below, want{}, want{}},
		{"expired", expired, want{"expired", "expired certificate"}, want{"expired", "expired certificate"}},
		{"unknown authority", stranger, want{unknown, unknownCA}, want{unknown, unknownCA}},
		{"authority of the same name", namesake, want{unknown, unknownCA}, want{unknown, unknownCA}},
		{"without its intermediate", unsigned, want{unknown, unknownCA}, want{unknown, unknownCA}},
		{"of a server", wrongUse, want{"incompatible key usage", bad}, want{"incompatible key usage", bad}},
		{"revoked", revoked, want{isRevoked, bad}, want{isRevoked, bad}},
		{"of a revoked intermediate", orphan, want{isRevoked, bad}, want{isRevoked, bad}},
	}
	for _, auth := range []certs.ClientAuth{certs.None, certs.Optional, certs.Require} {
		r := newRig(t, func(r *rig) {
			r.ca = ca
			mutual(auth)(r)
			r.revoke(revoked.Cert, goneSub.Cert)
			cert, key := ca.Issue(t, "server", certstest.Names("localhost")).Write(t, r.dir, "server")
			r.files.Cert, r.files.Key = []string{cert}, []string{key}
		})
		for _, version := range versions {
			for _, row := range rows {
				client := only(version, r.client())
				if row.pair != nil {
					pair := row.pair.TLS() // whatever authorities the server names
					client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
				}
				wanted := []want{{}, row.optional, row.require}[auth]
				if wanted.client == "*" { // TLS 1.2 has no alert of its own for it
					wanted.client = map[uint16]string{tls.VersionTLS12: "handshake failure", tls.VersionTLS13: "certificate required"}[version]
				}
				o := shake(t, r.m.Config(), client)
				o.check(t, wanted, tls.VersionName(version)+", authentication "+[]string{"none", "optional", "require"}[auth]+", certificate "+row.name)
			}
		}
	}
}
