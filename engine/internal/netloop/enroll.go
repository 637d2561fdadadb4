package netloop

import (
	"errors"
	"fmt"
	"net"
)

// Dropper may be implemented by the value admit gave to a connection: Dropped is called, on any goroutine, when the
// connection could not be enrolled after all (no descriptor left, engine stopping), so that Open and Closed never come.
type Dropper interface{ Dropped(err error) }

// maxEnrolling is how many enrolments of acceptors may be under way, each on a goroutine of its own that waits for the
// loop. One at a time is as good while the loops have nothing to do, but a busy loop then takes one connection a round:
// 20 times slower with rounds of 2 ms. More than a few dozen gain little.
const maxEnrolling = 32

// enrolment is a connection on its way to its loop.
type enrolment struct {
	nc    net.Conn
	c     *Conn
	value any // c.Value may be the loop's already
	from  *Acceptor
}

// Enroll hands a connection to a loop, nil for the least busy one, with its Value set to value. It returns when Open
// has run; on an error nc is closed and Open will not run. nc must be a *net.TCPConn or *net.UnixConn and belongs to the
// engine in any case. Any goroutine but a loop's: that one would wait for itself.
func (e *Engine) Enroll(nc net.Conn, l *Loop, value any) error {
	p, err := e.begin(nc, l, value)
	if err != nil {
		return err
	}
	return e.enroll(p)
}

// begin starts an enrolment: the loop counts it. enroll must follow.
func (e *Engine) begin(nc net.Conn, l *Loop, value any) (p enrolment, err error) {
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
	p = enrolment{nc: nc, c: &Conn{Value: value, loop: l, fd: -1}, value: value}
	p.c.takeAddrs(nc)
	l.conns.Add(1)
	e.enrolling.Add(1)
	return p, nil
}

// enroll waits for an enrolment. gnet duplicates the descriptor, which is what fails when there are none left, closes
// nc and registers the duplicate. A failure to register is not reported by gnet: then Open did not run.
//
// EventLoop.Enroll would do the same on a goroutine of gnet's pool and costs twice the garbage, 600 bytes a connection;
// the client's own Enroll picks the loop itself, which is why each loop has a client.
func (e *Engine) enroll(p enrolment) error {
	defer e.enrolling.Done()
	_, err := p.c.loop.client.EnrollContext(p.nc, p.c)
	switch {
	case err == nil && p.c.opened:
		return nil
	case err == nil:
		err = errors.New("not registered")
	}
	p.c.loop.conns.Add(-1)
	return fmt.Errorf("netloop: enroll: %w", err)
}
