package codec

import (
	"crypto/tls"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
)

// handshake is what a TLS stage needs only until its handshake has succeeded. Its goroutine and the loop meet here.
type handshake struct {
	stage  *TLS
	cfg    *tls.Config
	client bool
	turns  *Handshakes
	kick   func()

	token bool // its goroutine's: whether it is one of those that compute

	prev, next *handshake // under turns.mu
	queued     bool       // likewise

	mu       sync.Mutex
	arrived  sync.Cond // in, gone
	in       []byte    // of the peer, not read yet
	out      []byte    // to be written
	kicked   bool      // Step was asked for and was not called yet
	finished bool      // nothing more comes of the goroutine, and it touches the stage no more
	idle     bool      // it waits for the peer
	much     bool      // so much was held that the loop may have stopped reading: it is told when that is used up
	gone     bool
	err      error
}

// flood is the fault of a peer that sends more than a handshake takes.
var flood = &Fault{TLSFlood, fmt.Errorf("%d bytes wait for the handshake, and more come", maxHeld)}

func newHandshake(t *TLS, cfg *tls.Config, client bool, turns *Handshakes, kick func()) *handshake {
	h := &handshake{stage: t, cfg: cfg, client: client, turns: turns, kick: kick}
	h.arrived.L = &h.mu
	return h
}

// run is the handshake's goroutine.
func (h *handshake) run() {
	h.acquire()
	err := h.shake()
	h.release()
	h.turns.count(err == nil && h.stage.conn.ConnectionState().DidResume, err)
	h.finish(err)
}

// shake has crypto/tls do the handshake. A panic, of crypto/tls or a callback of its configuration, is this connection's
// matter and no other's.
func (h *handshake) shake() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Fault{TLSProtocol, fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	t := h.stage
	if h.client {
		t.conn = tls.Client(t.memConn(), h.cfg)
	} else {
		t.conn = tls.Server(t.memConn(), h.cfg)
	}
	return t.conn.HandshakeContext(handshakeLabels)
}

// acquire waits for leave to compute.
func (h *handshake) acquire() {
	h.turns.tokens <- struct{}{}
	h.token = true
}

func (h *handshake) release() {
	if h.token {
		h.token = false
		<-h.turns.tokens
	}
}

// read is crypto/tls's, on the goroutine: it waits for the peer's bytes, and lets others compute meanwhile.
func (h *handshake) read(p []byte, r *records) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.in) == 0 && !h.gone {
		h.announce()
		h.release()
		h.idle = true
		for len(h.in) == 0 && !h.gone {
			h.arrived.Wait()
		}
		h.idle = false
		h.mu.Unlock()
		h.acquire()
		h.mu.Lock()
	}
	if h.gone {
		return 0, net.ErrClosed
	}
	n := copy(p, h.in[:r.cut(h.in, len(p))])
	h.in = h.in[:copy(h.in, h.in[n:])]
	return n, nil
}

// write is crypto/tls's, on the goroutine. The loop hears of it when the goroutine waits for the answer, or has finished:
// once for a flight of messages.
func (h *handshake) write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone {
		return 0, net.ErrClosed
	}
	h.out = append(h.out, p...)
	return len(p), nil
}

// announce has the loop call Step if there is something for it. mu is held, and free while kick runs: it may take locks
// of the loop's.
func (h *handshake) announce() {
	if h.kicked || h.gone || len(h.out) == 0 && !h.finished && !h.much {
		return
	}
	h.kicked, h.much = true, false
	h.mu.Unlock()
	h.kick()
	h.mu.Lock()
}

// finish leaves the result for the loop.
func (h *handshake) finish(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.finished, h.err = true, err
	h.announce()
}

// take takes bytes of the peer, on the loop, and gives all that are held: to be looked at while there is no goroutine.
func (h *handshake) take(b []byte) (held []byte, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.in) >= maxHeld {
		return nil, flood
	}
	h.in = append(h.in, b...)
	h.much = h.much || len(h.in) >= muchHeld
	h.arrived.Signal()
	return h.in, nil
}

// collect takes the news, on the loop: bytes for the peer, whether it is over, what arrived behind it.
func (h *handshake) collect(s *Scratch) (finished bool, rest []byte, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kicked = false
	s.Wire = append(s.Wire, h.out...)
	h.out = h.out[:0]
	return h.finished, h.in, h.err
}

// leave ends the handshake, on the loop: the connection is gone.
func (h *handshake) leave() {
	h.mu.Lock()
	h.gone, h.in, h.out = true, nil, nil
	h.arrived.Signal()
	h.mu.Unlock()
	h.turns.withdraw(h)
}

func (h *handshake) waits() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.idle && len(h.in) == 0
}

func (h *handshake) held() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.in)
}
