package transcript

import (
	"context"
	"sync"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// gate stands before the store of one broker: the scenario can hold up what is read from it, and after a crash nothing
// of the dead broker reaches it.
type gate struct {
	*store.Memory
	mu    sync.Mutex
	shut  bool     // Loads wait
	loads []func() // those that do
	dead  bool
}

// Append implements store.Store.
func (g *gate) Append(b *store.Batch, done func(error)) (committed bool) {
	if g.isDead() {
		return false
	}
	return g.Memory.Append(b, done)
}

// Load implements store.Store.
func (g *gate) Load(refs []store.Ref, done func([]store.Message, error)) {
	g.mu.Lock()
	if g.shut {
		g.loads = append(g.loads, func() { g.Memory.Load(refs, done) })
		g.mu.Unlock()
		return
	}
	g.mu.Unlock()
	g.Memory.Load(refs, done)
}

// Close implements store.Store.
func (g *gate) Close(ctx context.Context) error {
	if g.isDead() {
		return nil
	}
	return g.Memory.Close(ctx)
}

func (g *gate) isDead() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dead
}

// kill is the end of the broker behind the gate.
func (g *gate) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dead = true
}

// hold makes Loads wait.
func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

// load lets the Loads go that wait; it returns how many there were.
func (g *gate) load() int {
	g.mu.Lock()
	loads := g.loads
	g.loads, g.shut = nil, false
	g.mu.Unlock()
	for _, l := range loads {
		l()
	}
	return len(loads)
}
