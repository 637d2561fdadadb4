package codec

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func wantCause(t *testing.T, err error, want Cause) {
	t.Helper()
	if f, ok := errors.AsType[*Fault](err); !ok || f.Cause != want {
		t.Errorf("ended with %v (%T), want the cause %v", err, err, want)
	}
}

// unaccepted is how another package's verification says no.
type unaccepted struct{ revoked bool }

func (u *unaccepted) Error() string          { return fmt.Sprintf("not accepted, revoked: %v", u.revoked) }
func (u *unaccepted) CertificateFault() bool { return u.revoked }

type noProtocol struct{}

func (noProtocol) Error() string { return "no protocol offered" }
func (noProtocol) ALPNFault()    {}

func TestARefusedHandshakeTellsItsCauseAndThePeerHearsTheAlert(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	card, foreign := a.issue(t, "device", false), other.issue(t, "device", false)
	say := func(err error) func(tls.ConnectionState) error {
		return func(tls.ConnectionState) error { return fmt.Errorf("verify: %w", err) }
	}
	v12, v13 := uint16(tls.VersionTLS12), uint16(tls.VersionTLS13)
	for _, c := range []struct {
		name   string
		mutual bool
		change func(server, client *tls.Config)
		cause  Cause
		alert  string // what the client reads
		only   uint16 // a version, 0: both
	}{
		{"other protocols", false, func(_, c *tls.Config) { c.NextProtos = []string{"h2"} }, TLSALPN, "no application protocol", 0},
		{"a protocol named like an error", false, func(_, c *tls.Config) { c.NextProtos = []string{"tls: client didn't provide a certificate"} }, TLSALPN, "no application protocol", 0},
		{"no protocol where one is required", false, func(s, c *tls.Config) {
			c.NextProtos = nil
			s.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, noProtocol{} }
		}, TLSALPN, "internal error", 0},
		{"an old version", false, func(s, _ *tls.Config) { s.MinVersion = v13 }, TLSVersion, "protocol version not supported", v12},
		{"no suite in common", false, func(s, c *tls.Config) {
			s.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
			c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
		}, TLSCipher, "handshake failure", v12},
		{"no curve in common", false, func(s, c *tls.Config) {
			s.CurvePreferences, c.CurvePreferences = []tls.CurveID{tls.CurveP384}, []tls.CurveID{tls.X25519}
		}, TLSCipher, "handshake failure", v13},
		{"no certificate", true, func(_, c *tls.Config) {}, TLSNoCertificate, "certificate required", v13},
		{"no certificate", true, func(_, c *tls.Config) {}, TLSNoCertificate, "handshake failure", v12},
		{"a certificate of another authority", true, func(s, c *tls.Config) {
			s.ClientCAs = a.pool
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &foreign, nil }
		}, TLSCertificate, "unknown certificate authority", 0},
		{"one the verification does not accept", true, func(s, c *tls.Config) {
			s.VerifyConnection, c.Certificates = say(&unaccepted{false}), []tls.Certificate{card}
		}, TLSCertificate, "bad certificate", 0},
		{"a revoked one", true, func(s, c *tls.Config) {
			s.VerifyConnection, c.Certificates = say(&unaccepted{true}), []tls.Certificate{card}
		}, TLSRevoked, "bad certificate", 0},
		{"a server the client does not know", false, func(_, c *tls.Config) { c.RootCAs = x509.NewCertPool() }, TLSAlert, "", 0},
		{"a panic in the configuration", false, func(s, _ *tls.Config) {
			s.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { panic("of the configuration") }
		}, TLSProtocol, "", 0},
	} {
		for _, version := range []uint16{v12, v13} {
			if c.only != 0 && c.only != version {
				continue
			}
			t.Run(c.name+" "+tls.VersionName(version), func(t *testing.T) {
				turns := plenty()
				scfg, ccfg := a.server(t, false, c.mutual), a.client()
				ccfg.MinVersion, ccfg.MaxVersion = version, version
				c.change(scfg, ccfg)
				p, end := serve(t, scfg, false, turns, 0)
				client := tls.Client(end, ccfg)
				heard := client.Handshake()
				if heard == nil { // of TLS 1.3 the client hears it later
					_, heard = client.Read(make([]byte, 1))
				}
				wantCause(t, p.result(t), c.cause)
				if c.alert != "" && (heard == nil || !strings.Contains(heard.Error(), c.alert)) {
					t.Errorf("the client hears %v, want %q", heard, c.alert)
				}
				await(t, "one failure counted", func() bool { // an alert may end the stage before its goroutine
					s := turns.Stats()
					return s.Failed == 1 && s.Done == 0
				})
			})
		}
	}
}

func TestWhatIsNoTLSIsRefusedBeforeAnythingIsSpentOnIt(t *testing.T) {
	cfg := newAuthority(t).server(t, false, false)
	connect := "\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04abcd"
	for _, c := range []struct{ name, in string }{
		{"HTTP", "GET / HTTP/1.1\r\n\r\n"},
		{"a CONNECT", connect},
		{"zeros", strings.Repeat("\x00", 600)},
		{"an alert", "\x15\x03\x01\x00\x02\x02\x28"},
		{"another major version", "\x16\x02\x00\x00\x05"},
		{"a record that is too long", "\x16\x03\x01\xff\xff"},
		{"a record that is a byte too long", "\x16\x03\x01\x40\x01"},
		{"SSL 2", "\x80\x2e\x01\x00\x02"},
	} {
		for _, chop := range []int{1, len(c.in)} {
			turns, s := plenty(), NewScratch()
			stage := NewTLS(cfg, false, turns, func() { t.Error("kicked") })
			var err error
			for i := 0; i < len(c.in) && err == nil; i += chop {
				err = stage.Feed([]byte(c.in[i:i+chop]), s, nil)
			}
			wantCause(t, err, TLSNotTLS)
			if st := turns.Stats(); st != (HandshakeStats{}) || stage.Pending() != 0 || len(s.Wire) != 0 {
				t.Errorf("%s: %+v, %d bytes held, %d to write; want none", c.name, st, stage.Pending(), len(s.Wire))
			}
			if err := stage.Feed([]byte("more"), s, nil); err != nil {
				t.Errorf("%s: bytes after the fault: %v, want that nobody hears them", c.name, err)
			}
		}
	}
}

func TestGarbageInARecordIsAnswered(t *testing.T) {
	cfg := newAuthority(t).server(t, false, false)
	p, end := serve(t, cfg, false, plenty(), 0)
	_, err := end.Write([]byte("\x16\x03\x01\x00\x04\x01\x00\x00\x00"))
	must(t, err)
	wantCause(t, p.result(t), TLSProtocol)
	if alert, _ := io.ReadAll(end); len(alert) != 7 || alert[0] != 0x15 {
		t.Errorf("answered % x, want an alert", alert)
	}
}

func TestBrokenDataEndsTheConnectionWithAnAlert(t *testing.T) {
	a := newAuthority(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		p, end := serve(t, a.server(t, false, false), false, plenty(), 0)
		ccfg := a.client()
		ccfg.MaxVersion = version
		c := tls.Client(end, ccfg)
		must(t, c.Handshake())
		echoed(t, c, 100)
		_, err := end.Write([]byte("\x17\x03\x03\x00\x20" + strings.Repeat("?", 32)))
		must(t, err)
		wantCause(t, p.result(t), TLSProtocol)
		if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
			t.Errorf("%s: the client hears %v, want bad record MAC", tls.VersionName(version), err)
		}
		if err := p.stage.Seal([]byte("x"), p.s); err == nil || len(p.s.Wire) > 0 {
			t.Errorf("%s: sealed after the fault: %d bytes, %v", tls.VersionName(version), len(p.s.Wire), err)
		}
	}
}
