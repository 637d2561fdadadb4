// Package offload runs what may block away from the event loops: authentication, storage, names, webhooks.
//
// A Pool is shared by all loops and bounded twice, in goroutines and in waiting jobs; what does not fit is
// refused at once and the caller answers "busy". A job must carry its own deadline, and brings its
// result home by the inbox of the loop that asked: it never touches what a loop owns.
package offload

import (
	"context"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"time"
)

// idleTime is how long a worker without work stays. An idle broker has none.
const idleTime = 10 * time.Second

// Pool is a bounded set of workers. Use New.
type Pool struct {
	// Panicked is told of a job that panicked, on its worker; the worker goes on. Nil: the panic ends the
	// process. Set it before the first Submit.
	Panicked func(v any, stack []byte)

	workers, queue int

	mu      sync.Mutex
	running int       // workers that exist
	idle    []*worker // waiting for work; the last one was busy last, so the first may end
	jobs    []func()  // waiting for a worker; not empty only while all workers are busy
	closed  bool
	ended   chan struct{} // closed when the last worker has ended after Close
}

type worker struct{ next chan func() }

// New makes a pool of at most workers goroutines and queue waiting jobs. At least one worker is allowed.
func New(workers, queue int) *Pool {
	return &Pool{workers: max(workers, 1), queue: max(queue, 0), ended: make(chan struct{})}
}

// Submit hands a job over and never waits. False: the pool is full or closed, the job will not run.
// Jobs begin in the order of their Submits, but run beside each other.
func (p *Pool) Submit(job func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch last := len(p.idle) - 1; {
	case p.closed:
		return false
	case last >= 0:
		w := p.idle[last]
		p.idle[last] = nil
		p.idle = p.idle[:last]
		w.next <- job // has room: w is idle
	case p.running < p.workers:
		p.running++
		go p.work(job)
	case len(p.jobs) < p.queue:
		p.jobs = append(p.jobs, job)
	default:
		return false
	}
	return true
}

// Workers is how many goroutines the pool has now.
func (p *Pool) Workers() int { p.mu.Lock(); defer p.mu.Unlock(); return p.running }

// Waiting is how many jobs wait for a worker.
func (p *Pool) Waiting() int { p.mu.Lock(); defer p.mu.Unlock(); return len(p.jobs) }

// Close takes no more jobs and waits until those it took have run, or ctx is done: then the waiting ones
// are dropped, the running ones left alone, and the error is that of ctx.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		for _, w := range p.idle {
			close(w.next)
		}
		p.running -= len(p.idle)
		p.idle = nil
		if p.running == 0 {
			close(p.ended)
		}
	}
	p.mu.Unlock()
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		p.mu.Lock()
		p.jobs = nil
		p.mu.Unlock()
		return ctx.Err()
	}
}

func (p *Pool) work(job func()) {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("role", "offload")))
	w := &worker{next: make(chan func(), 1)}
	timer := time.NewTimer(idleTime)
	defer timer.Stop()
	for job != nil {
		p.run(job)
		job = p.next(w, timer)
	}
}

// next waits for w's next job; nil: w ends.
func (p *Pool) next(w *worker, timer *time.Timer) func() {
	if job, wait := p.take(w); !wait {
		return job
	}
	timer.Reset(idleTime)
	select {
	case job := <-w.next: // nil when closed
		return job
	case <-timer.C:
	}
	if p.leave(w) {
		return nil
	}
	return <-w.next // a job came at the last moment
}

// take gives a waiting job to w or makes it idle (wait).
func (p *Pool) take(w *worker) (job func(), wait bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.jobs) > 0 {
		job = p.jobs[0]
		p.jobs[0] = nil
		if p.jobs = p.jobs[1:]; len(p.jobs) == 0 {
			p.jobs = nil
		}
		return job, false
	}
	if p.closed {
		p.gone()
		return nil, false
	}
	p.idle = append(p.idle, w)
	return nil, true
}

// leave takes w off the idle ones; false when somebody else did: then w.next brings what for.
func (p *Pool) leave(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.idle {
		if other == w {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			p.gone()
			return true
		}
	}
	return false
}

func (p *Pool) gone() {
	if p.running--; p.closed && p.running == 0 {
		close(p.ended)
	}
}

func (p *Pool) run(job func()) {
	if p.Panicked != nil {
		defer func() {
			if v := recover(); v != nil {
				p.Panicked(v, debug.Stack())
			}
		}()
	}
	job()
}
