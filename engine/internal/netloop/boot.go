package netloop

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// bootTimeout bounds each wait of the start.
const bootTimeout = 5 * time.Second

// boot gets hold of gnet's loops. It hands them out only with a connection, so each gets one: our end of the pair
// pokes the loop. gnet's client enrols on the loop with the fewest connections, which walks over all of them.
func (e *Engine) boot(n int) error {
	for i := range n {
		l := newLoop(e, i)
		e.loops = append(e.loops, l)
		if err := l.attach(); err != nil {
			return fmt.Errorf("netloop: loop %d: %w", i, err)
		}
		for _, other := range e.loops[:i] {
			if other.el == l.el {
				return fmt.Errorf("netloop: loop %d: gnet gave loop %d again", i, other.index)
			}
		}
		labels := pprof.Labels("loop", strconv.Itoa(i))
		err := l.onLoop(func() { pprof.SetGoroutineLabels(pprof.WithLabels(background, labels)) })
		if err != nil {
			return fmt.Errorf("netloop: loop %d: %w", i, err)
		}
	}
	return nil
}

// attach enrols the socket pair and finds the loop's epoll set with it.
func (l *Loop) attach() error {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	l.peer = p[1]
	f := os.NewFile(uintptr(p[0]), "poke")
	nc, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return err
	}
	got := make(chan struct{}, 16)
	gc, err := l.e.client.EnrollContext(nc, &probe{l, got})
	if err != nil {
		return err
	}
	l.el = gc.EventLoop()
	if l.epfd, err = l.findEpoll(gc, got); err != nil {
		return err
	}
	return l.onLoop(func() { gc.SetContext(l) })
}

// probe is the context of a pair under test: it reports reads.
type probe struct {
	l   *Loop
	got chan struct{}
}

// onLoop runs f on the loop and waits for it; for the start only.
func (l *Loop) onLoop(f func()) error {
	done := make(chan struct{})
	err := l.el.Execute(background, gnet.RunnableFunc(func(context.Context) error {
		f()
		close(done)
		return nil
	}))
	if err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-time.After(bootTimeout):
		return os.ErrDeadlineExceeded
	}
}

// closeAux closes our ends of the pairs, after the loops have ended.
func (e *Engine) closeAux() {
	for _, l := range e.loops {
		if l.peer >= 0 {
			_ = unix.Close(l.peer)
			l.peer = -1
		}
	}
}
