package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/internal/certs"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// serves tells which certificate the server shows.
func (r *rig) serves() *x509.Certificate {
	r.t.Helper()
	o := shake(r.t, r.m.Config(), r.client())
	if o.err() != nil {
		r.t.Fatalf("handshake: %v", o.err())
	}
	return o.client.PeerCertificates[0]
}

func TestABrokenFileKeepsWhatHolds(t *testing.T) {
	r := newRig(t, mutual(certs.Optional))
	r.revoke()
	r.reload()
	config, keys := r.m.Config(), r.m.TicketKeys()
	fresh := r.ca.Issue(t, "fresh", certstest.Names("localhost"))
	good := map[string][]byte{}
	for _, file := range []string{"server.crt", "server.key", "ca.crt", "ca.crl"} {
		content, err := os.ReadFile(filepath.Join(r.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		good[file] = content
	}
	rows := []struct {
		name string
		file string
		with []byte
	}{
		{"a broken key", "server.key", []byte("garbage")},
		{"the new certificate before its key", "server.crt", fresh.CertPEM()},
		{"the new key before its certificate", "server.key", fresh.KeyPEM(t)},
		{"no authority", "ca.crt", nil},
		{"the list of another authority", "ca.crl", certstest.NewCA(t, "new").CRL(t)},
		{"a broken list", "ca.crl", good["ca.crl"][:40]},
	}
	for _, row := range rows {
		r.write(row.file, row.with)
		trust, err := r.m.Reload(r.files)
		if err == nil || trust || !strings.Contains(err.Error(), row.file) {
			t.Errorf("%s: Reload gave %v, %v; want an error that names %s", row.name, trust, err, row.file)
		}
		if got := r.serves(); !got.Equal(r.server.Cert) {
			t.Errorf("%s: the server shows %s, want the old certificate", row.name, got.Subject)
		}
		if r.m.Config() != config || !slices.Equal(r.m.TicketKeys(), keys) {
			t.Errorf("%s: the configuration or the ticket keys are others", row.name)
		}
		if err := r.m.Verify(r.ca.Issue(t, "client").Chain); err != nil {
			t.Errorf("%s: a good client is refused: %v", row.name, err)
		}
		r.write(row.file, good[row.file])
	}
	fresh.Write(t, r.dir, "server")
	if r.reload() {
		t.Error("a new certificate counts as a change of trust")
	}
	if got := r.serves(); !got.Equal(fresh.Cert) || r.m.Config() != config {
		t.Errorf("the server shows %s, want the new certificate through the same configuration", got.Subject)
	}
}

func TestReloadTellsAChangeOfTrust(t *testing.T) {
	r := newRig(t, mutual(certs.Optional))
	client := r.ca.Issue(t, "client")
	rows := []struct {
		name   string
		change func()
		want   bool
	}{
		{"nothing", func() {}, false},
		{"the same authorities, written anew", func() { r.write("ca.crt", certstest.PEM(r.ca.Cert)) }, false},
		{"the same authorities in another file", func() { r.files.CA = r.write("ca2.crt", certstest.PEM(r.ca.Cert)) }, false},
		{"one more authority", func() { r.write("ca2.crt", certstest.PEM(r.ca.Cert, certstest.NewCA(t, "two").Cert)) }, true},
		{"a first list", func() { r.revoke() }, true},
		{"another list", func() { r.revoke(client.Cert) }, true},
		{"no list any more", func() { r.files.CRL = "" }, true},
		{"a certificate is required", func() { r.files.ClientAuth = certs.Require }, true},
		{"none is asked for", func() { r.files.ClientAuth = certs.None }, true},
		{"another oldest version", func() { r.files.MinVersion = tls.VersionTLS13 }, false},
	}
	for _, row := range rows {
		before := r.m.TicketKeys()
		row.change()
		if got := r.reload(); got != row.want {
			t.Errorf("%s: trust changed %v, want %v", row.name, got, row.want)
		}
		after := r.m.TicketKeys()
		if same := slices.Equal(before, after); same == row.want || len(after) != 1 {
			t.Errorf("%s: ticket keys kept %v (%d of them), want %v", row.name, same, len(after), !row.want)
		}
	}
}

func TestVerifyJudgesLiveConnections(t *testing.T) {
	r := newRig(t, mutual(certs.Optional))
	expired := r.ca.Issue(t, "expired", certstest.Expires(time.Now().Add(-time.Hour)))
	good, gone, server := r.ca.Issue(t, "good"), r.ca.Issue(t, "gone"), r.ca.Issue(t, "server", certstest.Server())
	r.revoke(gone.Cert)
	r.reload()
	const accepted, refused, revoked = "accepted", "refused", "revoked"
	for _, auth := range []certs.ClientAuth{certs.None, certs.Optional, certs.Require} {
		r.files.ClientAuth = auth
		r.reload()
		rows := []struct {
			name              string
			chain             []*x509.Certificate
			optional, require string
		}{
			{"none", nil, accepted, refused},
			{"good", good.Chain, accepted, accepted},
			{"expired", expired.Chain, refused, refused},
			{"of a server", server.Chain, refused, refused},
			{"revoked", gone.Chain, revoked, revoked},
			{"unknown", certstest.NewCA(t, "x").Issue(t, "x").Chain, refused, refused},
		}
		for _, row := range rows {
			got := accepted
			if err := r.m.Verify(row.chain); err != nil {
				wrong, ok := errors.AsType[*certs.VerifyError](err)
				if got = refused; !ok {
					t.Errorf("%s: %v is no VerifyError", row.name, err)
				} else if wrong.CertificateFault() {
					got = revoked
				}
			}
			if wanted := []string{accepted, row.optional, row.require}[auth]; got != wanted {
				t.Errorf("authentication %d, certificate %s: %s, want %s", auth, row.name, got, wanted)
			}
		}
	}
}

// TestATrustThatChangesDuringAHandshakeCounts: the client waits in the middle of its handshake until the change is in force.
func TestATrustThatChangesDuringAHandshakeCounts(t *testing.T) {
	rows := []struct {
		name   string
		change func(r *rig, client *certstest.Pair)
		want   want
	}{
		{"revoked", func(r *rig, client *certstest.Pair) { r.revoke(client.Cert) }, want{"is revoked", "bad certificate"}},
		{"authority replaced", func(r *rig, _ *certstest.Pair) {
			r.write("ca.crt", certstest.PEM(certstest.NewCA(t, "root").Cert))
		}, want{"unknown authority", "bad certificate"}},
		{"nothing", func(*rig, *certstest.Pair) {}, want{}},
	}
	for _, version := range versions {
		for _, row := range rows {
			r := newRig(t, mutual(certs.Require))
			pair := r.ca.Issue(t, "client")
			client := only(version, r.client())
			client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				row.change(r, pair)
				r.reload()
				c := pair.TLS()
				return &c, nil
			}
			shake(t, r.m.Config(), client).check(t, row.want, tls.VersionName(version)+", "+row.name)
		}
	}
	r := newRig(t, mutual(certs.Optional))
	client := r.client()
	client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		r.files.ClientAuth = certs.Require
		r.reload()
		return &tls.Certificate{}, nil
	}
	shake(t, r.m.Config(), client).check(t, want{"has no certificate", "bad certificate"}, "a certificate is required now")
}

// TestHandshakesGoOnDuringReloads: each sees one state as a whole, whichever it is.
func TestHandshakesGoOnDuringReloads(t *testing.T) {
	r := newRig(t, mutual(certs.Require))
	pairs := []*certstest.Pair{r.server, r.ca.Issue(t, "server", certstest.Names("localhost"), certstest.RSA())}
	client := r.ca.Issue(t, "client")
	stop := make(chan struct{})
	var reloads, handshakes sync.WaitGroup
	reloads.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			pairs[i%2].Write(t, r.dir, "server")
			if i%3 == 0 {
				r.revoke(r.ca.Issue(t, "another").Cert)
			}
			if _, err := r.m.Reload(r.files); err != nil {
				t.Errorf("Reload: %v", err)
				return
			}
			r.m.Rotate(time.Unix(int64(i)*10, 0), time.Second)
			r.m.SetTicketKeys(r.m.TicketKeys())
			r.m.Changed()
			r.m.Expiries()
		}
	})
	for _, version := range versions {
		handshakes.Go(func() {
			config := remembering(version, r.client(client))
			for range 40 {
				o := shake(t, r.m.Config(), config)
				if o.err() != nil {
					t.Errorf("%s: %v", tls.VersionName(version), o.err())
					return
				}
				if err := r.m.Verify(o.server.PeerCertificates); err != nil {
					t.Errorf("Verify: %v", err)
				}
			}
		})
	}
	handshakes.Wait()
	close(stop)
	reloads.Wait()
}
