package certs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/internal/certs"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", der)
}

func sec1(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("EC PRIVATE KEY", der)
}

func TestEveryKindOfKeyServes(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	issue := func(opts ...certstest.Option) *certstest.Pair {
		return ca.Issue(t, "server", append(opts, certstest.Names("localhost"))...)
	}
	p256, p384, ed, rsaPair := issue(), issue(certstest.ECDSA(elliptic.P384())), issue(certstest.Ed25519()), issue(certstest.RSA())
	below := ca.Intermediate(t, "sub").Issue(t, "below", certstest.Names("localhost"))
	parameters := pemOf("EC PARAMETERS", []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07})
	rows := []struct {
		name      string
		pair      *certstest.Pair
		cert, key []byte
	}{
		{"ECDSA P-256, PKCS#8", p256, p256.CertPEM(), pkcs8(t, p256.Key)},
		{"ECDSA P-256, SEC1 behind its parameters", p256, p256.CertPEM(), append(parameters, sec1(t, p256.Key)...)},
		{"ECDSA P-384, SEC1", p384, p384.CertPEM(), sec1(t, p384.Key)},
		{"Ed25519, PKCS#8", ed, ed.CertPEM(), pkcs8(t, ed.Key)},
		{"RSA, PKCS#8", rsaPair, rsaPair.CertPEM(), pkcs8(t, rsaPair.Key)},
		{"RSA, PKCS#1", rsaPair, rsaPair.CertPEM(), pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaPair.Key.(*rsa.PrivateKey)))},
		{"a chain", below, below.CertPEM(), pkcs8(t, below.Key)},
		{"a byte order mark and words before it", p256, append([]byte("\xef\xbb\xbf\r\nours:\r\n"), p256.CertPEM()...), pkcs8(t, p256.Key)},
		{"a byte order mark alone", p256, append([]byte("\xef\xbb\xbf"), p256.CertPEM()...), pkcs8(t, p256.Key)},
	}
	for _, row := range rows {
		r := newRig(t, func(r *rig) {
			r.ca = ca
			r.files.Cert[0], r.files.Key[0] = r.write("a.crt", row.cert), r.write("a.key", row.key)
		})
		for _, version := range versions {
			o := shake(t, r.m.Config(), only(version, r.client()))
			o.check(t, want{}, row.name+", "+tls.VersionName(version))
			if o.err() == nil && !o.client.PeerCertificates[0].Equal(row.pair.Cert) {
				t.Errorf("%s: the client saw %s", row.name, o.client.PeerCertificates[0].Subject)
			}
		}
	}
	both := newRig(t, func(r *rig) {
		r.ca = ca
		file := r.write("both.pem", p256.CertPEM(), p256.KeyPEM(t))
		r.files.Cert[0], r.files.Key[0] = file, file
	})
	shake(t, both.m.Config(), both.client()).check(t, want{}, "certificate and key in one file")
}

// ocsp is a response of the outer shape.
func ocsp(t testing.TB, status int, kind asn1.ObjectIdentifier) []byte {
	t.Helper()
	type bytes struct {
		Type asn1.ObjectIdentifier
		Data []byte
	}
	der, err := asn1.Marshal(struct {
		Status asn1.Enumerated
		Bytes  bytes `asn1:"explicit,tag:0"`
	}{asn1.Enumerated(status), bytes{kind, []byte{0x30, 0x00}}})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

var basicOCSP = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}

func TestAnOCSPResponseIsStapled(t *testing.T) {
	response := ocsp(t, 0, basicOCSP)
	r := newRig(t, func(r *rig) { r.files.OCSP = []string{r.write("server.ocsp", response)} })
	for _, version := range versions {
		o := shake(t, r.m.Config(), only(version, r.client()))
		if string(o.client.OCSPResponse) != string(response) || o.err() != nil {
			t.Errorf("%s: the client was given %x (%v), want %x", tls.VersionName(version), o.client.OCSPResponse, o.err(), response)
		}
	}
}

// TestAnErrorNamesTheFileAndTheFault also holds the wording: an operator reads it at three in the morning.
func TestAnErrorNamesTheFileAndTheFault(t *testing.T) {
	other := certstest.NewCA(t, "other")
	rows := []struct {
		name   string
		change func(r *rig)
		want   string // FILE stands for the folder
	}{
		{"no certificate given", func(r *rig) { r.files.Cert, r.files.Key = nil, nil }, "no certificate file is given"},
		{"a key too few", func(r *rig) { r.files.Key = nil }, "1 certificate files and 0 key files are given"},
		{"an OCSP file too many", func(r *rig) { r.files.OCSP = []string{"", ""} }, "2 OCSP files are given for 1"},
		{"an unknown version", func(r *rig) { r.files.MinVersion = tls.VersionTLS11 }, "minimum version TLS 1.1"},
		{"client certificates without an authority", func(r *rig) { r.files.ClientAuth = certs.Require }, "without a file of authorities"},
		{"a list without an authority", func(r *rig) { r.revoke() }, "without a file of the authorities"},
		{"no certificate file", func(r *rig) { r.files.Cert[0] = filepath.Join(r.dir, "gone.crt") }, "certificate file DIR/gone.crt: no such file"},
		{"a folder", func(r *rig) { r.files.Cert[0] = r.dir }, "certificate file DIR: is not a regular file"},
		{"an empty file", func(r *rig) { r.write("server.crt", nil) }, "certificate file DIR/server.crt: is empty"},
		{"a key for a certificate", func(r *rig) { r.write("server.crt", r.server.KeyPEM(t)) }, "server.crt: no certificate in it, but: PRIVATE KEY"},
		{"a certificate in DER", func(r *rig) { r.write("server.crt", r.server.Cert.Raw) }, "server.crt: no certificate in it: it looks like DER"},
		{"a text", func(r *rig) { r.write("server.crt", []byte("to be done")) }, "server.crt: no certificate in it: it is no PEM"},
		{"a certificate that is cut off", func(r *rig) {
			r.write("server.crt", r.server.CertPEM()[:300])
		}, "server.crt: a PEM block is broken or cut off"},
		{"a chain whose end is cut off", func(r *rig) {
			r.write("server.crt", r.server.CertPEM(), certstest.PEM(r.ca.Cert)[:300])
		}, "server.crt: a PEM block is broken or cut off"},
		{"a certificate of garbage", func(r *rig) {
			r.write("server.crt", r.server.CertPEM(), pemOf("CERTIFICATE", []byte("garbage")))
		}, "server.crt: certificate 2 in it cannot be read"},
		{"a curve TLS does not use", func(r *rig) {
			r.ca.Issue(t, "small", certstest.ECDSA(elliptic.P224())).Write(t, r.dir, "server")
		}, "server.crt: certificate CN=small has a key on curve P-224"},
		{"no key file", func(r *rig) { r.files.Key[0] = filepath.Join(r.dir, "gone.key") }, "key file DIR/gone.key: no such file"},
		{"a certificate for a key", func(r *rig) { r.write("server.key", r.server.CertPEM()) }, "server.key: no private key in it, but: CERTIFICATE"},
		{"a key of garbage", func(r *rig) { r.write("server.key", pemOf("PRIVATE KEY", []byte("garbage"))) }, "server.key: the private key cannot be read"},
		{"an encrypted key", func(r *rig) {
			r.write("server.key", pemOf("ENCRYPTED PRIVATE KEY", []byte("garbage")))
		}, "server.key: the private key is encrypted"},
		{"a key encrypted in the old way", func(r *rig) {
			headers := map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}
			r.write("server.key", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: headers, Bytes: []byte("garbage")}))
		}, "server.key: the private key is encrypted"},
		{"another certificate's key", func(r *rig) {
			r.write("server.key", r.ca.Issue(t, "another").KeyPEM(t))
		}, "key file DIR/server.key: the key does not match certificate CN=server in DIR/server.crt"},
		{"a chain upside down", func(r *rig) {
			r.write("server.crt", certstest.PEM(r.ca.Cert), r.server.CertPEM())
		}, "server.key: the key matches certificate 2 in DIR/server.crt (CN=server): the server's own must come first"},
		{"an OCSP file of garbage", func(r *rig) { r.files.OCSP = []string{r.write("x.ocsp", []byte("garbage"))} }, "OCSP file DIR/x.ocsp: is no OCSP response"},
		{"an empty OCSP file", func(r *rig) { r.files.OCSP = []string{r.write("x.ocsp", nil)} }, "OCSP file DIR/x.ocsp: is empty"},
		{"an OCSP refusal", func(r *rig) {
			r.files.OCSP = []string{r.write("x.ocsp", []byte{0x30, 3, 0x0a, 1, 6})}
		}, "x.ocsp: the responder refused to answer (status 6)"},
		{"an OCSP response of another kind", func(r *rig) {
			r.files.OCSP = []string{r.write("x.ocsp", ocsp(t, 0, asn1.ObjectIdentifier{1, 2, 3}))}
		}, "x.ocsp: holds no basic OCSP response"},
		{"an OCSP response with a tail", func(r *rig) {
			r.files.OCSP = []string{r.write("x.ocsp", ocsp(t, 0, basicOCSP), []byte{0})}
		}, "x.ocsp: has 1 bytes behind the OCSP response"},
		{"no authorities", func(r *rig) { r.files.CA = r.write("ca.crt", r.server.KeyPEM(t)) }, "CA file DIR/ca.crt: no certificate in it, but: PRIVATE KEY"},
		{"an authority that is cut off", func(r *rig) {
			r.files.CA = r.write("ca.crt", certstest.PEM(r.ca.Cert, other.Cert)[:900])
		}, "CA file DIR/ca.crt: a PEM block is broken or cut off"},
		{"no list file", func(r *rig) {
			mutual(certs.Require)(r)
			r.files.CRL = filepath.Join(r.dir, "gone.crl")
		}, "CRL file DIR/gone.crl: no such file"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.files.Name = "tls://here"
			row.change(r)
			_, err := certs.Load(r.files)
			if err == nil {
				t.Fatalf("Load accepted it, want %q", row.want)
			}
			got, wanted := err.Error(), "listener tls://here: "
			if !strings.HasPrefix(got, wanted) {
				t.Errorf("got %q, want it to begin with %q", got, wanted)
			}
			if wanted = strings.ReplaceAll(row.want, "DIR", r.dir); !strings.Contains(got, wanted) {
				t.Errorf("got %q, want %q in it", got, wanted)
			}
		})
	}
}

func TestAFileThatMayNotBeReadIsNamed(t *testing.T) {
	r := newRig(t, nil)
	if err := os.Chmod(r.files.Key[0], 0); err != nil {
		t.Fatal(err)
	}
	_, err := certs.Load(r.files)
	if os.Geteuid() == 0 {
		return // root may read it
	}
	if err == nil || !strings.Contains(err.Error(), "key file "+r.files.Key[0]+": permission denied") {
		t.Errorf("got %v, want the key file and its permission", err)
	}
}
