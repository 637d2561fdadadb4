package codec

import (
	"crypto/tls"
	"errors"
	"io"
)

// TLS is the stage of crypto/tls, of a server or a client. It belongs to its connection's loop.
//
// The handshake computes on a goroutine, over bytes that the loop brings it; what only it needs stands in a struct of its
// own that is let go of when it has succeeded. From then on crypto/tls is called on the loop: it reads the bytes of the
// present call, is told "none now" when they are used up, and keeps a record that has begun.
type TLS struct {
	conn    *tls.Conn
	hs      *handshake // nil once it has succeeded
	s       *Scratch   // of the call that goes on
	in      []byte     // open: of the socket's buffer, what crypto/tls has not read yet; before: our own, what arrived behind the handshake
	records records    // where in its records the peer's stream stands
	phase   tlsPhase
	deaf    bool // the peer has ended its side, or nobody wants to hear more of it
}

// tlsPhase is how far a TLS stage has come.
type tlsPhase uint8

const (
	tlsSilent  tlsPhase = iota // no handshake yet: a server has no whole record of the client, a client was not started
	tlsShaking                 // the handshake computes, or waits for its turn or its peer
	tlsAgreed                  // Step has said done, Continue was not called
	tlsOpen
	tlsOver // failed or gone: nothing more is taken, nothing sealed
)

// maxHeld is how many bytes of the peer may wait for a handshake: who still brings more is a flood. A peer that is merely
// quick, and sends data right behind its Finished, is none as long as its socket is not read while so much is Pending; and
// that the handshake has used up as much as muchHeld, and wants more, is news that Step is called for.
const (
	maxHeld  = 64 << 10
	muchHeld = maxHeld / 2
)

var errNotOpen = errors.New("seal before the handshake is done, or after the end")

// NewTLS makes the stage. kick is called, from any goroutine, when the handshake has news: Step is to be called on the
// loop then. It is not called again before that Step; one may still come after Gone, and its Step has nothing to say.
func NewTLS(cfg *tls.Config, client bool, turns *Handshakes, kick func()) *TLS {
	t := new(TLS)
	t.hs = newHandshake(t, cfg, client, turns, kick)
	return t
}

// Start begins a client's handshake; a server's begins by itself with the client's first record.
func (t *TLS) Start() {
	if t.phase == tlsSilent && t.hs.client {
		t.phase = tlsShaking
		if err := t.hs.turns.admit(t.hs); err != nil {
			t.hs.finish(err)
		}
	}
}

// Feed takes bytes of the socket and hands decrypted ones to to. io.EOF: the peer has ended its side in order; any other
// error is a *Fault, and the alert that tells the peer is in s.Wire.
func (t *TLS) Feed(b []byte, s *Scratch, to Sink) error {
	switch t.phase {
	case tlsSilent, tlsShaking:
		return t.endIf(t.gather(b))
	case tlsAgreed:
		if len(t.in) >= maxHeld {
			return t.endIf(flood)
		}
		t.in = append(t.in, b...)
	case tlsOpen:
		return t.open(b, s, to)
	}
	return nil
}

// gather takes bytes for the handshake, and begins it when the client's first record is whole: who sends less costs
// neither a goroutine nor a turn.
func (t *TLS) gather(b []byte) error {
	held, err := t.hs.take(b)
	if err == nil && t.phase == tlsShaking && len(held) == len(b) {
		err = plainAlert(b) // the flights before are read
	}
	if err != nil || t.phase == tlsShaking || t.hs.client {
		return err
	}
	whole, err := firstRecord(held)
	if err != nil || !whole {
		return err
	}
	t.phase = tlsShaking
	return t.hs.turns.admit(t.hs)
}

// endIf ends the stage after an error of the handshake.
func (t *TLS) endIf(err error) error {
	if err != nil {
		t.Gone()
	}
	return err
}

// Step takes the handshake's news: bytes to write are appended to s.Wire, also with an error. done is said once.
func (t *TLS) Step(s *Scratch) (done bool, err error) {
	if t.phase != tlsSilent && t.phase != tlsShaking {
		return false, nil
	}
	finished, rest, err := t.hs.collect(s)
	if !finished {
		return false, nil
	}
	if err != nil {
		t.phase = tlsOver
		return false, tlsFault(err)
	}
	t.phase, t.in, t.hs = tlsAgreed, rest, nil
	return true, nil
}

// Waits tells whether the handshake waits for the peer: not for its turn, nor for what it computes.
func (t *TLS) Waits() bool { return t.phase == tlsSilent || t.phase == tlsShaking && t.hs.waits() }

// Continue hands on what arrived behind the handshake.
func (t *TLS) Continue(s *Scratch, to Sink) error {
	if t.phase != tlsAgreed {
		return nil
	}
	t.phase = tlsOpen // records.whole has counted those of the handshake too, which may have read behind its end
	return t.open(t.in, s, to)
}

// open decrypts what is whole of b.
func (t *TLS) open(b []byte, s *Scratch, to Sink) error {
	if t.deaf {
		return nil
	}
	t.in, t.s = b, s
	err := t.read(s.Plain, to)
	t.in = nil
	if err != nil && err != io.EOF {
		t.phase = tlsOver
		err = tlsFault(err)
	}
	return err
}

// read asks crypto/tls for plaintext while it can have any. It is not asked once more to hear that there is none: each
// attempt to read a record costs it an allocation.
func (t *TLS) read(plain []byte, to Sink) error {
	for t.records.whole > 0 || len(t.in) > 0 {
		n, err := t.conn.Read(plain)
		if 0 < n && n < len(plain) {
			t.records.whole-- // or more, of those that bring no plaintext: then errNoBytes puts it right
		}
		if n > 0 && (!to.Bytes(plain[:n]) || t.phase != tlsOpen) {
			t.deaf = true
			return nil
		}
		if err == errNoBytes {
			t.records.whole = 0
		} else if err != nil {
			t.deaf = true
			return err
		}
	}
	return nil
}

// Open tells whether the handshake is done and Continue was called.
func (t *TLS) Open() bool { return t.phase == tlsOpen }

// Seal encrypts p and appends it to s.Wire.
func (t *TLS) Seal(p []byte, s *Scratch) error {
	if t.phase != tlsOpen && t.phase != tlsAgreed {
		return &Fault{TLSProtocol, errNotOpen}
	}
	t.s = s
	if _, err := t.conn.Write(p); err != nil {
		return tlsFault(err)
	}
	return nil
}

// CloseNotify appends the alert that ends our side in order; nothing while there is a handshake, or after a fault.
func (t *TLS) CloseNotify(s *Scratch) {
	if t.phase == tlsOpen || t.phase == tlsAgreed {
		t.s = s
		_ = t.conn.CloseWrite()
	}
}

// Gone ends the handshake if it is still going on, and whatever is held is let go of. What computes just now ends with
// its next read or write.
func (t *TLS) Gone() {
	if t.phase == tlsSilent || t.phase == tlsShaking {
		t.hs.leave()
	}
	t.phase, t.in = tlsOver, nil
}

// Pending is how many bytes of the socket are held.
func (t *TLS) Pending() int {
	switch t.phase {
	case tlsSilent, tlsShaking:
		return t.hs.held()
	case tlsAgreed:
		return len(t.in)
	case tlsOpen:
		return t.records.begun()
	}
	return 0
}

// State is what the handshake has agreed on; after Step has said done. It copies: take what is needed once.
func (t *TLS) State() tls.ConnectionState {
	if t.hs != nil {
		return tls.ConnectionState{}
	}
	return t.conn.ConnectionState()
}

// memConn gives crypto/tls the connection it wants: the same memory under a type that has its methods, which would be
// out of place among the stage's.
func (t *TLS) memConn() *memConn { return (*memConn)(t) }
