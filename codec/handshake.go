package codec

// Handshakes bounds what TLS handshakes cost: how many compute at a time, how many are on their way, and how many wait
// for their turn. One for all listeners of a broker.
type Handshakes struct{}

// HandshakeLimits are the bounds of Handshakes.
type HandshakeLimits struct {
	Computing int // at a time; a handshake that waits for its peer does not count. 0: half the cores, at least 1
	Active    int // on their way, each with a goroutine
	Waiting   int // beyond those, with the peer's first bytes only; more are refused
}

// NewHandshakes makes the bound.
func NewHandshakes(l HandshakeLimits) *Handshakes { return &Handshakes{} }

// HandshakeStats is how many handshakes there are.
type HandshakeStats struct {
	Active, Waiting int
	Done, Failed    uint64
	Resumed         uint64 // of Done: those that took up an earlier session
}

// Stats counts.
func (h *Handshakes) Stats() HandshakeStats { return HandshakeStats{} }
