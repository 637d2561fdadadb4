package certs_test

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/internal/certs"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// remembering is a client that takes up its sessions again.
func remembering(version uint16, c *tls.Config) *tls.Config {
	c.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	return only(version, c)
}

// resumes does a handshake that must succeed, and tells whether it took up a session.
func resumes(t testing.TB, m *certs.Material, client *tls.Config) bool {
	t.Helper()
	o := shake(t, m.Config(), client)
	if o.err() != nil {
		t.Fatalf("%s: %v", tls.VersionName(client.MaxVersion), o.err())
	}
	if o.server.DidResume != o.client.DidResume {
		t.Fatalf("resumed: the server says %v, the client %v", o.server.DidResume, o.client.DidResume)
	}
	return o.server.DidResume
}

func (r *rig) mustResume(client *tls.Config, want bool, when string) {
	r.t.Helper()
	if got := resumes(r.t, r.m, client); got != want {
		r.t.Errorf("%s, %s: resumed %v, want %v", tls.VersionName(client.MaxVersion), when, got, want)
	}
}

func TestSessionsAreTakenUpAcrossReloads(t *testing.T) {
	for _, version := range versions {
		r := newRig(t, mutual(certs.Optional))
		client := remembering(version, r.client(r.ca.Issue(t, "client")))
		r.mustResume(client, false, "first")
		r.mustResume(client, true, "second")
		r.ca.Issue(t, "server", certstest.Names("localhost")).Write(t, r.dir, "server")
		if r.reload() {
			t.Error("another certificate of the server counts as a change of trust")
		}
		r.mustResume(client, true, "after another certificate of the server")
		r.revoke() // a list without entries: trust changes all the same
		if !r.reload() {
			t.Error("a first revocation list does not count as a change of trust")
		}
		r.mustResume(client, false, "after a change of trust")
		r.mustResume(client, true, "after that")
	}
}

func TestSessionsSurviveRotationsForAWhile(t *testing.T) {
	const every = time.Hour
	for _, version := range versions {
		r := newRig(t, nil)
		now := time.Unix(1_000_000, 0)
		rotate := func(later time.Duration) {
			now = now.Add(later)
			r.m.Rotate(now, every)
		}
		rotate(0) // its age counts from here
		first := r.m.TicketKeys()
		for i := range 3 {
			rotate(every - time.Second)
			if got := len(r.m.TicketKeys()); got != i+1 {
				t.Fatalf("before rotation %d: %d keys, want %d", i+1, got, i+1)
			}
			rotate(time.Second)
		}
		keys := r.m.TicketKeys()
		if len(keys) != 4 || keys[3] != first[0] || keys[0] == keys[1] {
			t.Fatalf("after three rotations: %d keys, want 4 with the first at the end", len(keys))
		}
		r.m.Rotate(now.Add(every), 0)
		if got := r.m.TicketKeys(); got[0] != keys[0] {
			t.Error("an interval of 0 rotates")
		}
		client := remembering(version, r.client())
		r.mustResume(client, false, "first")
		cache := client.ClientSessionCache
		session, _ := cache.Get("localhost")
		for range 3 {
			rotate(every)
		}
		cache.Put("localhost", session)
		r.mustResume(client, true, "three rotations later")
		rotate(every)
		cache.Put("localhost", session)
		r.mustResume(client, false, "four rotations later")
	}
}

func TestSessionsAreTakenUpByTheNextProcess(t *testing.T) {
	for _, version := range versions {
		r := newRig(t, mutual(certs.Require))
		gone := r.ca.Issue(t, "gone")
		client, goneClient := remembering(version, r.client(r.ca.Issue(t, "client"))), remembering(version, r.client(gone))
		r.mustResume(client, false, "first")
		resumes(t, r.m, goneClient)
		before := r.m.TicketKeys()

		r.revoke(gone.Cert) // unseen by the first process
		next, err := certs.Load(r.files)
		if err != nil {
			t.Fatal(err)
		}
		r.m = next
		r.m.SetTicketKeys(nil)
		r.m.SetTicketKeys(before)
		if got := r.m.TicketKeys(); len(got) != 2 || got[1] != before[0] || got[0] == got[1] {
			t.Errorf("the next process has %d keys, want its own and the one before", len(got))
		}
		r.mustResume(client, true, "in the next process")
		o := shake(t, r.m.Config(), goneClient)
		o.check(t, want{"is revoked", "bad certificate"}, tls.VersionName(version)+", revoked between two processes")
		if !o.server.DidResume {
			t.Error("the revoked client was not refused in a resumed handshake: the test shows nothing")
		}
		for range 20 {
			r.m.SetTicketKeys(r.m.TicketKeys())
		}
		if got := len(r.m.TicketKeys()); got != 4 {
			t.Errorf("after 20 restarts: %d keys, want 4", got)
		}
	}
}

// TestAResumedSessionIsJudgedByWhatHoldsNow gives the old ticket keys back after each change, so that the ticket alone
// would let the client in.
func TestAResumedSessionIsJudgedByWhatHoldsNow(t *testing.T) {
	for _, version := range versions {
		ca := certstest.NewCA(t, "root")
		sub := ca.Intermediate(t, "sub")
		rows := []struct {
			name   string
			change func(r *rig, client *certstest.Pair)
			want   want
		}{
			{"nothing", func(r *rig, _ *certstest.Pair) {}, want{}},
			{"leaf revoked", func(r *rig, client *certstest.Pair) {
				r.files.CRL = r.write("ca.crl", sub.CRL(t, client.Cert))
			}, want{"is revoked", "bad certificate"}},
			{"intermediate revoked", func(r *rig, _ *certstest.Pair) { r.revoke(sub.Cert) }, want{"is revoked", "bad certificate"}},
			{"another revoked", func(r *rig, _ *certstest.Pair) { r.revoke(ca.Issue(t, "another").Cert) }, want{}},
			{"authority replaced", func(r *rig, _ *certstest.Pair) {
				r.write("ca.crt", certstest.PEM(certstest.NewCA(t, "root").Cert))
			}, want{"unknown authority", "unknown certificate authority"}}, // crypto/tls turns to a full handshake
			{"authority renewed", func(r *rig, _ *certstest.Pair) {
				r.write("ca.crt", certstest.PEM(ca.Again(t).Cert))
			}, want{}},
			{"certificates no longer asked for", func(r *rig, _ *certstest.Pair) { r.files.ClientAuth = certs.None }, want{}},
		}
		for _, row := range rows {
			r := newRig(t, func(r *rig) {
				r.ca = ca
				cert, key := ca.Issue(t, "server", certstest.Names("localhost")).Write(t, r.dir, "server")
				r.files.Cert[0], r.files.Key[0] = cert, key
				mutual(certs.Require)(r)
				r.write("ca.crt", certstest.PEM(ca.Cert, sub.Cert)) // sub signs its list
				r.files.CRL = r.write("ca.crl", ca.CRL(t))
			})
			if row.name == "authority replaced" || row.name == "authority renewed" {
				r.files.CRL = ""
				r.reload()
			}
			pair := sub.Issue(t, "client", certstest.Client())
			client := remembering(version, r.client(pair))
			r.mustResume(client, false, "first")
			keys := r.m.TicketKeys()
			row.change(r, pair)
			r.reload()
			r.m.SetTicketKeys(keys)
			input := tls.VersionName(version) + ", " + row.name
			shake(t, r.m.Config(), client).check(t, row.want, input)
			if err := r.m.Verify(pair.Chain); (err != nil) != (row.want != want{}) {
				t.Errorf("%s: Verify of the live connection says %v", input, err)
			}
		}
	}
}

// TestTheChainsOfATicketDoNotCount: of two ways to an authority one is revoked, and the other one's authority is gone.
func TestTheChainsOfATicketDoNotCount(t *testing.T) {
	for _, version := range versions {
		one, two := certstest.NewCA(t, "one"), certstest.NewCA(t, "two")
		sub := one.Intermediate(t, "sub")
		pair := sub.Issue(t, "client", certstest.Client())
		pair.Chain = append(pair.Chain, two.CrossSign(t, sub))
		r := newRig(t, func(r *rig) {
			mutual(certs.Require)(r)
			r.write("ca.crt", certstest.PEM(one.Cert, two.Cert))
		})
		client := remembering(version, r.client(pair))
		client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c := pair.TLS()
			return &c, nil
		}
		r.files.CRL = r.write("ca.crl", one.CRL(t, sub.Cert))
		r.reload()
		r.mustResume(client, false, "first, by the second authority")
		keys := r.m.TicketKeys()
		r.write("ca.crt", certstest.PEM(one.Cert))
		r.reload()
		r.m.SetTicketKeys(keys)
		o := shake(t, r.m.Config(), client)
		o.check(t, want{"is revoked", "bad certificate"}, tls.VersionName(version))
		if !o.server.DidResume {
			t.Error("the handshake was a full one: the test shows nothing")
		}
	}
}
