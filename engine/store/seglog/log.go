package seglog

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// Log is a segmented log. It takes hold of its directory in Recover.
type Log struct {
	o       Options
	life    sync.Mutex                  // one Recover or Close at a time
	open    atomic.Pointer[committer]   // nil: it is closed
	last    atomic.Pointer[store.Stats] // of the time that it was open last
	refused refusals
}

var (
	_ store.Store    = (*Log)(nil)
	_ store.Observed = (*Log)(nil)
)

// New makes a log that is not open yet; it touches no file.
func New(o Options) *Log { return &Log{o: o.filled()} }

// Recover implements store.Store. It may be called again after Close.
func (g *Log) Recover(ctx context.Context, visit func(*store.Record) error) error {
	g.life.Lock()
	defer g.life.Unlock()
	if g.open.Load() != nil {
		return fmt.Errorf("seglog: %s is open already", g.o.Dir)
	}
	p, err := open(ctx, &g.o)
	if err != nil {
		return err
	}
	if err := p.visit(ctx, visit); err != nil {
		p.letGo()
		return err
	}
	g.open.Store(start(&g.o, p))
	return nil
}

// letGo closes what was opened.
func (p *opened) letGo() {
	for _, s := range p.index.segments {
		_ = s.file.Close()
	}
	_ = p.lock.Close()
}

// Append implements store.Store. Before Recover and after Close it is answered with ErrClosed.
func (g *Log) Append(b *store.Batch, done func(error)) (committed bool) {
	if c := g.open.Load(); c == nil || !c.queue.add(job{b, done}) {
		g.refused.add(done)
	}
	return false
}

// Load implements store.Store. It also sees what was appended before it and is not committed yet. Before Recover and after
// Close it is answered with ErrClosed.
func (g *Log) Load(refs []store.Ref, done func([]store.Message, error)) {
	if c := g.open.Load(); c == nil || !c.load(refs, done) {
		done(nil, store.ErrClosed)
	}
}

// Pressure implements store.Store.
func (g *Log) Pressure() store.Pressure {
	if c := g.open.Load(); c != nil {
		return c.pressure()
	}
	return store.Ok
}

// refusals answers what is appended while the log is closed: in order and, like all answers, not from Append.
type refusals struct {
	mu      sync.Mutex
	waiting []func(error)
	running bool
}

func (r *refusals) add(done func(error)) {
	if done == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(r.waiting, done)
	if !r.running {
		r.running = true
		go labelled(r.run)
	}
}

func (r *refusals) run() {
	r.mu.Lock()
	for len(r.waiting) > 0 {
		done := r.waiting[0]
		r.waiting = r.waiting[1:]
		r.mu.Unlock()
		done(store.ErrClosed)
		r.mu.Lock()
	}
	r.waiting, r.running = nil, false
	r.mu.Unlock()
}
