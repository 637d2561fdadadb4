package netloop

import (
	"context"
	"runtime/pprof"
)

// Stop closes the listeners still served and every connection (Closed is called for each, with ErrStopped), and ends
// all goroutines. Wake, Defer and ticks are not answered any more from some point of it on, so whoever wants to say
// goodbye does it before. An error is ctx's: Stop then goes on in the background. Not on a loop.
func (e *Engine) Stop(ctx context.Context) error {
	e.onceEnd.Do(func() { go e.end() })
	select {
	case <-e.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end stops what feeds the loops before the loops: a wake that reached a loop after gnet closed its eventfd would write
// to a number somebody else may have by then.
func (e *Engine) end() {
	e.mu.Lock()
	e.stopped = true
	serving := make([]*Acceptor, 0, len(e.acceptors))
	for a := range e.acceptors {
		serving = append(serving, a)
	}
	e.mu.Unlock()
	for _, a := range serving {
		a.Stop()
	}
	close(e.quit)
	for _, l := range e.loops {
		l.want(wantStop)
	}
	for _, l := range e.loops {
		<-l.goneC
	}
	if err := e.stopClients(); err != nil {
		e.log.Error("event loop failed", "err", err)
	}
	e.closeAux()
	e.out.close() // not before: until now a connection may have armed itself there
	e.ending.Wait()
	close(e.ended)
}

// run starts a goroutine of the engine.
func (e *Engine) run(role string, f func()) {
	e.ending.Add(1)
	go func() {
		defer e.ending.Done()
		labelled(f, "role", role)
	}()
}

// labelled runs f under profiling labels, given as keys and values.
func labelled(f func(), labels ...string) {
	pprof.Do(background, pprof.Labels(labels...), func(context.Context) { f() })
}
