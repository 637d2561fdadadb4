package netloop

import (
	"errors"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// How long an acceptor rests after an error, doubling from the first to the second, and how many connections it sheds
// between two rests.
const (
	minBackOff = 5 * time.Millisecond
	maxBackOff = 100 * time.Millisecond
	shedAtOnce = 64
	warnEvery  = 10 * time.Second
)

// Acceptor takes connections from one listener on a goroutine of its own. No error but the listener's end ends it: when
// descriptors or buffers run out it backs off, and a spare descriptor lets it take and close what waits in the backlog
// so that clients are refused at once instead of hanging.
type Acceptor struct {
	e        *Engine
	ln       net.Listener
	admit    func(nc net.Conn) (l *Loop, value any, ok bool)
	spare    *os.File
	warned   time.Time // when an error was logged last
	accepted atomic.Uint64
	shed     atomic.Uint64
	quit     chan struct{}
	done     chan struct{}
	once     sync.Once
}

// Serve accepts from ln and enrols what admit lets through: on loop l (nil: the least busy) with its Value set. admit
// runs on the acceptor's goroutine and holds up all further connections of the listener while it does; a connection it
// refuses is closed for it. A stopped engine closes ln at once.
func (e *Engine) Serve(ln net.Listener, admit func(nc net.Conn) (l *Loop, value any, ok bool)) *Acceptor {
	a := &Acceptor{e: e, ln: ln, admit: admit, quit: make(chan struct{}), done: make(chan struct{})}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		a.once.Do(func() { _ = ln.Close() })
		close(a.done)
		return a
	}
	e.acceptors[a] = struct{}{}
	go labelled(a.run, "role", "acceptor", "listener", ln.Addr().String())
	return a
}

// Accepted returns how many connections were handed to loops.
func (a *Acceptor) Accepted() uint64 { return a.accepted.Load() }

// Shed returns how many connections were closed because descriptors or memory had run out.
func (a *Acceptor) Shed() uint64 { return a.shed.Load() }

// Stop closes the listener and returns when the goroutine has ended, so not from admit. Connections stay.
func (a *Acceptor) Stop() {
	a.once.Do(func() {
		a.e.mu.Lock()
		delete(a.e.acceptors, a)
		a.e.mu.Unlock()
		close(a.quit)
		_ = a.ln.Close()
	})
	<-a.done
}

func (a *Acceptor) run() {
	defer close(a.done)
	defer func() { _ = a.spare.Close() }()
	a.reserve()
	for troubles := 0; ; {
		nc, err := a.ln.Accept()
		switch {
		case err == nil && a.reserve():
			troubles = 0
			a.take(nc)
		case err == nil: // it came in on the spare descriptor
			_ = nc.Close()
			a.reserve()
			a.shed.Add(1)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			if !a.recoverFrom(err, troubles) {
				return
			}
			troubles++
		}
	}
}

// take asks admit and begins to enrol. The loop is waited for elsewhere, so that a burst reaches the loops as one.
func (a *Acceptor) take(nc net.Conn) {
	l, value, ok := a.ask(nc)
	if !ok {
		_ = nc.Close()
		return
	}
	p, err := a.e.begin(nc, l, value)
	if err != nil {
		a.dropped(value, err)
		return
	}
	p.from = a
	a.e.arriving <- p
}

// ask calls admit; a panic is a refusal.
func (a *Acceptor) ask(nc net.Conn) (l *Loop, value any, ok bool) {
	defer func() {
		if v := recover(); v != nil {
			a.e.log.Error("panic while admitting a connection", "panic", v, "stack", string(debug.Stack()))
			ok = false
		}
	}()
	return a.admit(nc)
}

// dropped counts a connection that did not reach its loop and tells who admitted it.
func (a *Acceptor) dropped(value any, err error) {
	a.shed.Add(1)
	if d, ok := value.(Dropper); ok {
		d.Dropped(err)
	}
}

// settle ends what the acceptors have begun.
func (e *Engine) settle() {
	for {
		select {
		case p := <-e.arriving:
			if err := e.enroll(p); err != nil {
				p.from.dropped(p.value, err)
			} else {
				p.from.accepted.Add(1)
			}
		case <-e.quit:
			return
		}
	}
}

// recoverFrom answers the error of an Accept, after so many in a row, and says whether to go on. Without descriptors
// the spare one is given up, and what Accept then returns is closed unless another has become free: a few at once, for
// clients in the backlog would wait in vain. Then, and after other errors, it rests.
func (a *Acceptor) recoverFrom(err error, troubles int) bool {
	if time.Since(a.warned) > warnEvery {
		a.warned = time.Now()
		a.e.log.Warn("accept failed", "listener", a.ln.Addr().String(), "err", err, "shed", a.Shed())
	}
	rest := troubles
	if a.spare != nil && (errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)) {
		_ = a.spare.Close()
		a.spare = nil
		if rest = troubles / shedAtOnce; troubles%shedAtOnce != shedAtOnce-1 {
			return true
		}
	}
	t := time.NewTimer(min(minBackOff<<min(rest, 8), maxBackOff))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-a.quit:
		return false
	}
}

// reserve makes sure of the spare descriptor.
func (a *Acceptor) reserve() bool {
	if a.spare != nil {
		return true
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		return false
	}
	a.spare = f
	return true
}
