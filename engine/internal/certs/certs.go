// Package certs keeps the TLS material of a listener as it stands in files: certificates with their keys and OCSP
// responses, the authorities of clients and their revocation lists, and the keys of session tickets.
//
// A Material is one listener's. Its Config is given to crypto/tls once and stays the same; what it hands out changes as a
// whole when Reload has found everything in order. Any goroutine may call any method.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
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
	MinVersion  uint16 // tls.VersionTLS12 or 13
	RequireALPN bool   // a client must offer "mqtt"; without it one that offers nothing is accepted too
	WebSocket   bool   // ALPN is http/1.1
}

// Material is the TLS material of one listener.
type Material struct{}

// Load reads the files; an error names the file that is wrong, and what is wrong with it.
func Load(f Files) (*Material, error) { return nil, errors.ErrUnsupported }

// Config is what crypto/tls takes. Errors of its verification are *VerifyError.
func (m *Material) Config() *tls.Config { return nil }

// VerifyError is why a client certificate is not accepted.
type VerifyError struct {
	Revoked bool
	Err     error
}

func (e *VerifyError) Error() string { return e.Err.Error() }
func (e *VerifyError) Unwrap() error { return e.Err }

// Changed tells whether a file has another content, by its size, time and number, than when it was last looked at, and
// has kept it since the look before: a file that is being written is left alone.
func (m *Material) Changed() bool { return false }

// Reload reads the files anew, f taking the place of the former Files; after an error the old material holds. trust says
// that what is believed of clients has changed: the ticket keys are new ones, and connections are to be checked by Verify.
func (m *Material) Reload(f Files) (trust bool, err error) { return false, errors.ErrUnsupported }

// Verify tells whether a client certificate (chain[0], with its intermediates) that was accepted once would be now.
func (m *Material) Verify(chain []*x509.Certificate) error { return nil }

// Expiry is when something of the material ends.
type Expiry struct {
	File    string
	Subject string
	At      time.Time
}

// Expiries lists the certificates, authorities and revocation lists (their next update), the soonest first.
func (m *Material) Expiries() []Expiry { return nil }

// Rotate begins a new ticket key when the present one is as old as every; the last ones still open tickets.
func (m *Material) Rotate(now time.Time, every time.Duration) {}

// TicketKeys gives the keys of session tickets, the present one first, so that the next process can take them up.
func (m *Material) TicketKeys() [][32]byte { return nil }

// SetTicketKeys takes up those of the process before.
func (m *Material) SetTicketKeys(keys [][32]byte) {}
