package netloop

import (
	"context"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// What may be pending on a loop, beside Flush, which only the loop itself asks for.
const (
	wantWake uint32 = 1 << iota
	wantTick
	wantWritable
	wantHeld
	wantFlush // only to get a pass; Loop.deferred says whether to flush
	wantPosted
	wantReap // only to get a pass
	wantStop
	scheduled // a pass is on its way; whoever sets it sends it
	dead      // set together with scheduled, for ever: nobody sends a pass any more
)

// maxPasses is how many passes may follow one another without the loop looking at its sockets. gnet empties its task
// queue before it polls again, so wakes arriving during a pass, each time, would otherwise keep it there.
const maxPasses = 4

// Loop is one event loop. Value is the handler's own.
type Loop struct {
	Value any

	e      *Engine
	client *gnet.Client
	el     gnet.EventLoop
	elp    unsafe.Pointer // the same, as gnet's own functions take it
	labels context.Context
	index  int
	epfd   int // gnet's epoll set
	peer   int // our end of the socket pair whose other end the loop reads
	iov    []unix.Iovec

	_       [64]byte
	pending atomic.Uint32
	conns   atomic.Int32
	_       [64]byte
	ready   struct { // descriptors the notifier saw writable
		sync.Mutex
		fds []int32
	}
	posted struct { // what others have for the loop
		sync.Mutex
		arrivals []arrival
		calls    []func()
	}
	_   [64]byte
	lag lag
	own sync.Mutex // held by who runs the handler

	inside bool // the loop's goroutine only: it has own

	// From here on who has own.
	helped                                              bool // another loop does the pass
	inData                                              bool
	calls, lastCalls                                    int // sockets read since the last pass, and before it
	deferred, inPass, flushing, reaping, stopping, gone bool
	dice                                                uint32 // what lazyAck throws
	passes                                              int    // since a socket was last looked at
	closing                                             []*Conn
	waiting                                             map[int32]*Conn   // for the writable event, by descriptor
	lingering                                           map[*Conn]*linger // given to Finish
	held                                                map[*Conn][]byte  // read although paused
	spare                                               []int32
	spareA                                              []arrival
	incoming                                            any       // whom gnet is about to announce
	adopted                                             gnet.Conn // the bell it has announced
	acceptors                                           []*Acceptor
	goneC                                               chan struct{}
}

func newLoop(e *Engine, index int) *Loop {
	return &Loop{
		e: e, index: index, epfd: -1, peer: -1,
		iov:     make([]unix.Iovec, maxVec),
		waiting: make(map[int32]*Conn), lingering: make(map[*Conn]*linger), held: make(map[*Conn][]byte),
		goneC: make(chan struct{}),
	}
}

// Index returns the loop's place in Engine.Loops.
func (l *Loop) Index() int { return l.index }

// Conns returns how many connections the loop has or is about to get. Any goroutine.
func (l *Loop) Conns() int { return int(l.conns.Load()) }

// Wake makes Handler.Wake run on the loop soon. Any goroutine; calls until it runs count as one.
func (l *Loop) Wake() { l.want(wantWake) }

// Defer makes Handler.Flush run after the events of this round. Only on the loop; calls until it runs count as one. A
// call made in Flush is for the next round.
func (l *Loop) Defer() {
	if l.deferred || l.stopping {
		return
	}
	l.deferred = true
	switch {
	case l.flushing:
		if l.pending.Or(wantFlush|scheduled)&scheduled == 0 && !l.poke() {
			l.send()
		}
	case !l.inPass && !l.inData: // else Flush comes at its end anyway
		l.want(wantFlush)
	}
}

// called ends the reading of a socket. What it deferred is flushed now if nothing else is to be done, so that the loop
// need not be woken for it; else at the end of the round.
func (l *Loop) called() {
	l.inData = false
	l.calls++
	if !l.deferred || l.stopping {
		return
	}
	if l.lastCalls > 1 || !l.idle() {
		l.want(wantFlush)
		return
	}
	l.lastCalls, l.calls = l.calls, 0
	l.inPass = true
	l.steps(0)
	l.inPass = false
}

// want asks for a pass. Who finds none scheduled sends it; the others have nothing to do.
func (l *Loop) want(bit uint32) {
	if l.pending.Load()&bit != 0 {
		return
	}
	if l.pending.Or(bit|scheduled)&scheduled == 0 {
		l.send()
	}
}

// send brings a pass behind the events of the current or next round. It cannot fail before the loop is gone, and then
// nobody calls it: see Engine.Stop.
func (l *Loop) send() { _ = l.el.Execute(background, (*task)(l)) }

var background = context.Background()

// task is a loop as gnet's preallocated Runnable.
type task Loop

// Run implements gnet.Runnable.
func (t *task) Run(context.Context) error {
	l := (*Loop)(t)
	defer l.unlock(l.lock())
	if l.passes >= maxPasses && l.poke() {
		return nil // the bits stay, poked sends the pass
	}
	l.passes++
	l.lastCalls, l.calls = l.calls, 0
	l.pass(l.pending.Swap(0))
	if l.pending.Load() == 0 {
		l.passes = 0 // nobody wants another, so gnet polls
	}
	return nil
}

// pass does what is wanted, in the order of the package's doc. The one that finds the stop is the handler's last.
func (l *Loop) pass(bits uint32) {
	if !l.stopping {
		l.inPass = true
		l.steps(bits)
		l.inPass = false
		l.stopping = bits&wantStop != 0
	}
	// Gone is only a loop for which no pass is on its way: a sender that was overtaken between setting the bit and
	// calling Execute brings another pass, which comes here again.
	if l.stopping && !l.gone && l.pending.CompareAndSwap(0, scheduled|dead) {
		l.gone = true
		close(l.goneC)
	}
}

func (l *Loop) steps(bits uint32) {
	if bits&wantWritable != 0 {
		l.writable()
	}
	if bits&wantHeld != 0 {
		l.unhold()
	}
	if bits&wantPosted != 0 {
		l.unpost()
	}
	if bits&wantReap != 0 {
		l.reap()
	}
	if bits&wantTick != 0 {
		for _, a := range l.acceptors {
			a.wake()
		}
		l.tick()
		l.reap()
	}
	if bits&wantWake != 0 {
		l.wake()
		l.reap()
	}
	if l.deferred {
		l.deferred = false
		l.flushing = true
		l.flush()
		l.flushing = false
		l.reap()
	}
}

// poke makes the loop's end of its socket pair readable: unlike a task this is served in the next round, among the
// sockets.
func (l *Loop) poke() bool {
	n, _ := unix.Write(l.peer, pokeByte)
	return n == 1
}

var pokeByte = []byte{1}

// poked is the answer to poke.
func (l *Loop) poked() {
	l.passes = 0
	if l.pending.Load()&dead == 0 {
		l.send()
	}
}
