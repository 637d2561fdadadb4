package netloop

import (
	"errors"
	"fmt"
	"net"

	"github.com/panjf2000/gnet/v2"
)

// Dropper may be implemented by the value admit gave to a connection: Dropped is called, on any goroutine, when the
// connection could not be enrolled after all (no descriptor left, engine stopping), so that Open and Closed never come.
type Dropper interface{ Dropped(err error) }

// maxEnrolling is how many enrolments of acceptors may be under way. One at a time is as good while the loops have
// nothing to do, but a busy loop then takes one connection a round: 20 times slower with rounds of 2 ms. More than a few
// dozen gain little and leave as many of gnet's pooled goroutines behind for 10 s.
const maxEnrolling = 32

// enrolment is a connection on its way to its loop.
type enrolment struct {
	c      *Conn
	result <-chan gnet.RegisteredResult
	value  any // c.Value is the loop's by now
	from   *Acceptor
}

// Enroll hands a connection to a loop, nil for the least busy one, with its Value set to value. It returns when Open
// has run; on an error nc is closed and Open will not run. nc must be a *net.TCPConn or *net.UnixConn and belongs to the
// engine in any case. Any goroutine but a loop's: that one would wait for itself.
func (e *Engine) Enroll(nc net.Conn, l *Loop, value any) error {
	p, err := e.enroll(nc, l, value)
	if err != nil {
		return err
	}
	return e.wait(p)
}

// enroll starts an enrolment. gnet duplicates the descriptor, which is what fails when there are none left, closes nc
// and registers the duplicate, all on a goroutine of its pool.
func (e *Engine) enroll(nc net.Conn, l *Loop, value any) (p enrolment, err error) {
	defer func() {
		if err != nil {
			_ = nc.Close()
		}
	}()
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return p, fmt.Errorf("netloop: cannot enroll a %T", nc)
	}
	if nc.RemoteAddr() == nil || nc.LocalAddr() == nil {
		return p, net.ErrClosed // the peer has gone; gnet would trip over it
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.stopped {
		return p, ErrStopped
	}
	if l == nil {
		l = e.leastBusy()
	}
	p.value = value
	p.c = &Conn{Value: value, loop: l, local: &noAddr, fd: -1}
	l.conns.Add(1)
	if p.result, err = l.el.Enroll(gnet.NewContext(background, p.c), nc); err != nil {
		l.conns.Add(-1)
		return p, fmt.Errorf("netloop: enroll: %w", err)
	}
	e.enrolling.Add(1)
	return p, nil
}

// wait waits for an enrolment's result. A failure to register is not reported by gnet: then Open did not run.
func (e *Engine) wait(p enrolment) error {
	defer e.enrolling.Done()
	r, ok := <-p.result
	switch {
	case ok && r.Err == nil && p.c.opened:
		return nil
	case r.Err == nil:
		r.Err = errors.New("not registered")
	}
	p.c.loop.conns.Add(-1)
	return fmt.Errorf("netloop: enroll: %w", r.Err)
}
