package openssl

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/scripts/realclients/rig"
)

func TestHandshakeAndMessages(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	b := rig.Start(t, "--listen", p.Listen("tls"))
	for _, v := range versions {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, b, p, v.flag, "-alpn", "mqtt")
			c.prints(t, "New, "+v.name, "ALPN protocol: mqtt", "Verification: OK")
			c.connect(t, t.Name())
			c.echo(t, "hello")
			c.leave(t)
		})
	}
}

func TestProtocolsOtherThanMQTTAreRefused(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	b := rig.Start(t, "--listen", p.Listen("tls", "require_alpn", "true"))
	dial(t, b, p, "-alpn", "h2,http/1.1").refused(t, "no application protocol")
	dial(t, b, p).refused(t, "internal error") // the only alert that crypto/tls sends for what it does not check itself
	c := dial(t, b, p, "-alpn", "h2,mqtt")
	c.connect(t, "speaks-mqtt-too")
	c.leave(t)
}

func TestOldestVersion(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	b := rig.Start(t, "--listen", p.Listen("tls", "min_tls", "1.3"))
	dial(t, b, p, "-tls1_2").refused(t, "protocol version")
	c := dial(t, b, p)
	c.connect(t, "modern")
	c.leave(t)
}

// A client gets the certificate of the name it asks for, and the first one when it asks for no name or another.
func TestCertificateByName(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	b := rig.Start(t, "--listen", p.Listen("tls", "cert", "rsa.crt", "key", "rsa.key"))
	for _, v := range versions {
		for name, want := range map[string]string{"rsa.localhost": "rsa.localhost", "localhost": "localhost", "elsewhere.example": "localhost"} {
			c := dial(t, b, p, v.flag, "-servername", name)
			c.prints(t, "subject=CN = "+want+"\n", "Verification: OK")
			c.connect(t, "named-"+name)
			c.leave(t)
		}
	}
}

// A client that cannot verify ECDSA gets the certificate it can.
func TestCertificateBySignature(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	b := rig.Start(t, "--listen", p.Listen("tls", "cert", "rsa.crt", "key", "rsa.key"))
	c := dial(t, b, p, "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")
	c.prints(t, "subject=CN = rsa.localhost\n", "Cipher is ECDHE-RSA-AES128-GCM-SHA256")
	c.connect(t, "rsa-only")
	c.leave(t)
}

func TestSessionResumes(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	b := rig.Start(t, "--listen", p.Listen("tls", "ca", "ca.crt"))
	for _, v := range versions {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			session := filepath.Join(t.TempDir(), "session")
			who := append(as(p, "device-1"), v.flag)
			first := dial(t, b, p, append(who, "-sess_out", session)...)
			first.connect(t, t.Name())
			first.prints(t, "New, "+v.name)
			first.leave(t)
			second := dial(t, b, p, append(who, "-sess_in", session)...)
			second.connect(t, t.Name())
			second.prints(t, "Reused, "+v.name)
			second.echo(t, "again")
			second.leave(t)
		})
	}
}

// Keys are renewed in the middle of the traffic, by the client alone and by both sides.
func TestKeyUpdate(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	b := rig.Start(t, "--listen", p.Listen("tls"))
	packets := filepath.Join(t.TempDir(), "packets")
	c := dial(t, b, p, "-tls1_3", "-msg", "-msgfile", packets)
	c.connect(t, "renews")
	c.echo(t, "before")
	for i, command := range []string{"k", "K", "K", "k", "K"} {
		c.Type(command + "\n")
		c.AwaitErr("KEYUPDATE", func(text string) bool { return strings.Count(text, "KEYUPDATE") == i+1 })
		c.echo(t, command+" and on it goes "+string(rune('0'+i)))
	}
	c.leave(t)
	if got := count(t, packets, ">>> TLS 1.3, Handshake", "KeyUpdate"); got != 5 {
		t.Errorf("the client sent %d KeyUpdates, want 5", got)
	}
	if got := count(t, packets, "<<< TLS 1.3, Handshake", "KeyUpdate"); got != 3 {
		t.Errorf("the broker sent %d KeyUpdates, want one for each of the 3 that ask for it", got)
	}
}

// count counts the lines of a file that hold both texts.
func count(t *testing.T, file, one, other string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return len(slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool {
		return !strings.Contains(line, one) || !strings.Contains(line, other)
	}))
}

func TestStapledResponse(t *testing.T) {
	t.Parallel()
	p := rig.Certificates(t)
	b := rig.Start(t, "--listen", p.Listen("tls", "ocsp", "server.ocsp"))
	for _, v := range versions {
		c := dial(t, b, p, v.flag, "-status")
		c.prints(t, "OCSP Response Status: successful (0x0)", "Cert Status: good")
		c.connect(t, "stapled")
		c.leave(t)
	}
}
