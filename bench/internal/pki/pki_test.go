package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"testing"
)

func TestBothSidesAcceptEachOther(t *testing.T) {
	for _, kind := range []Kind{ECDSA, RSA} {
		f, err := Write(t.TempDir(), kind)
		if err != nil {
			t.Fatal(err)
		}
		server, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			t.Fatal(err)
		}
		client, err := tls.LoadX509KeyPair(f.ClientCert, f.ClientKey)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(f.CA)
		if err != nil {
			t.Fatal(err)
		}
		ca := x509.NewCertPool()
		if !ca.AppendCertsFromPEM(text) {
			t.Fatalf("no certificate in %q", text)
		}
		for _, name := range []string{"localhost", "127.0.0.1"} {
			a, b := net.Pipe()
			done := make(chan error, 1)
			go func() {
				done <- tls.Server(a, &tls.Config{Certificates: []tls.Certificate{server}, ClientCAs: ca, ClientAuth: tls.RequireAndVerifyClientCert}).Handshake()
			}()
			err := tls.Client(b, &tls.Config{Certificates: []tls.Certificate{client}, RootCAs: ca, ServerName: name, MaxVersion: tls.VersionTLS12}).Handshake()
			if e := <-done; e != nil || err != nil {
				t.Errorf("kind %d as %s: the client says %v, the server %v", kind, name, err, e)
			}
			a.Close()
			b.Close()
		}
	}
}
