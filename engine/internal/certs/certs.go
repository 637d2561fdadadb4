// Package certs keeps the TLS material of a listener as it stands in files: certificates with their keys and OCSP
// responses, the authorities of clients and their revocation lists, and the keys of session tickets.
//
// A Material is one listener's. Its Config is given to crypto/tls once and stays the same; what it hands out changes as a
// whole when Reload has found everything in order. Any goroutine may call any method.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// ClientAuth says what is asked of clients.
type ClientAuth uint8

const (
	None     ClientAuth = iota // no certificate is asked for
	Optional                   // one that is presented must be good
	Require                    // there must be one, and it must be good
)

// Files says where the material is and how it is used.
type Files struct {
	Name        string   // the listener's, for errors and logs
	Cert, Key   []string // PEM, pairwise; the first is for clients that name none of the others by SNI
	OCSP        []string // DER responses to staple, pairwise with Cert; "" or a shorter list: none
	CA          string   // PEM, of the authorities that sign client certificates
	CRL         string   // PEM or DER, any number of lists in one file
	ClientAuth  ClientAuth
	MinVersion  uint16 // tls.VersionTLS12 or 13; 0 is 12
	RequireALPN bool   // a client must offer "mqtt"; without it one that offers nothing is accepted too
	WebSocket   bool   // ALPN is http/1.1
}

// Material is the TLS material of one listener. Use Load.
type Material struct {
	outer *tls.Config
	now   atomic.Pointer[state] // what holds; never changed, only replaced

	mu    sync.Mutex // one Reload at a time, and what follows
	keys  [][32]byte // of session tickets, the present one first
	born  time.Time  // of keys[0], by the clock of Rotate; zero until it was asked
	watch watch
}

// state is what one reading of all files has given.
type state struct {
	files    Files
	number   uint64 // of the reading
	certs    []tls.Certificate
	trust    *trust
	config   *tls.Config
	expiries []Expiry
}

// Load reads the files; an error names the file that is wrong, and what is wrong with it.
func Load(f Files) (*Material, error) {
	m := &Material{keys: [][32]byte{newKey()}}
	m.outer = m.outerConfig()
	if _, err := m.Reload(f); err != nil {
		return nil, err
	}
	return m, nil
}

// Config is what crypto/tls takes. What is wrong with a client certificate is told by a *VerifyError or, where crypto/tls
// found it, by its *tls.CertificateVerificationError; one that is missing and one that cannot be read have no type.
func (m *Material) Config() *tls.Config { return m.outer }

// Reload reads the files anew, f taking the place of the former Files; after an error the old material holds. trust says
// that what is believed of clients has changed: the ticket keys are new ones, and connections are to be checked by Verify.
// A handshake that was verified before Reload returned may be told of afterwards: it is to be checked as well.
func (m *Material) Reload(f Files) (trust bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watch.tried(f)
	old := m.now.Load()
	next, err := read(f, old)
	if err != nil {
		if f.Name != "" {
			err = fmt.Errorf("listener %s: %w", f.Name, err)
		}
		return false, err
	}
	if old != nil {
		next.number = old.number + 1
		trust = next.trust.digest != old.trust.digest || f.ClientAuth != old.files.ClientAuth
	}
	if trust {
		m.keys, m.born = [][32]byte{newKey()}, time.Time{}
	}
	next.config = m.innerConfig(next)
	next.config.SetSessionTicketKeys(m.keys)
	m.watch.loaded(f)
	m.now.Store(next)
	return trust, nil
}

// read makes a state of the files. What is believed is taken over from old when its files are the same to the byte: a
// long revocation list is parsed once, not at each renewal of a certificate.
func read(f Files, old *state) (*state, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	s := &state{files: f}
	for i, cert := range f.Cert {
		pair, expiries, err := loadPair(cert, f.Key[i])
		if err == nil && i < len(f.OCSP) && f.OCSP[i] != "" {
			pair.OCSPStaple, err = loadOCSP(f.OCSP[i])
		}
		if err != nil {
			return nil, err
		}
		s.certs = append(s.certs, *pair)
		s.expiries = append(s.expiries, expiries...)
	}
	var before *trust
	if old != nil && old.files.CA == f.CA && old.files.CRL == f.CRL {
		before = old.trust
	}
	var err error
	if s.trust, err = loadTrust(f.CA, f.CRL, before); err != nil {
		return nil, err
	}
	s.expiries = append(s.expiries, s.trust.expiries...)
	soonestFirst(s.expiries)
	return s, nil
}

// check finds what cannot be right whatever the files hold.
func (f *Files) check() error {
	switch {
	case len(f.Cert) == 0:
		return fmt.Errorf("no certificate file is given")
	case len(f.Cert) != len(f.Key):
		return fmt.Errorf("%d certificate files and %d key files are given: they go in pairs", len(f.Cert), len(f.Key))
	case len(f.OCSP) > len(f.Cert):
		return fmt.Errorf("%d OCSP files are given for %d certificate files", len(f.OCSP), len(f.Cert))
	case f.CA == "" && f.ClientAuth != None:
		return fmt.Errorf("client certificates are asked for without a file of authorities to verify them by")
	case f.CA == "" && f.CRL != "":
		return fmt.Errorf("revocation lists %s are given without a file of the authorities that sign them", f.CRL)
	case f.ClientAuth > Require:
		return fmt.Errorf("unknown kind of client authentication %d", f.ClientAuth)
	}
	switch f.MinVersion {
	case 0, tls.VersionTLS12, tls.VersionTLS13:
		return nil
	}
	return fmt.Errorf("minimum version %s: TLS 1.2 and 1.3 are spoken", tls.VersionName(f.MinVersion))
}

// paths lists all files.
func (f *Files) paths() []string {
	all := make([]string, 0, len(f.Cert)*3+2)
	for _, list := range [][]string{f.Cert, f.Key, f.OCSP, {f.CA, f.CRL}} {
		for _, path := range list {
			if path != "" {
				all = append(all, path)
			}
		}
	}
	return all
}

// name is how a certificate is called in errors and logs.
func name(c *x509.Certificate) string {
	if s := c.Subject.String(); s != "" {
		return s
	}
	if len(c.DNSNames) > 0 {
		return c.DNSNames[0]
	}
	return fmt.Sprintf("serial %x", c.SerialNumber)
}
