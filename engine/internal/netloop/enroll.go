package netloop

import (
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Dropper may be implemented by the value that Admit gave to a connection: Dropped is called, on a loop, when the connection
// could not be enrolled after all (no memory for its place in the epoll set), so that Open and Closed never come.
type Dropper interface{ Dropped(err error) }

// arrival is a connection on its way to its loop.
type arrival struct {
	c     *Conn
	fd    int
	value any          // c.Value may be the loop's already
	from  *Acceptor    // nil: Enroll
	done  chan<- error // Enroll's
}

// Enroll hands a connection to a loop, nil for the least busy one, with its Value set to value. It returns when Open
// has run; on an error nc is closed and Open will not run. nc must be a *net.TCPConn or *net.UnixConn and belongs to the
// engine in any case. Any goroutine but a loop's: that one would wait for itself.
func (e *Engine) Enroll(nc net.Conn, l *Loop, value any) error {
	done := make(chan error, 1)
	err := e.begin(nc, l, arrival{value: value, done: done})
	_ = nc.Close()
	if err != nil {
		return err
	}
	if err := <-done; err != nil {
		return fmt.Errorf("netloop: enroll: %w", err)
	}
	return nil
}

// begin duplicates the descriptor, which is what fails when there are none left, and sends it to the loop.
func (e *Engine) begin(nc net.Conn, l *Loop, p arrival) (err error) {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return fmt.Errorf("netloop: cannot enroll a %T", nc)
	}
	e.mu.RLock() // until the loop knows: Stop comes after it
	defer e.mu.RUnlock()
	if e.stopped {
		return ErrStopped
	}
	if p.fd, err = dup(nc.(syscall.Conn)); err != nil {
		return fmt.Errorf("netloop: enroll: %w", err)
	}
	if l == nil {
		l = e.leastBusy(e.loops[int(e.next.Add(1))%len(e.loops)])
	}
	p.c = &Conn{Value: p.value, loop: l, fd: -1}
	remote, err := peername(p.fd)
	if err != nil { // the peer has gone
		_ = unix.Close(p.fd)
		return err
	}
	p.c.setAddrs(p.fd, addrs{remote: remote}, nil)
	l.conns.Add(1)
	l.expect(p)
	return nil
}

// expect has the loop enter a connection. Any goroutine.
func (l *Loop) expect(p arrival) {
	l.posted.Lock()
	l.posted.arrivals = append(l.posted.arrivals, p)
	l.posted.Unlock()
	l.want(wantPosted)
}

// post has the loop run f. Any goroutine.
func (l *Loop) post(f func()) {
	l.posted.Lock()
	l.posted.calls = append(l.posted.calls, f)
	l.posted.Unlock()
	l.want(wantPosted)
}

// unpost does what was posted.
func (l *Loop) unpost() {
	l.posted.Lock()
	arrivals, calls := l.posted.arrivals, l.posted.calls
	l.posted.arrivals, l.posted.calls = l.spareA[:0], nil
	l.posted.Unlock()
	for _, p := range arrivals {
		l.enter(p)
	}
	for _, f := range calls {
		f()
	}
	clear(arrivals)
	if l.spareA = arrivals; cap(arrivals) > 1024 {
		l.spareA = nil
	}
}

// enter makes a descriptor a connection of the loop's.
func (l *Loop) enter(p arrival) {
	err := l.adopt(p.fd, p.c)
	if err != nil {
		l.conns.Add(-1)
	}
	if p.from != nil {
		p.from.entered(p.value, err)
	} else {
		p.done <- err
	}
}
