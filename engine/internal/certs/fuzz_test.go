package certs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/internal/certs"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// FuzzLoad: whatever a file holds, it is either refused by its name, and what held before holds on, or it is in force.
func FuzzLoad(f *testing.F) {
	r := newRig(f, func(r *rig) {
		mutual(certs.Require)(r)
		r.files.CRL = r.write("ca.crl", r.ca.CRL(f))
		r.files.OCSP = []string{r.write("server.ocsp", ocsp(f, 0, basicOCSP))}
	})
	client := r.ca.Issue(f, "client")
	paths := []string{"server.crt", "server.key", "ca.crt", "ca.crl", "server.ocsp"}
	good := [][]byte{r.server.CertPEM(), r.server.KeyPEM(f), certstest.PEM(r.ca.Cert), r.ca.CRL(f, client.Cert), ocsp(f, 0, basicOCSP)}
	seeds := append(good, r.ca.CRL(f), certstest.CRLPEM(good[3], good[3]), certstest.PEM(r.ca.Cert, r.ca.Cert)[:600],
		[]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), []byte("\xef\xbb\xbf"), []byte{0x30, 0x80, 0, 0}, []byte{0x30}, nil)
	for role := range paths {
		for _, seed := range seeds {
			f.Add(uint8(role), seed)
		}
	}
	f.Fuzz(func(t *testing.T, role uint8, content []byte) {
		r.t = t
		i := int(role) % len(paths)
		keys := r.m.TicketKeys()
		path := r.write(paths[i], content)
		trust, err := r.m.Reload(r.files)
		if err != nil {
			// One that does not go with another is named there.
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%q does not name %s", err, path)
			}
			if trust || !slices.Equal(keys, r.m.TicketKeys()) {
				t.Error("something changed after an error")
			}
		}
		if !slices.IsSortedFunc(r.m.Expiries(), func(a, b certs.Expiry) int { return a.At.Compare(b.At) }) {
			t.Errorf("not in order: %v", r.m.Expiries())
		}
		_ = r.m.Verify(client.Chain)
		r.write(paths[i], good[i])
		if trust = r.reload(); trust && i != 2 && i != 3 {
			t.Errorf("%s changed the trust", paths[i])
		}
		if i == 3 && !isRevoked(t, r.m, client.Chain) {
			t.Error("the restored list does not count")
		}
	})
}
