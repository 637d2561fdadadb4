package codec

import (
	"io"
	"net"
	"sync"
	"time"
)

// half is one direction of a connection, unbounded.
type half struct {
	mu   sync.Mutex
	news sync.Cond
	b    []byte
	over bool
}

func newHalf() *half {
	h := new(half)
	h.news.L = &h.mu
	return h
}

func (h *half) add(b []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.b = append(h.b, b...)
	h.news.Broadcast()
}

func (h *half) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	h.news.Broadcast()
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.b) == 0 && !h.over {
		h.news.Wait()
	}
	if len(h.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, h.b)
	h.b = h.b[n:]
	return n, nil
}

// conn is the other end of a peer.
type conn struct {
	peer     *peer
	chop     int
	cut      int        // if not 0: where in all that is written a piece ends
	goAfter  int        // if not 0: after how many bytes the connection is lost
	mu       sync.Mutex // of recorded
	recorded []byte     // all that was written
}

func (c *conn) Read(p []byte) (int, error) { return c.peer.near.read(p) }

func (c *conn) Write(p []byte) (int, error) {
	select {
	case <-c.peer.ended:
		return 0, io.ErrClosedPipe
	default:
	}
	b := append([]byte(nil), p...)
	c.mu.Lock()
	before := len(c.recorded)
	c.recorded = append(c.recorded, b...)
	c.mu.Unlock()
	chop := c.chop
	if first := c.cut - before; 0 < first && first < len(b) {
		piece := b[:first:first]
		c.peer.post(func() { c.peer.feed(piece) })
		b = b[first:]
	}
	if chop == 0 {
		chop = max(1, len(b))
	}
	for len(b) > 0 {
		n := min(chop, len(b))
		piece := b[:n:n]
		c.peer.post(func() { c.peer.feed(piece) })
		b = b[n:]
	}
	if c.goAfter != 0 && before+len(p) >= c.goAfter {
		return len(p), c.Close()
	}
	return len(p), nil
}

func (c *conn) Close() error {
	c.peer.post(func() { c.peer.fail(net.ErrClosed) })
	return nil
}
func (c *conn) LocalAddr() net.Addr              { return memAddr{} }
func (c *conn) RemoteAddr() net.Addr             { return memAddr{} }
func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
