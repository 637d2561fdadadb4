package badinput

import (
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// Noise at every listener, at every depth of its layers: nobody panics, nobody else notices, nothing is left.
func TestNoiseAtEveryDepth(t *testing.T) {
	s := build(t, func(cfg *engine.Config) { cfg.Limits.ConnectTimeout = time.Minute })
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	first := openings(t)
	each := 150
	if rig.Race {
		each = 40
	}
	var open []*rig.Conn
	for i := range each {
		for _, name := range everyKind {
			var c *rig.Conn
			switch i % 3 {
			case 0: // noise from the first byte on
				c = s.dial(name)
				_, _ = c.Write(noise(r, nil))
			case 1: // an opening with some bytes changed
				c = s.dial(name)
				_, _ = c.Write(noise(r, []byte(first[name])))
			case 2: // behind the opening, in the innermost layer or under it
				c = s.open(name)
				if i%2 == 0 {
					_, _ = c.TCPConn.Write(noise(r, nil))
				} else {
					_, _ = c.Write(noise(r, []byte(connectPacket())))
				}
			}
			open = append(open, c)
		}
		if len(open) >= 100 {
			s.over(open)
			open = open[:0]
		}
	}
	s.over(open)
	s.leave()
}

// over ends connections that may have been ended: those that wait for more time out.
func (s *site) over(conns []*rig.Conn) {
	s.t.Helper()
	for _, c := range conns {
		_ = c.CloseWrite()
	}
	for _, c := range conns {
		_ = c.TCPConn.SetReadDeadline(time.Now().Add(rig.Patience))
		if _, err := io.Copy(io.Discard, c.TCPConn); err != nil && !rig.Ended(err) {
			s.t.Errorf("a connection with noise: %v, want it closed", err)
		}
		_ = c.TCPConn.Close()
	}
}

// noise is random bytes, or b with some of it changed and some of it lost.
func noise(r *rand.Rand, b []byte) []byte {
	if b == nil {
		b = make([]byte, 1+r.IntN(2000))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	for range 1 + r.IntN(4) {
		b[r.IntN(len(b))] = byte(r.Uint32())
	}
	return b[:1+r.IntN(len(b))]
}
