package transcript

import (
	"context"
	"sync"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// gate stands before the store of one broker: a test can hold up what is read from it and written to it, and after a
// crash nothing of the dead broker reaches it.
type gate struct {
	*store.Memory
	late  bool   // Appends wait for step
	jobs  []held // those that do
	mu    sync.Mutex
	shut  bool     // Loads wait
	loads []func() // those that do
	dead  bool
}

// Append implements store.Store.
func (g *gate) Append(b *store.Batch, done func(error)) (committed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.dead:
		return false
	case g.late:
		g.jobs = append(g.jobs, held{b, done})
		return false
	}
	return g.Memory.Append(b, done)
}

// held is an Append that waits.
type held struct {
	b    *store.Batch
	done func(error)
}

// step lets one Append go; it tells whether there was one.
func (g *gate) step() bool {
	g.mu.Lock()
	if len(g.jobs) == 0 {
		g.mu.Unlock()
		return false
	}
	j := g.jobs[0]
	g.jobs = g.jobs[1:]
	g.mu.Unlock()
	if g.Memory.Append(j.b, j.done) {
		j.done(nil)
	}
	return true
}

// delay makes Appends wait from now on, or lets go what waits and ends it.
func (g *gate) delay(on bool) {
	for !on && g.step() {
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.late = on
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
