package bench

import (
	"crypto/tls"
	"strings"
	"sync"

	"github.com/penstock-mqtt/penstock/bench/internal/loop"
)

// ticket is the TLS session that a client takes up again: its last one. Handshake and loop both come to it.
type ticket struct {
	mu   sync.Mutex
	last *tls.ClientSessionState
}

// Get implements tls.ClientSessionCache. There is one server only.
func (t *ticket) Get(string) (*tls.ClientSessionState, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last, t.last != nil
}

// Put implements tls.ClientSessionCache.
func (t *ticket) Put(_ string, s *tls.ClientSessionState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = s
}

// Sessions implements loop.Resumer.
func (k *client) Sessions() tls.ClientSessionCache {
	if k.ticket == nil {
		return nil
	}
	return k.ticket
}

// secured says in words what a connection's handshake has agreed on: it decides what a handshake and a byte cost.
func secured(c *loop.Conn, ws bool) string {
	var parts []string
	if ws {
		parts = append(parts, "WebSocket")
	}
	s, ok := c.Secured()
	if !ok {
		return strings.Join(parts, ", ")
	}
	parts = append(parts, tls.VersionName(s.Version))
	if s.CurveID != 0 {
		parts = append(parts, s.CurveID.String())
	}
	parts = append(parts, tls.CipherSuiteName(s.CipherSuite))
	if len(s.PeerCertificates) > 0 {
		parts = append(parts, s.PeerCertificates[0].PublicKeyAlgorithm.String()+" certificate")
	}
	return strings.Join(parts, ", ")
}

// Handshakes counts TLS handshakes, those of connections that failed later included.
type Handshakes struct {
	Full    uint64 `json:"full"`
	Resumed uint64 `json:"resumed"` // took up an earlier session
}

// handshakes are those since the run began; nil without TLS.
func (r *run) handshakes() *Handshakes {
	if r.group == nil || r.layers == nil || r.layers.TLS == nil {
		return nil
	}
	s := r.group.Handshakes()
	return &Handshakes{Full: s.Done - s.Resumed, Resumed: s.Resumed}
}

// handshakeFigures tells the rates of handshakes in the counted time.
func (r *run) handshakeFigures(from *Handshakes) {
	to := r.handshakes()
	if to == nil {
		return
	}
	took := r.report.Elapsed.Seconds()
	r.figure("TLS handshakes, full", float64(to.Full-from.Full)/took, "1/s", false)
	if r.cfg.TLSResume {
		r.figure("TLS handshakes, resumed", float64(to.Resumed-from.Resumed)/took, "1/s", false)
		if to.Resumed == 0 {
			r.note("no TLS session was resumed: the broker gave no tickets, or took none")
		}
	}
}
