package badinput

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
	"github.com/penstock-mqtt/penstock/engine/internal/certs/certstest"
)

// journal takes a broker's log.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) has(text string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Contains(j.b.String(), text)
}

// club is a site whose tls listener asks for certificates.
type club struct {
	*site
	members *certstest.CA
	crl     string
	log     journal
}

func found(t *testing.T) *club {
	t.Helper()
	c := &club{members: certstest.NewCA(t, "members")}
	dir := t.TempDir()
	ca := certstest.WriteFile(t, dir, "members.crt", certstest.PEM(c.members.Cert))
	c.crl = certstest.WriteFile(t, dir, "members.crl", certstest.CRLPEM(c.members.CRL(t)))
	c.site = buildWith(t, func(cfg *engine.Config) {
		l := listener(cfg, "tls")
		l.CA, l.CRL, l.ClientAuth = ca, c.crl, engine.ClientAuthRequire
		cfg.TLS.ReloadInterval = 100 * time.Millisecond
	}, engine.Parts{Logger: slog.New(slog.NewTextHandler(&c.log, nil))})
	return c
}

// member is a client with a certificate, that takes up its TLS sessions again.
func (c *club) member(name string, version uint16) *tls.Config {
	cfg := c.trusting()
	cfg.Certificates = []tls.Certificate{c.members.Issue(c.t, name).TLS()}
	cfg.ClientSessionCache, cfg.MinVersion, cfg.MaxVersion = tls.NewLRUClientSessionCache(1), version, version
	return cfg
}

// join brings a member in.
func (c *club) join(cfg *tls.Config, id string) (conn *rig.Conn, resumed bool) {
	c.t.Helper()
	conn = c.dial("tls")
	over, err := conn.Secure(cfg)
	if err != nil {
		c.t.Fatalf("%s: %v", id, err)
	}
	c.greet(conn, id)
	return conn, over.ConnectionState().DidResume
}

// revoke puts members on the list, in a file that the broker watches.
func (c *club) revoke(who ...*tls.Config) {
	c.t.Helper()
	var list []*x509.Certificate
	for _, cfg := range who {
		list = append(list, cfg.Certificates[0].Leaf)
	}
	if err := os.WriteFile(c.crl+".new", certstest.CRLPEM(c.members.CRL(c.t, list...)), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(c.crl+".new", c.crl); err != nil {
		c.t.Fatal(err)
	}
}

// A certificate that is revoked ends the connection that was opened with it, and its TLS session is of no more use.
func TestRevokedClientsAreDisconnected(t *testing.T) {
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			c := found(t)
			bad, good := c.member("bad", version), c.member("good", version)
			first, _ := c.join(bad, "first")
			_ = first.TCPConn.Close()
			live, resumed := c.join(bad, "live")
			if !resumed {
				t.Fatal("the second connection does not take up the session of the first")
			}
			stays, _ := c.join(good, "good")

			c.revoke(bad)
			var p mqtt.Disconnect
			if err := p.Decode(mqtt.Peer{Version: mqtt.V5, Server: true}, 0, want(t, live, mqtt.DISCONNECT)); err != nil || p.Reason != mqtt.NotAuthorized {
				t.Errorf("got %v, %v, want %v", p.Reason, err, mqtt.NotAuthorized)
			}
			c.ended("a client that was revoked", live)

			again := c.dial("tls")
			over, err := again.Secure(bad)
			if err == nil { // a client of 1.3 is done before it is judged
				_, err = again.Connect(&mqtt.Connect{ClientID: []byte("again"), CleanStart: true})
			}
			if err == nil {
				t.Errorf("a client that was revoked is let in, session resumed: %v", over.ConnectionState().DidResume)
			}
			c.ended("a client that was revoked before", again)
			c.refused("again", "tls", map[string]uint64{"tls_revoked": 1})

			write(t, stays, mqtt.AppendPingreq(nil))
			want(t, stays, mqtt.PINGRESP)
			c.join(good, "good again")

			c.revoke() // a list may be taken back
			if !rig.Eventually(func() bool { return c.stats("tls").Reloads >= 2 }) {
				t.Fatalf("the second list is not read: %+v", c.stats("tls"))
			}
			c.join(bad, "forgiven")
			c.leave()
		})
	}
}

// A new certificate is for new connections; what cannot be read leaves the old one where it was, and says so.
func TestCertificatesThatChangeAndBreak(t *testing.T) {
	c := found(t)
	client := c.member("member", tls.VersionTLS13)
	client.ClientSessionCache = nil
	shown := func(id string) string {
		t.Helper()
		conn := c.dial("tls")
		over, err := conn.Secure(client)
		if err != nil {
			t.Fatal(err)
		}
		c.greet(conn, id)
		return over.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	old, _ := c.join(client, "old")
	if got := shown("a"); got != "broker" {
		t.Fatalf("the broker shows %q, want broker", got)
	}
	// Both listeners with TLS read the same files.
	c.ca.Issue(t, "renewed", certstest.Names("127.0.0.1")).Write(t, c.dir, "broker")
	if !rig.Eventually(func() bool { return shown("b") == "renewed" }) {
		t.Fatalf("the renewed certificate is not shown; %+v", c.stats("tls"))
	}
	failed := c.stats("tls").ReloadsFailed // between the two files one did not fit the other
	certstest.WriteFile(t, c.dir, "broker.crt", []byte("-----BEGIN CERTIFICATE-----\nnonsense\n"))
	if !rig.Eventually(func() bool { return c.stats("tls").ReloadsFailed > failed }) {
		t.Fatalf("a broken certificate is not noticed: %+v", c.stats("tls"))
	}
	if !rig.Eventually(func() bool { return c.log.has("the old one stays") }) {
		t.Error("the log does not tell that the old certificate stays")
	}
	if got := shown("c"); got != "renewed" {
		t.Errorf("beside a broken file the broker shows %q, want renewed", got)
	}
	certstest.WriteFile(t, c.dir, "broker.key", nil)
	certstest.WriteFile(t, c.dir, "broker.crt", nil)
	if got := shown("d"); got != "renewed" {
		t.Errorf("beside empty files the broker shows %q, want renewed", got)
	}
	c.ca.Issue(t, "again", certstest.Names("127.0.0.1")).Write(t, c.dir, "broker")
	if !rig.Eventually(func() bool { return shown("e") == "again" }) {
		t.Fatalf("the certificate after the broken one is not shown; %+v", c.stats("tls"))
	}
	write(t, old, mqtt.AppendPingreq(nil))
	want(t, old, mqtt.PINGRESP)
	c.leave()
}
