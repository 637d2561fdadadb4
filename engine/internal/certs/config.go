package certs

import (
	"crypto/tls"
	"fmt"
)

// suites are those of TLS 1.2 that give forward secrecy and authenticated encryption; crypto/tls orders them, by what the
// hardware of both sides is good at. Those of TLS 1.3 are not chosen.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// outerConfig is the listener's, as long as it lives: it sends each handshake to what holds at that moment.
func (m *Material) outerConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			s := m.now.Load()
			if s.files.RequireALPN && len(hello.SupportedProtos) == 0 {
				return nil, &ALPNError{Wanted: s.config.NextProtos[0]}
			}
			return s.config, nil
		},
	}
}

// innerConfig is that of one reading. Connections hold on to it for as long as they live, so it refers to the state by
// its number only: the revocation list of yesterday must not stay in memory.
func (m *Material) innerConfig(s *state) *tls.Config {
	c := &tls.Config{
		Certificates:                s.certs,
		MinVersion:                  max(s.files.MinVersion, tls.VersionTLS12),
		CipherSuites:                suites,
		NextProtos:                  []string{"mqtt"},
		DynamicRecordSizingDisabled: true,
		VerifyConnection:            m.verifyConnection(s.number),
	}
	if s.files.WebSocket {
		c.NextProtos = []string{"http/1.1"}
	}
	// crypto/tls verifies the chain itself in a full handshake, because only then the peer is told why by the right alert
	// (unknown_ca, certificate_expired); VerifyConnection does what remains.
	switch s.files.ClientAuth {
	case Optional:
		c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, s.trust.roots
	case Require:
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, s.trust.roots
	}
	return c
}

// ALPNError says that a client offered no application protocol where one is required. One that offers others only is
// refused by crypto/tls itself.
type ALPNError struct{ Wanted string }

func (e *ALPNError) Error() string {
	return fmt.Sprintf("client offers no application protocol, %q is required", e.Wanted)
}

// ALPNFault marks the error for who does not know this package.
func (e *ALPNError) ALPNFault() {}
