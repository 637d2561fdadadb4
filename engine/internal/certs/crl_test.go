package certs_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/internal/certs"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// isRevoked tells whether a certificate is refused for being revoked; any other refusal fails the test.
func isRevoked(t testing.TB, m *certs.Material, chain []*x509.Certificate) bool {
	t.Helper()
	err := m.Verify(chain)
	if err == nil {
		return false
	}
	wrong, ok := errors.AsType[*certs.VerifyError](err)
	if !ok || !wrong.Revoked || !wrong.CertificateFault() {
		t.Fatalf("Verify(%s): %v, want nothing but a revocation", chain[0].Subject, err)
	}
	return true
}

func TestRevocationListsComeInAnyForm(t *testing.T) {
	root := certstest.NewCA(t, "root")
	sub := root.Intermediate(t, "sub")
	long, _ := new(big.Int).SetString("ffffffffffffffffffffffffffffffffffffffff", 16)
	a, b := root.Issue(t, "a"), root.Issue(t, "b", certstest.Serial(long))
	c, d := sub.Issue(t, "c"), sub.Issue(t, "d", certstest.Serial(a.Cert.SerialNumber)) // the number alone says nothing
	all := []*certstest.Pair{a, b, c, d}
	overdue := root.CRLOf(t, time.Now().Add(-time.Hour), a.Cert.SerialNumber)
	rows := []struct {
		name string
		file []byte
		want string // the names that are revoked
	}{
		{"DER", root.CRL(t, a.Cert), "a"},
		{"PEM", certstest.CRLPEM(root.CRL(t, a.Cert, b.Cert)), "ab"},
		{"an empty list", root.CRL(t), ""},
		{"two of one authority add up", certstest.CRLPEM(root.CRL(t, a.Cert), root.CRL(t, b.Cert)), "ab"},
		{"two authorities", certstest.CRLPEM(root.CRL(t, b.Cert), sub.CRL(t, c.Cert)), "bc"},
		{"two in DER", append(root.CRL(t, b.Cert), sub.CRL(t, d.Cert)...), "bd"},
		{"an intermediate", root.CRL(t, sub.Cert), "cd"},
		{"overdue", overdue, "a"},
	}
	for _, row := range rows {
		r := newRig(t, func(r *rig) {
			r.files.CA = r.write("ca.crt", certstest.PEM(root.Cert, sub.Cert))
			r.files.CRL = r.write("ca.crl", row.file)
			r.files.ClientAuth = certs.Require
		})
		got := ""
		for _, p := range all {
			if isRevoked(t, r.m, p.Chain) {
				got += p.Cert.Subject.CommonName
			}
		}
		if got != row.want {
			t.Errorf("%s: revoked are %q, want %q", row.name, got, row.want)
		}
	}
}

// TestAListOfARenewedAuthorityCoversTheOldOne: the authority is known by its name.
func TestAListOfARenewedAuthorityCoversTheOldOne(t *testing.T) {
	old, renewed := certstest.NewCA(t, "root"), certstest.NewCA(t, "root")
	gone, stays := old.Issue(t, "gone"), old.Issue(t, "stays")
	r := newRig(t, func(r *rig) {
		r.files.CA = r.write("ca.crt", certstest.PEM(old.Cert, renewed.Cert))
		r.files.CRL = r.write("ca.crl", renewed.CRL(t, gone.Cert))
		r.files.ClientAuth = certs.Require
	})
	if got := [2]bool{isRevoked(t, r.m, gone.Chain), isRevoked(t, r.m, stays.Chain)}; got != [2]bool{true, false} {
		t.Errorf("revoked: %v, want the first only", got)
	}
}

// An authority that is renewed may write its name in another kind of string: it is still the same.
func TestAListCoversTheOtherSpellingOfItsAuthority(t *testing.T) {
	old := certstest.NewCA(t, "root") // a PrintableString
	name := mustMarshal(t, asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: mustMarshal(t, struct {
		Type  asn1.ObjectIdentifier
		Value string `asn1:"utf8"`
	}{asn1.ObjectIdentifier{2, 5, 4, 3}, "root"})})
	draft := *old.Cert
	key := certstest.NewCA(t, "key").Key
	draft.PublicKey = key.Public()
	draft.RawSubject = mustMarshal(t, asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: name})
	draft.SubjectKeyId = nil
	der, err := x509.CreateCertificate(rand.Reader, &draft, &draft, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	renewed := &certstest.CA{Cert: cert, Key: key}
	if bytes.Equal(cert.RawSubject, old.Cert.RawSubject) || cert.Subject.String() != old.Cert.Subject.String() {
		t.Fatalf("subjects % x and % x", cert.RawSubject, old.Cert.RawSubject)
	}
	gone, stays := old.Issue(t, "gone"), old.Issue(t, "stays")
	r := newRig(t, func(r *rig) {
		r.files.CA = r.write("ca.crt", certstest.PEM(old.Cert, renewed.Cert))
		r.files.CRL = r.write("ca.crl", renewed.CRL(t, gone.Cert))
		r.files.ClientAuth = certs.Require
	})
	if got := [2]bool{isRevoked(t, r.m, gone.Chain), isRevoked(t, r.m, stays.Chain)}; got != [2]bool{true, false} {
		t.Errorf("revoked: %v, want the first only", got)
	}
}

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// crlWith makes a list with an extension.
func crlWith(t testing.TB, ca *certstest.CA, ext pkix.Extension) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour), ExtraExtensions: []pkix.Extension{ext}}
	der, err := x509.CreateRevocationList(rand.Reader, list, ca.Cert, ca.Key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestARevocationListThatCannotCountIsRefused(t *testing.T) {
	root := certstest.NewCA(t, "root")
	namesake, stranger := certstest.NewCA(t, "root"), certstest.NewCA(t, "stranger")
	good := root.CRL(t)
	distribution := func(content ...byte) pkix.Extension {
		return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: append([]byte{0x30, byte(len(content))}, content...)}
	}
	rows := []struct {
		name string
		file []byte
		want string // "": it counts
	}{
		{"of a stranger", stranger.CRL(t), "the revocation list of CN=stranger is not signed by any of the authorities"},
		{"of a namesake", namesake.CRL(t), "the revocation list of CN=root is not signed by any of the authorities"},
		{"the second is a stranger's", certstest.CRLPEM(good, stranger.CRL(t)), "list 2: the revocation list of CN=stranger"},
		{"garbage", []byte("garbage"), "no revocation list in it: it is neither PEM nor DER"},
		{"cut off in DER", good[:len(good)-9], "list 1 cannot be read"},
		{"cut off in PEM", certstest.CRLPEM(good)[:200], "a PEM block is broken or cut off"},
		{"a certificate", certstest.PEM(root.Cert), "no revocation list in it, but: CERTIFICATE"},
		{"a certificate in DER", root.Cert.Raw, "the revocation list cannot be read"},
		{"a delta list", crlWith(t, root, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}), "CN=root is a delta list"},
		{"an indirect list", crlWith(t, root, distribution(0x84, 1, 0xff)), "CN=root is an indirect list"},
		{"something critical", crlWith(t, root, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}), "unknown critical extension 1.2.3"},
		{"of end entities only", crlWith(t, root, distribution(0x81, 1, 0xff)), ""},
		{"something not critical", crlWith(t, root, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}), ""},
	}
	for _, row := range rows {
		r := newRig(t, nil)
		r.files.CA = r.write("ca.crt", certstest.PEM(root.Cert))
		r.files.CRL = r.write("ca.crl", row.file)
		r.files.ClientAuth = certs.Require
		_, err := certs.Load(r.files)
		switch {
		case row.want == "" && err != nil:
			t.Errorf("%s: got %v, want it accepted", row.name, err)
		case row.want != "" && (err == nil || !strings.Contains(err.Error(), "CRL file "+r.files.CRL+": ") || !strings.Contains(err.Error(), row.want)):
			t.Errorf("%s: got %v, want the file and %q", row.name, err, row.want)
		}
	}
}

// longList is a listener with a revocation list of n entries.
func longList(t testing.TB, n int) (r *rig, last *certstest.Pair) {
	return newRig(t, func(r *rig) {
		serials := make([]*big.Int, n)
		random := make([]byte, 16)
		for i := range serials {
			_, _ = rand.Read(random)
			serials[i] = new(big.Int).SetBytes(random)
			serials[i].SetBit(serials[i], 130, 1)
		}
		last = r.ca.Issue(t, "last", certstest.Serial(serials[n-1]))
		mutual(certs.Require)(r)
		r.files.CRL = r.write("ca.crl", r.ca.CRLOf(t, time.Now().Add(time.Hour), serials...))
	}), last
}

// TestALongRevocationListTakesLittleMemory would hold some 40 MB if the parsed list were kept.
func TestALongRevocationListTakesLittleMemory(t *testing.T) {
	live := func() uint64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	const entries = 100_000
	before := live()
	r, last := longList(t, entries)
	after := live()
	if !isRevoked(t, r.m, last.Chain) {
		t.Error("the last entry does not count")
	}
	if got, limit := int64(after)-int64(before), int64(6<<20); got > limit {
		t.Errorf("%d entries take %d bytes, want less than %d", entries, got, limit)
	}
	runtime.KeepAlive(r)
}
