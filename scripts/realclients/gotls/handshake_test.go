// Package gotls tests TLS with crypto/tls as a client against penstock, whose own crypto/tls runs on its event loops.
package gotls

import (
	"crypto/tls"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

// dial connects, is let in and hears its own message, and returns how the handshake went.
func dial(t *testing.T, b *rig.Broker, c *tls.Config) tls.ConnectionState {
	t.Helper()
	conn, err := tls.Dial("tcp", b.At("tls"), c)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(rig.Patience))
	hello := rig.Publish("echo", "hello")
	for _, step := range []struct{ say, hear string }{{rig.Connect(4, t.Name()), rig.Connack}, {rig.Subscribe("echo"), rig.Suback}, {hello, hello}} {
		if _, err := io.WriteString(conn, step.say); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(step.hear))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != step.hear {
			t.Fatalf("said %q, got %q, %v, want %q", step.say, got, err, step.hear)
		}
	}
	return conn.ConnectionState()
}

// Of the suites that TLS 1.2 chooses from, those with forward secrecy and without CBC are taken.
func TestCipherSuites(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	b := rig.Start(t, "--listen", p.Listen("tls", "cert", "rsa.crt", "key", "rsa.key"))
	for _, suite := range tls.CipherSuites() {
		if slices.Contains(suite.SupportedVersions, tls.VersionTLS13) {
			continue // crypto/tls lets nobody choose among those
		}
		c := p.Client("")
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{suite.ID}
		if strings.Contains(suite.Name, "_RSA_") {
			c.ServerName = "rsa.localhost"
		}
		if !strings.HasPrefix(suite.Name, "TLS_ECDHE_") || strings.Contains(suite.Name, "_CBC_") {
			if conn, err := tls.Dial("tcp", b.At("tls"), c); err == nil {
				conn.Close()
				t.Errorf("%s was taken", suite.Name)
			}
		} else if got := dial(t, b, c); got.CipherSuite != suite.ID || got.Version != tls.VersionTLS12 {
			t.Errorf("got %s in %s, want %s in TLS 1.2", tls.CipherSuiteName(got.CipherSuite), tls.VersionName(got.Version), suite.Name)
		}
	}
}

func TestKeyExchanges(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	b := rig.Start(t, "--listen", p.Listen("tls"))
	for _, curve := range []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521} {
		c := p.Client("")
		c.CurvePreferences = []tls.CurveID{curve}
		if got := dial(t, b, c).CurveID; got != curve {
			t.Errorf("got key exchange %v, want %v", got, curve)
		}
	}
}

func TestSessionsResume(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	open := rig.Start(t, "--listen", p.Listen("tls"))
	mutual := rig.Start(t, "--listen", p.Listen("tls", "ca", "ca.crt", "crl", "crl.pem"))
	for b, who := range map[*rig.Broker]string{open: "", mutual: "device-1"} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			c := p.Client(who)
			c.MaxVersion, c.NextProtos, c.ClientSessionCache = version, []string{"mqtt"}, tls.NewLRUClientSessionCache(1)
			for i := range 5 {
				got := dial(t, b, c)
				if got.DidResume != (i > 0) || got.Version != version || got.NegotiatedProtocol != "mqtt" {
					t.Errorf("connection %d: resumed %v, %s, protocol %q; want resumed %v, %s, mqtt",
						i, got.DidResume, tls.VersionName(got.Version), got.NegotiatedProtocol, i > 0, tls.VersionName(version))
				}
			}
		}
	}
}
