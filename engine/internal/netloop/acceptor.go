package netloop

import (
	"context"
	"fmt"
	"net"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// How many connections an acceptor takes before its loop looks at its other sockets, and how many it sheds before it
// rests until the next tick.
const (
	acceptAtOnce = 64
	shedAtOnce   = 64
	warnEvery    = 10 * time.Second
)

// Acceptor takes connections from one listener, on one of the loops. No error ends it: when descriptors or buffers run
// out it rests until the next tick, and a spare descriptor lets it take and close what waits in the backlog so that
// clients are refused at once instead of hanging.
type Acceptor struct {
	e        *Engine
	host     *Loop
	addr     string
	labels   context.Context
	accepted atomic.Uint64
	shed     atomic.Uint64
	told     atomic.Bool // Continue was called, the loop has not come to it
	keep     atomic.Bool // Keep was called
	once     sync.Once

	admission Admission

	mu     sync.Mutex   // held by the host while it accepts
	ln     net.Listener // until the descriptor is ours; a unix socket's until the end, as it knows the file
	local  *addrs       // what all connections have in common; nil: each is to be asked
	fd     int          // -1: not ours yet, or no more
	over   bool         // stopped
	bell   bell
	spare  int  // descriptor of /dev/null; -1: given up
	hung   bool // the host's epoll set knows the listener
	rest   rest
	warned time.Time // when an error was logged last
}

// Serve accepts from ln, which Listen or Adopt made, and enrols what the admission lets through. ln belongs to the engine
// from then on. The admission may be asked before Serve returns. A stopped engine closes ln at once.
func (e *Engine) Serve(ln net.Listener, admission Admission) *Acceptor {
	a := &Acceptor{e: e, ln: ln, addr: ln.Addr().String(), admission: admission, fd: -1, spare: -1, bell: bell{fd: -1}}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !servable(ln) {
		e.log.Error("cannot accept", "listener", a.addr, "type", fmt.Sprintf("%T", ln))
	}
	if e.stopped || !servable(ln) {
		a.over = true
		a.once.Do(func() { _ = ln.Close() })
		return a
	}
	a.labels = pprof.WithLabels(background, pprof.Labels("role", "acceptor", "listener", a.addr))
	a.host = e.loops[len(e.acceptors)%len(e.loops)]
	e.acceptors[a] = struct{}{}
	a.host.post(a.begin)
	return a
}

func servable(ln net.Listener) bool {
	switch ln.(type) {
	case *net.TCPListener, *net.UnixListener:
		return true
	}
	return false
}

// take makes a descriptor of the listener ours alone: as long as Go's poller watches it too, each connection wakes a
// thread that finds nothing to do.
func (a *Acceptor) take() (err error) {
	if a.fd >= 0 {
		return nil
	}
	if a.fd, err = dup(a.ln.(syscall.Conn)); err != nil {
		a.fd = -1
		return err
	}
	if ln, ok := a.ln.(*net.TCPListener); ok {
		_ = ln.Close()
		a.ln = nil
		if ap := ln.Addr().(*net.TCPAddr).AddrPort(); ap.Addr().Is4() && !ap.Addr().IsUnspecified() {
			a.local = &addrs{local: ap}
		}
	}
	return nil
}

// begin makes the acceptor one of the host's.
func (a *Acceptor) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		a.host.acceptors = append(a.host.acceptors, a)
		a.hang()
	}
}

// hang puts the listener into the host's epoll set, or rests until that can be tried again: descriptors may be lacking for
// any step of it.
func (a *Acceptor) hang() {
	err := a.take()
	a.reserve()
	if err == nil && a.bell.fd < 0 {
		err = a.bell.hang(a.host, a)
	}
	if err == nil {
		err = a.bell.watch(a.fd, unix.EPOLL_CTL_ADD, true)
	}
	if err != nil {
		a.warn("cannot accept yet", err)
	}
	if a.hung, a.rest = err == nil, awake; err != nil {
		a.rest = starved
	}
}

// unhang has the loop not look at the listener. It leaves the epoll set, which would report a hang-up of a socket whose
// events are all off, again and again; where the socket was passed on, the set would not forget it by itself either.
func (a *Acceptor) unhang(why rest) {
	if a.hung {
		_ = a.bell.watch(a.fd, unix.EPOLL_CTL_DEL, false)
	}
	a.hung, a.rest = false, why
}

// Accepted returns how many connections were handed to loops.
func (a *Acceptor) Accepted() uint64 { return a.accepted.Load() }

// Shed returns how many connections were closed because descriptors or memory had run out.
func (a *Acceptor) Shed() uint64 { return a.shed.Load() }

// Stop closes the listener, so that no further connection is accepted once it returns. What waits in the backlog is reset,
// unless File has given the socket to somebody else, too. Connections stay. Not from the admission or Open.
func (a *Acceptor) Stop() {
	a.once.Do(func() {
		defer a.forget() // last: until then the engine, when it stops, waits for us before it closes the host's epoll set
		a.mu.Lock()
		defer a.mu.Unlock()
		a.over = true
		a.unhang(awake)
		if a.fd >= 0 {
			_ = unix.Close(a.fd)
			a.fd = -1
		}
		if a.spare >= 0 {
			_ = unix.Close(a.spare)
		}
		if ln, ok := a.ln.(*net.UnixListener); ok && a.keep.Load() {
			ln.SetUnlinkOnClose(false)
		}
		if a.ln != nil {
			_ = a.ln.Close()
		}
		a.host.post(a.end)
	})
}

// forget tells the engine that it need not stop this acceptor any more.
func (a *Acceptor) forget() {
	a.e.mu.Lock()
	defer a.e.mu.Unlock()
	delete(a.e.acceptors, a)
}

// end takes down what begin put up.
func (a *Acceptor) end() {
	l := a.host
	for i, b := range l.acceptors {
		if b == a {
			l.acceptors = append(l.acceptors[:i], l.acceptors[i+1:]...)
			a.bell.unhang()
			return
		}
	}
}

// ring is the loop's news that connections wait.
func (a *Acceptor) ring() {
	pprof.SetGoroutineLabels(a.labels)
	defer pprof.SetGoroutineLabels(a.host.labels)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fd < 0 {
		return
	}
	sheds := 0
	for range acceptAtOnce {
		if !a.ready() {
			a.unhang(unready)
			return
		}
		fd, peer, err := accept(a.fd)
		switch {
		case err == 0 && a.reserve():
			a.welcome(fd, peer)
		case err == 0: // it came in on the spare descriptor
			_ = unix.Close(fd)
			a.reserve()
			a.shed.Add(1)
			sheds++
		case err == unix.EINTR || err == unix.ECONNABORTED:
		case err == unix.EAGAIN:
			return
		default:
			if !a.recoverFrom(err, sheds) {
				return
			}
		}
	}
}

// welcome asks the admission and gives the connection to its loop, at once if that is the host.
func (a *Acceptor) welcome(fd int, peer addrs) {
	l, value, ok := a.ask(peer.remote)
	if !ok {
		_ = unix.Close(fd)
		return
	}
	if l == nil {
		l = a.e.leastBusy(a.host)
	}
	c := &Conn{Value: value, loop: l, fd: -1}
	c.setAddrs(fd, peer, a.local)
	l.conns.Add(1)
	p := arrival{c: c, fd: fd, value: value, from: a}
	if l == a.host {
		l.enter(p)
		return
	}
	l.expect(p)
}

// entered counts a connection that reached its loop, or did not, and then tells who admitted it.
func (a *Acceptor) entered(value any, err error) {
	if err == nil {
		a.accepted.Add(1)
		return
	}
	a.shed.Add(1)
	if d, ok := value.(Dropper); ok {
		d.Dropped(err)
	}
}

// recoverFrom answers the error of an accept and says whether to go on. Without descriptors the spare one is given up,
// and what accept then returns is closed unless another has become free: a few at once, for clients in the backlog would
// wait in vain. Then, and after other errors, it rests: the loop does not look at the listener until its next tick.
func (a *Acceptor) recoverFrom(err error, sheds int) bool {
	a.warn("accept failed", err)
	if a.spare >= 0 && (err == unix.EMFILE || err == unix.ENFILE) {
		_ = unix.Close(a.spare)
		a.spare = -1
		if sheds < shedAtOnce-1 {
			return true
		}
	}
	a.unhang(starved)
	return false
}

// warn logs why clients have to wait, now and then.
func (a *Acceptor) warn(what string, err error) {
	if time.Since(a.warned) > warnEvery {
		a.warned = time.Now()
		a.e.log.Warn(what, "listener", a.addr, "err", err, "shed", a.Shed())
	}
}

// reserve makes sure of the spare descriptor.
func (a *Acceptor) reserve() bool {
	if a.spare >= 0 {
		return true
	}
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	a.spare = fd
	return true
}
