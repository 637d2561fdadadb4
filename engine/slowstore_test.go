package engine

import (
	"sync"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// later is a store whose commits wait from a moment on.
type later struct {
	*store.Memory
	mu   sync.Mutex
	late bool
	jobs []func()
}

func (s *later) Append(b *store.Batch, done func(error)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.late {
		s.jobs = append(s.jobs, func() {
			if s.Memory.Append(b, done) {
				done(nil)
			}
		})
		return false
	}
	return s.Memory.Append(b, done)
}

func (s *later) delay() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = true
}

func (s *later) waits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.jobs) > 0
}

func (s *later) goOn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.jobs {
		f()
	}
	s.jobs, s.late = nil, false
}

// drip is a store that says that it is slow when more than a few batches wait.
type drip struct{ *store.Memory }

func (d drip) Pressure() store.Pressure {
	if d.Waiting() > 3 {
		return store.Slow
	}
	return store.Ok
}
