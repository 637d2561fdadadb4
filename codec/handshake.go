package codec

import (
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
)

// Handshakes bounds what TLS handshakes cost: how many compute at a time, how many are on their way, and how many wait
// for their turn. One for all listeners of a broker. Any goroutine may call it.
//
// Unbounded, a storm of handshakes takes the processors from the loops: the answers of established clients then took two
// to three times as long at the 95th percentile as with one computing on two cores, for the same handshakes a second.
type Handshakes struct {
	limits HandshakeLimits
	tokens chan struct{} // one for each that computes

	mu          sync.Mutex
	active      int
	waiting     int
	first, last *handshake // those that wait, in the order they came

	done, failed, resumed atomic.Uint64
}

// HandshakeLimits are the bounds of Handshakes.
type HandshakeLimits struct {
	Computing int // at a time; a handshake that waits for its peer does not count. 0: half the cores, at least 1
	Active    int // on their way, each with a goroutine; at least 1
	Waiting   int // beyond those, with the peer's first bytes only; more are refused
}

// NewHandshakes makes the bound.
func NewHandshakes(l HandshakeLimits) *Handshakes {
	if l.Computing <= 0 {
		l.Computing = max(1, runtime.NumCPU()/2)
	}
	l.Active = max(1, l.Active)
	return &Handshakes{limits: l, tokens: make(chan struct{}, l.Computing)}
}

// HandshakeStats is how many handshakes there are.
type HandshakeStats struct {
	Active, Waiting int
	Done, Failed    uint64 // Failed: also those whose connection ended before
	Resumed         uint64 // of Done: those that took up an earlier session
}

// Stats counts.
func (t *Handshakes) Stats() HandshakeStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return HandshakeStats{
		Active: t.active, Waiting: t.waiting,
		Done: t.done.Load(), Failed: t.failed.Load(), Resumed: t.resumed.Load(),
	}
}

// admit gives a handshake its goroutine, or a place in the queue.
func (t *Handshakes) admit(h *handshake) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.active < t.limits.Active {
		t.active++
		go t.work(h)
		return nil
	}
	if t.waiting >= t.limits.Waiting {
		return &Fault{TLSBusy, fmt.Errorf("%d handshakes wait", t.waiting)}
	}
	t.waiting++
	h.queued = true
	if h.prev = t.last; h.prev == nil {
		t.first = h
	} else {
		h.prev.next = h
	}
	t.last = h
	return nil
}

// withdraw takes a handshake whose connection is gone out of the queue.
func (t *Handshakes) withdraw(h *handshake) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h.queued {
		t.unlink(h)
		t.failed.Add(1)
	}
}

// unlink takes h out of the queue; mu is held.
func (t *Handshakes) unlink(h *handshake) {
	if h.prev == nil {
		t.first = h.next
	} else {
		h.prev.next = h.next
	}
	if h.next == nil {
		t.last = h.prev
	} else {
		h.next.prev = h.prev
	}
	h.prev, h.next, h.queued = nil, nil, false
	t.waiting--
}

var handshakeLabels = pprof.WithLabels(context.Background(), pprof.Labels("role", "handshake"))

// work runs one handshake after the other while some wait.
func (t *Handshakes) work(h *handshake) {
	pprof.SetGoroutineLabels(handshakeLabels)
	for h != nil {
		h.run()
		h = t.next()
	}
}

// next gives a goroutine that is done with its handshake another, or takes its place away.
func (t *Handshakes) next() *handshake {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.first
	if h == nil {
		t.active--
		return nil
	}
	t.unlink(h)
	return h
}

// count counts a handshake that has ended.
func (t *Handshakes) count(resumed bool, err error) {
	if err != nil {
		t.failed.Add(1)
		return
	}
	t.done.Add(1)
	if resumed {
		t.resumed.Add(1)
	}
}
