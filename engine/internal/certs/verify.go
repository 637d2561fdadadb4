package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// VerifyError is why a client certificate is not accepted.
type VerifyError struct {
	Revoked bool
	Err     error
}

func (e *VerifyError) Error() string { return e.Err.Error() }
func (e *VerifyError) Unwrap() error { return e.Err }

// CertificateFault marks the error for who does not know this package, and tells revoked certificates from others.
func (e *VerifyError) CertificateFault() (revoked bool) { return e.Revoked }

// errNoCertificate is for sessions without a certificate that came in before one was required.
var errNoCertificate = errors.New("client has no certificate, and one is required")

// Verify tells whether a client certificate (chain[0], with its intermediates) that was accepted once would be now: nil,
// or a *VerifyError. Where certificates are not asked for any more, none is wrong; an empty chain is that of a client
// without one.
func (m *Material) Verify(chain []*x509.Certificate) error { return m.now.Load().verify(chain) }

// verifyConnection ends each handshake, a resumed one too. It judges by what holds now, which may be newer than the
// reading the handshake began with. The chains of a ticket are those of the day it was sealed: one may end in an authority
// that is gone since, so they are built anew.
func (m *Material) verifyConnection(number uint64) func(tls.ConnectionState) error {
	return func(cs tls.ConnectionState) error {
		s := m.now.Load()
		if s.number == number && !cs.DidResume && len(cs.VerifiedChains) > 0 {
			return s.trust.standing(cs.VerifiedChains) // crypto/tls has just verified the rest by the same roots
		}
		return s.verify(cs.PeerCertificates)
	}
}

func (s *state) verify(chain []*x509.Certificate) error {
	switch {
	case s.files.ClientAuth == None:
		return nil
	case len(chain) > 0:
		return s.trust.verify(chain)
	case s.files.ClientAuth == Require:
		return &VerifyError{Err: errNoCertificate}
	}
	return nil
}

// verify builds the chains of a client's certificate and looks for one that stands.
func (t *trust) verify(chain []*x509.Certificate) error {
	opts := x509.VerifyOptions{
		Roots:         t.roots,
		Intermediates: x509.NewCertPool(),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	chains, err := chain[0].Verify(opts)
	if err != nil {
		return &VerifyError{Err: fmt.Errorf("client certificate %s: %w", name(chain[0]), err)}
	}
	return t.standing(chains)
}

// standing tells whether a chain is left in which nothing was revoked.
func (t *trust) standing(chains [][]*x509.Certificate) error {
	var gone *x509.Certificate
	for _, chain := range chains {
		if gone = t.firstRevoked(chain); gone == nil {
			return nil
		}
	}
	if gone == nil {
		return &VerifyError{Err: errors.New("client certificate has no verified chain")}
	}
	return &VerifyError{Revoked: true, Err: fmt.Errorf("certificate %s (serial %x) is revoked by %s", name(gone), gone.SerialNumber, gone.Issuer)}
}

func (t *trust) firstRevoked(chain []*x509.Certificate) *x509.Certificate {
	for _, c := range chain {
		if t.revoked.holds(c) {
			return c
		}
	}
	return nil
}
