package crash

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// gate stands between a broker and its store. When it is shut the broker is as good as dead: nothing that it writes arrives,
// and nothing is confirmed to it.
type gate struct {
	store.Store
	mu   sync.RWMutex
	dead bool
	quit chan struct{}
}

func newGate(s store.Store) *gate { return &gate{Store: s, quit: make(chan struct{})} }

// Append implements store.Store.
func (g *gate) Append(b *store.Batch, done func(error)) (committed bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.dead {
		return false
	}
	return g.Store.Append(b, func(err error) {
		g.mu.RLock()
		defer g.mu.RUnlock()
		if !g.dead && done != nil {
			done(err)
		}
	})
}

// Load implements store.Store.
func (g *gate) Load(refs []store.Ref, done func([]store.Message, error)) {
	g.Store.Load(refs, func(list []store.Message, err error) {
		if !g.shut() {
			done(list, err)
		}
	})
}

// Close implements store.Store.
func (g *gate) Close(ctx context.Context) error {
	if g.shut() {
		return nil
	}
	return g.Store.Close(ctx)
}

// Stats implements store.Observed.
func (g *gate) Stats() (s store.Stats) {
	if o, ok := g.Store.(store.Observed); ok {
		s = o.Stats()
	}
	return s
}

func (g *gate) shut() bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.dead
}

// kill shuts the gate. Before, the store may have come to a stop, so that what was said too early is heard.
func (g *gate) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.dead {
		g.dead = true
		close(g.quit)
	}
}

// late is a store in memory that commits at random moments, as long as its gate is open.
type late struct {
	*store.Memory
	mu    sync.Mutex
	jobs  []job
	stall atomic.Bool // nothing is committed any more
}

type job struct {
	b    *store.Batch
	done func(error)
}

// onMemory lets the brokers live on what the one before has committed.
func (h *home) onMemory() {
	m := store.NewMemory()
	h.open = func() *gate {
		m = m.Reopen()
		s := &late{Memory: m}
		g := newGate(s)
		h.stall = func() { s.stall.Store(true) }
		go s.run(g.quit, rand.New(rand.NewPCG(h.rng.Uint64(), 0)))
		return g
	}
}

// Append implements store.Store.
func (s *late) Append(b *store.Batch, done func(error)) (committed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs = append(s.jobs, job{b, done})
	return false
}

func (s *late) run(quit <-chan struct{}, rng *rand.Rand) {
	for {
		select {
		case <-quit:
			return
		case <-time.After(time.Duration(rng.IntN(2000)) * time.Microsecond):
			for range 1 + rng.IntN(20) {
				if !s.stall.Load() {
					s.step()
				}
			}
		}
	}
}

// step commits one batch; false: there is none.
func (s *late) step() bool {
	s.mu.Lock()
	if len(s.jobs) == 0 {
		s.mu.Unlock()
		return false
	}
	j := s.jobs[0]
	s.jobs = s.jobs[1:]
	s.mu.Unlock()
	if s.Memory.Append(j.b, nil) {
		j.done(nil)
	}
	return true
}

// Close implements store.Store. What waits is lost when the gate is shut.
func (s *late) Close(ctx context.Context) error {
	for ctx.Err() == nil && s.step() {
	}
	return s.Memory.Close(ctx)
}
