package netloop

import (
	"net/netip"
	"runtime/debug"
	"time"
)

// Admission decides about the connections of an acceptor. Its methods run on the acceptor's loop, one at a time, and
// must not wait.
type Admission interface {
	// Ready says whether one more connection may be taken now. It is asked before each look at the backlog, and only
	// looks: most of the time nobody waits there, and then Admit is not called. After a no all connections stay in the
	// backlog until the next tick, or until Acceptor.Continue.
	Ready() bool
	// Admit decides about one that was taken: ok false closes it, else it is enrolled on loop l (nil: the least busy)
	// with its Value set to value.
	Admit(remote netip.AddrPort) (l *Loop, value any, ok bool)
}

// AdmitFunc is an Admission that is always ready.
type AdmitFunc func(remote netip.AddrPort) (l *Loop, value any, ok bool)

// Ready implements Admission.
func (f AdmitFunc) Ready() bool { return true }

// Admit implements Admission.
func (f AdmitFunc) Admit(remote netip.AddrPort) (l *Loop, value any, ok bool) { return f(remote) }

// rest is why an acceptor's loop does not look at the listener.
type rest uint8

const (
	awake   rest = iota
	starved      // descriptors or memory ran out: until the next tick
	unready      // the admission said no: until the next tick or Continue
)

// ready asks the admission; a panic is a no.
func (a *Acceptor) ready() (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			ok = false
			a.panicked(v)
		}
	}()
	return a.admission.Ready()
}

// ask has the admission decide; a panic is a refusal.
func (a *Acceptor) ask(remote netip.AddrPort) (l *Loop, value any, ok bool) {
	defer func() {
		if v := recover(); v != nil {
			ok = false
			a.panicked(v)
		}
	}()
	return a.admission.Admit(remote)
}

// panicked reports a panic of the admission, now and then: its next one may come with the next connection.
func (a *Acceptor) panicked(v any) {
	if time.Since(a.warned) > warnEvery {
		a.warned = time.Now()
		a.e.log.Error("panic while admitting a connection", "listener", a.addr, "panic", v, "stack", string(debug.Stack()))
	}
}

// Continue has the admission asked again that was not ready. A call made after what Ready looks at has changed is never
// lost, and calls until the loop comes to it count as one. Any goroutine.
func (a *Acceptor) Continue() {
	if a.host != nil && !a.told.Swap(true) {
		a.host.post(a.goOn)
	}
}

// goOn is Continue on the loop. A no that is older than the call has led to its rest by now: both are the loop's.
func (a *Acceptor) goOn() {
	a.told.Store(false)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.rest == unready {
		a.hang()
	}
}

// wake ends any rest, at a tick.
func (a *Acceptor) wake() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.rest != awake {
		a.hang()
	}
}
