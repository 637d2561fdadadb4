package store

import (
	"context"
	"runtime/pprof"
	"sync"
)

// Memory is the Store that forgets with the process. It folds what it is given, so that Reopen gives what a log would
// after a restart: tests of a whole broker restart on it. It commits at once and nothing is ever held for it.
type Memory struct {
	mu       sync.Mutex
	st       *state
	scratch  Record
	failure  error
	pressure Pressure
	closed   bool
	closing  context.Context // of Close; nil before
	cut      bool            // Close's time was over before the last commit

	// Commits that go by the store's goroutine: because the test delays them, or because an error
	// cannot be told by Append's answer.
	delayed bool
	steps   int // how many of the waiting ones may go
	waiting []job
	running bool       // the goroutine exists
	quiet   *sync.Cond // it has come to a stop
}

// job is an append, or a load that waits behind appends.
type job struct {
	b    *Batch
	done func(error)
	load func()
}

// NewMemory makes an empty store that commits at once.
func NewMemory() *Memory {
	m := &Memory{st: newState()}
	m.quiet = sync.NewCond(&m.mu)
	return m
}

// NewDelayedMemory makes an empty store that commits when Step or Run says so: for tests of what must wait.
func NewDelayedMemory() *Memory {
	m := NewMemory()
	m.delayed = true
	return m
}

// Recover implements Store. Unlike others, a Memory may also be asked while it is open, and takes appends before.
func (m *Memory) Recover(ctx context.Context, visit func(*Record) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.closing, m.cut = false, nil, false
	return m.st.visit(func(r *Record) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return visit(r)
	})
}

// Append implements Store.
func (m *Memory) Append(b *Batch, done func(error)) (committed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.delayed && len(m.waiting) == 0 && !m.running && m.commit(b) == nil {
		return true
	}
	m.enqueue(job{b: b, done: done})
	return false
}

// commit folds a batch in or changes nothing.
func (m *Memory) commit(b *Batch) error {
	switch {
	case m.failure != nil:
		return m.failure
	case m.closed:
		return ErrClosed
	case m.closing != nil && m.closing.Err() != nil:
		m.cut = true
		return ErrClosed
	}
	if err := Each(b.Bytes(), &m.scratch, func(*Record) error { return nil }); err != nil {
		m.failure = err // a batch that its own encoder did not write
		return err
	}
	m.st.fold(b.Bytes(), &m.scratch)
	return nil
}

// Load implements Store.
func (m *Memory) Load(refs []Ref, done func([]Message, error)) {
	m.mu.Lock()
	if m.delayed || len(m.waiting) > 0 {
		m.enqueue(job{load: func() { done(m.load(refs)) }})
		m.mu.Unlock()
		return
	}
	m.mu.Unlock()
	done(m.load(refs))
}

func (m *Memory) load(refs []Ref) ([]Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.failure != nil:
		return nil, m.failure
	case m.closed:
		return nil, ErrClosed
	}
	out := make([]Message, len(refs))
	for i, ref := range refs {
		if s := m.st.messages[uint64(ref)]; s != nil {
			out[i] = s.m
		}
	}
	return out, nil
}

// Pressure implements Store.
func (m *Memory) Pressure() Pressure {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failure != nil {
		return Failed
	}
	return m.pressure
}

// Close implements Store.
func (m *Memory) Close(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.delayed, m.closing = false, ctx
	m.start()
	m.settle()
	m.closed = true
	if m.cut {
		return ctx.Err()
	}
	return nil
}

func (m *Memory) enqueue(j job) {
	m.waiting = append(m.waiting, j)
	m.start()
}

// start lets the store's goroutine go on, if there is something that it may do.
func (m *Memory) start() {
	if !m.running && m.due() {
		m.running = true
		go m.run()
	}
}

func (m *Memory) due() bool { return len(m.waiting) > 0 && (!m.delayed || m.steps > 0) }

// settle waits until the store's goroutine has done all that it may.
func (m *Memory) settle() {
	for m.running {
		m.quiet.Wait()
	}
}

func (m *Memory) run() {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("role", "store")))
	m.mu.Lock()
	for m.due() {
		j := m.waiting[0]
		m.waiting = m.waiting[1:]
		m.steps = max(m.steps-1, 0)
		var err error
		if j.b != nil {
			err = m.commit(j.b)
		}
		m.mu.Unlock()
		switch {
		case j.load != nil:
			j.load()
		case j.done != nil:
			j.done(err)
		}
		m.mu.Lock()
	}
	m.running = false
	m.quiet.Broadcast()
	m.mu.Unlock()
}
