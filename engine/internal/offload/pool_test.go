package offload

import (
	"bytes"
	"context"
	"errors"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func wantSubmit(t *testing.T, p *Pool, job func(), want bool) {
	t.Helper()
	if got := p.Submit(job); got != want {
		t.Errorf("Submit with %d workers and %d waiting: got %v, want %v", p.Workers(), p.Waiting(), got, want)
	}
}

func closePool(t *testing.T, p *Pool) {
	t.Helper()
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("Close: got %v, want nil", err)
	}
	if p.Workers() != 0 {
		t.Errorf("after Close: got %d workers, want 0", p.Workers())
	}
}

func TestAFullPoolRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, gate, ran := New(2, 3), make(chan struct{}), atomic.Int32{}
		job := func() { <-gate; ran.Add(1) }
		for range 5 {
			wantSubmit(t, p, job, true)
		}
		wantSubmit(t, p, job, false)
		synctest.Wait()
		if p.Workers() != 2 || p.Waiting() != 3 {
			t.Errorf("got %d workers, %d waiting, want 2, 3", p.Workers(), p.Waiting())
		}
		close(gate)
		synctest.Wait()
		if ran.Load() != 5 {
			t.Errorf("got %d jobs run, want 5", ran.Load())
		}
		wantSubmit(t, p, job, true)
		closePool(t, p)
	})
}

func TestWorkersStartOnDemandAndEndWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(8, 8)
		if p.Workers() != 0 {
			t.Errorf("at first: got %d workers, want 0", p.Workers())
		}
		for range 20 { // one after the other: one worker is enough
			wantSubmit(t, p, func() {}, true)
			synctest.Wait()
		}
		if p.Workers() != 1 {
			t.Errorf("jobs in turn: got %d workers, want 1", p.Workers())
		}
		for range 8 {
			wantSubmit(t, p, func() { time.Sleep(time.Second) }, true)
		}
		if p.Workers() != 8 {
			t.Errorf("eight at a time: got %d workers, want 8", p.Workers())
		}
		time.Sleep(2 * idleTime)
		synctest.Wait()
		if p.Workers() != 0 {
			t.Errorf("idle: got %d workers, want 0", p.Workers())
		}
		done := false
		wantSubmit(t, p, func() { done = true }, true)
		synctest.Wait()
		if !done {
			t.Error("a job after the idle time did not run")
		}
		closePool(t, p)
	})
}

func TestABusyWorkerDoesNotHoldAJobThatAnotherCouldRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, slow := New(2, 10), make(chan struct{})
		wantSubmit(t, p, func() { <-slow }, true)
		done := false
		wantSubmit(t, p, func() { done = true }, true)
		synctest.Wait()
		if !done {
			t.Error("the second job waits for the first")
		}
		close(slow)
		closePool(t, p)
	})
}

func TestCloseRunsWhatWasTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, ran := New(2, 100), atomic.Int32{}
		for range 50 {
			wantSubmit(t, p, func() { time.Sleep(time.Millisecond); ran.Add(1) }, true)
		}
		closePool(t, p)
		if ran.Load() != 50 {
			t.Errorf("got %d jobs run, want 50", ran.Load())
		}
		wantSubmit(t, p, func() {}, false)
		closePool(t, p) // again
	})
}

func TestCloseDropsWhatWaitsWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, gate, ran := New(1, 10), make(chan struct{}), false
		wantSubmit(t, p, func() { <-gate }, true)
		wantSubmit(t, p, func() { ran = true }, true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: got %v, want deadline exceeded", err)
		}
		close(gate)
		closePool(t, p)
		if ran {
			t.Error("a dropped job ran")
		}
	})
}

func TestAPanicIsToldAndTheWorkerGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, 10)
		var got any
		var stack []byte
		p.Panicked = func(v any, s []byte) { got, stack = v, s }
		done := false
		wantSubmit(t, p, func() { panic("provider") }, true)
		wantSubmit(t, p, func() { done = true }, true)
		synctest.Wait()
		if got != "provider" || !bytes.Contains(stack, []byte("pool_test.go")) || !done {
			t.Errorf("got panic %v, next job ran %v, want provider, true; stack %s", got, done, stack)
		}
		closePool(t, p)
	})
}

func TestWorkersCarryALabel(t *testing.T) {
	p := New(1, 0)
	var profile strings.Builder
	done := make(chan error)
	p.Submit(func() { done <- pprof.Lookup("goroutine").WriteTo(&profile, 1) })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if want := `"role":"offload"`; !strings.Contains(profile.String(), want) {
		t.Errorf("goroutine profile: got no label %s in:\n%s", want, profile.String())
	}
	closePool(t, p)
}

func TestManyProducersLoseNothing(t *testing.T) {
	p, ran, taken := New(4, 16), atomic.Int64{}, atomic.Int64{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5000 {
				if p.Submit(func() { ran.Add(1) }) {
					taken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	closePool(t, p)
	if ran.Load() != taken.Load() || taken.Load() == 0 {
		t.Errorf("got %d run of %d taken", ran.Load(), taken.Load())
	}
}
