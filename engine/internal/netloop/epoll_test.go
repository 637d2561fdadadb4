package netloop

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestBothWaysToTheEpollSetAgree(t *testing.T) {
	var q runQueue
	opened := make(chan *Conn, 1)
	e := start(t, 2, &hooks{wake: q.wake, open: func(c *Conn) { opened <- c }})
	for _, l := range e.Loops() {
		dial, _ := serve(t, e, "tcp", l)
		dial()
		c := recv(t, "Open", opened)
		q.on(t, l, func() {
			for name, find := range map[string]func() (int, error){
				"field": func() (int, error) { return epollByField(c.gc) },
				"proc":  func() (int, error) { return epollByProc(c.gc) },
			} {
				if fd, err := find(); fd != l.epfd || err != nil {
					t.Errorf("loop %d: epoll set by %s: got %d, %v; want %d, nil", l.Index(), name, fd, err, l.epfd)
				}
			}
		})
	}
}

func TestEpollSetOfSomebodyElseIsNotBelieved(t *testing.T) {
	var q runQueue
	opened := make(chan *Conn, 1)
	e := start(t, 1, &hooks{wake: q.wake, open: func(c *Conn) { opened <- c }})
	l := e.Loops()[0]
	dial, _ := serve(t, e, "tcp", nil)
	dial()
	c := recv(t, "Open", opened)
	other, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	q.on(t, l, func() { err = l.tryEpoll(other, int(c.fd), nil) })
	if err == nil {
		t.Error("a set that does not hold the connection passed the test")
	}
}
