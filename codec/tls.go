package codec

import (
	"crypto/tls"
	"errors"
)

// TLS is the stage of crypto/tls, of a server or a client.
type TLS struct{}

// NewTLS makes the stage. kick is called, from any goroutine, when the handshake has news: Step is to be called on the
// loop then. It is not called again before that Step.
func NewTLS(cfg *tls.Config, client bool, turns *Handshakes, kick func()) *TLS { return &TLS{} }

// Start begins a client's handshake; a server's begins by itself with the first bytes.
func (t *TLS) Start() {}

// Feed takes bytes of the socket and hands decrypted ones to to.
func (t *TLS) Feed(b []byte, s *Scratch, to Sink) error { return errors.ErrUnsupported }

// Step takes the handshake's news: bytes to write are appended to s.Wire, also with an error. done is said once.
func (t *TLS) Step(s *Scratch) (done bool, err error) { return false, errors.ErrUnsupported }

// Continue hands on what arrived behind the handshake.
func (t *TLS) Continue(s *Scratch, to Sink) error { return errors.ErrUnsupported }

// Open tells whether the handshake is done and Continue was called.
func (t *TLS) Open() bool { return false }

// Seal encrypts p and appends it to s.Wire.
func (t *TLS) Seal(p []byte, s *Scratch) error { return errors.ErrUnsupported }

// CloseNotify appends the alert that ends our side in order.
func (t *TLS) CloseNotify(s *Scratch) {}

// Gone ends the handshake if it is still going on.
func (t *TLS) Gone() {}

// Pending is how many bytes of the socket are held.
func (t *TLS) Pending() int { return 0 }

// State is what the handshake has agreed on; after Step has said done. It copies: take what is needed once.
func (t *TLS) State() tls.ConnectionState { return tls.ConnectionState{} }
