package netloop

import (
	"context"
	"errors"
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

// boot starts the loops, each a client of gnet's of its own. gnet hands out its loops only with a connection, so each
// gets one: our end of the pair pokes the loop.
func (e *Engine) boot(cfg Config) error {
	for i := range cfg.Loops {
		l := newLoop(e, i)
		if err := l.startClient(cfg); err != nil {
			return fmt.Errorf("netloop: loop %d: %w", i, err)
		}
		e.loops = append(e.loops, l)
		if err := l.attach(); err != nil {
			return fmt.Errorf("netloop: loop %d: %w", i, err)
		}
		l.labels = pprof.WithLabels(background, pprof.Labels("role", "loop", "loop", strconv.Itoa(i)))
		err := l.onLoop(func() { pprof.SetGoroutineLabels(l.labels) })
		if err != nil {
			return fmt.Errorf("netloop: loop %d: %w", i, err)
		}
	}
	return nil
}

// startClient starts gnet's loop. TCP_NODELAY is on already: Go sets it.
func (l *Loop) startClient(cfg Config) (err error) {
	l.client, err = gnet.NewClient(events{l},
		gnet.WithNumEventLoop(1),
		gnet.WithReadBufferCap(cfg.ReadBuffer),
		gnet.WithTCPNoDelay(gnet.TCPDelay),
		gnet.WithLogger(&gnetLogger{log: l.e.log}),
	)
	if err != nil {
		return err
	}
	return l.client.Start()
}

// stopClients ends gnet's loops.
func (e *Engine) stopClients() (err error) {
	for _, l := range e.loops {
		err = errors.Join(err, l.client.Stop())
	}
	return err
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
	gc, err := l.client.EnrollContext(nc, &probe{l, got})
	if err != nil {
		return err
	}
	l.el = gc.EventLoop()
	l.elp = loopPointer(l.el)
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
