package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/internal/certs"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

func TestTheApplicationProtocolIsChosen(t *testing.T) {
	const refused, alert = "unsupported application protocols", "no application protocol"
	rows := []struct {
		offered              string // "": none
		mqtt, required, http want
	}{
		{"", want{}, want{`"mqtt" is required`, "internal error"}, want{}},
		{"mqtt", want{}, want{}, want{refused, alert}},
		{"h2,mqtt", want{}, want{}, want{refused, alert}},
		{"http/1.1", want{refused, alert}, want{refused, alert}, want{}},
		{"h2,x-amzn-mqtt-ca", want{refused, alert}, want{refused, alert}, want{refused, alert}},
	}
	rigs := []*rig{
		newRig(t, nil),
		newRig(t, func(r *rig) { r.files.RequireALPN = true }),
		newRig(t, func(r *rig) { r.files.WebSocket = true }),
	}
	chosen := []string{"mqtt", "mqtt", "http/1.1"}
	for _, version := range versions {
		for _, row := range rows {
			for i, wanted := range []want{row.mqtt, row.required, row.http} {
				client := only(version, rigs[i].client())
				if row.offered != "" {
					client.NextProtos = strings.Split(row.offered, ",")
				}
				input := fmt.Sprintf("%s, listener %d, offered %q", tls.VersionName(version), i, row.offered)
				o := shake(t, rigs[i].m.Config(), client)
				o.check(t, wanted, input)
				protocol := chosen[i]
				if row.offered == "" {
					protocol = ""
				}
				if wanted == (want{}) && o.client.NegotiatedProtocol != protocol {
					t.Errorf("%s: got protocol %q, want %q", input, o.client.NegotiatedProtocol, protocol)
				}
			}
		}
	}
}

func TestTheServerNameChoosesTheCertificate(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	one := ca.Issue(t, "one", certstest.Names("one.example"))
	two := ca.Issue(t, "two", certstest.Names("two.example", "*.two.example"))
	oneRSA := ca.Issue(t, "one RSA", certstest.Names("one.example"), certstest.RSA())
	r := newRig(t, func(r *rig) {
		r.ca = ca
		r.files.Cert, r.files.Key = nil, nil
		for _, p := range []*certstest.Pair{one, two, oneRSA} {
			cert, key := p.Write(t, r.dir, p.Cert.Subject.CommonName)
			r.files.Cert, r.files.Key = append(r.files.Cert, cert), append(r.files.Key, key)
		}
	})
	ecdsaOnly, rsaOnly := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	rows := []struct {
		name   string
		suites []uint16 // nil: TLS 1.3
		want   *certstest.Pair
	}{
		{"one.example", nil, one},
		{"ONE.example", nil, one},
		{"two.example", nil, two},
		{"a.two.example", nil, two},
		{"three.example", nil, one},
		{"", nil, one},
		{"one.example", ecdsaOnly, one},
		{"one.example", rsaOnly, oneRSA},
		{"two.example", ecdsaOnly, two},
		{"", rsaOnly, oneRSA},
	}
	for _, row := range rows {
		client := r.client()
		client.ServerName, client.InsecureSkipVerify = row.name, true // the name does not always fit
		client.VerifyConnection = func(cs tls.ConnectionState) error {
			_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: client.RootCAs})
			return err
		}
		if row.suites != nil {
			only(tls.VersionTLS12, client).CipherSuites = row.suites
		}
		o := shake(t, r.m.Config(), client)
		if o.err() != nil || !o.client.PeerCertificates[0].Equal(row.want.Cert) {
			t.Errorf("name %q, suites %v: got %v (%v), want %s", row.name, row.suites, o.client.PeerCertificates, o.err(), row.want.Cert.Subject)
		}
	}
}

func TestOldVersionsAndSuitesAreRefused(t *testing.T) {
	const v10, v11, v12, v13 = tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13
	old := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
	rows := []struct {
		least, from, to uint16 // of the listener and of the client
		suites          []uint16
		want            want
	}{
		{0, v10, v11, nil, want{"unsupported versions", "protocol version"}},
		{0, v10, v12, nil, want{}},
		{0, v10, v12, old, want{"no cipher suite", "handshake failure"}},
		{v12, v10, v13, nil, want{}},
		{v13, v10, v12, nil, want{"unsupported versions", "protocol version"}},
		{v13, v10, v13, nil, want{}},
	}
	for _, row := range rows {
		r := newRig(t, func(r *rig) { r.files.MinVersion = row.least })
		client := r.client()
		client.MinVersion, client.MaxVersion, client.CipherSuites = row.from, row.to, row.suites
		input := fmt.Sprintf("minimum %#x, client %#x to %#x with suites %v", row.least, row.from, row.to, row.suites)
		shake(t, r.m.Config(), client).check(t, row.want, input)
	}
}

// TestTheAuthoritiesAreNamedToClients, by which a client with several certificates chooses.
func TestTheAuthoritiesAreNamedToClients(t *testing.T) {
	r := newRig(t, mutual(certs.Optional))
	stranger, ours := certstest.NewCA(t, "other").Issue(t, "stranger"), r.ca.Issue(t, "ours")
	o := shake(t, r.m.Config(), r.client(stranger, ours))
	if o.err() != nil || len(o.server.PeerCertificates) == 0 || !o.server.PeerCertificates[0].Equal(ours.Cert) {
		t.Errorf("the server saw %v (%v), want the certificate of its own authority", o.server.PeerCertificates, o.err())
	}
}
