package certs

import (
	"crypto/tls"
	"runtime"
	"testing"
	"weak"

	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// TestConnectionsDoNotKeepOldRevocationLists: a connection holds its configuration for as long as it lives, and lists are
// renewed every day.
func TestConnectionsDoNotKeepOldRevocationLists(t *testing.T) {
	dir, ca := t.TempDir(), certstest.NewCA(t, "root")
	cert, key := ca.Issue(t, "server").Write(t, dir, "server")
	f := Files{
		Cert: []string{cert}, Key: []string{key}, ClientAuth: Require,
		CA:  certstest.WriteFile(t, dir, "ca.crt", certstest.PEM(ca.Cert)),
		CRL: certstest.WriteFile(t, dir, "ca.crl", ca.CRL(t)),
	}
	m, err := Load(f)
	if err != nil {
		t.Fatal(err)
	}
	ofConnection, err := m.Config().GetConfigForClient(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	old := weak.Make(m.now.Load().trust)
	certstest.WriteFile(t, dir, "ca.crl", ca.CRL(t, ca.Issue(t, "gone").Cert))
	if trust, err := m.Reload(f); err != nil || !trust {
		t.Fatalf("Reload: %v, %v", trust, err)
	}
	runtime.GC()
	if old.Value() != nil {
		t.Error("what was believed before Reload is still in memory")
	}
	runtime.KeepAlive(ofConnection)
}
