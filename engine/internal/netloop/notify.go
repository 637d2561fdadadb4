package netloop

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// notifier tells when full sockets have room again: gnet has no such event. It is a second epoll set, in which a
// descriptor is armed for one event, and one goroutine that posts what fired to the loops. It knows only descriptors
// and loops; whether a descriptor still is the connection that asked, the loop decides.
type notifier struct {
	e    *Engine
	fd   int
	file *os.File // the set itself is polled by Go's poller: the goroutine parks and no thread is held
	conn syscall.RawConn
}

func newNotifier(e *Engine) (*notifier, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	n := &notifier{e: e, fd: fd, file: os.NewFile(uintptr(fd), "notifier")}
	n.conn, err = n.file.SyscallConn()
	if err == nil {
		err = n.file.SetReadDeadline(time.Time{}) // refused by a file that Go cannot poll
	}
	if err != nil {
		_ = n.file.Close()
		return nil, err
	}
	return n, nil
}

// arm asks for one event.
func (n *notifier) arm(c *Conn) error {
	op, other := unix.EPOLL_CTL_ADD, unix.EPOLL_CTL_MOD
	if c.flags&armedOnce != 0 {
		op, other = other, op
	}
	c.flags |= armedOnce
	ev := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLONESHOT, Fd: c.fd, Pad: int32(c.loop.index)}
	err := unix.EpollCtl(n.fd, op, int(c.fd), &ev)
	if err == unix.EEXIST || err == unix.ENOENT {
		err = unix.EpollCtl(n.fd, other, int(c.fd), &ev)
	}
	return os.NewSyscallError("epoll_ctl", err)
}

func (n *notifier) run() {
	events := make([]unix.EpollEvent, 256)
	perLoop := make([][]int32, len(n.e.loops))
	_ = n.conn.Read(func(fd uintptr) bool {
		for {
			k, err := unix.EpollWait(int(fd), events, 0)
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				n.e.log.Error("notifier ended", "err", err)
				return true
			}
			if k == 0 {
				return false // park until something fires
			}
			n.post(events[:k], perLoop)
		}
	})
}

// post hands what fired to the loops, one lock and at most one wake for each.
func (n *notifier) post(events []unix.EpollEvent, perLoop [][]int32) {
	for _, ev := range events {
		perLoop[ev.Pad] = append(perLoop[ev.Pad], ev.Fd)
	}
	for i, fds := range perLoop {
		if len(fds) == 0 {
			continue
		}
		l := n.e.loops[i]
		l.ready.Lock()
		l.ready.fds = append(l.ready.fds, fds...)
		l.ready.Unlock()
		l.want(wantWritable)
		perLoop[i] = fds[:0]
	}
}

// close ends run.
func (n *notifier) close() { _ = n.file.Close() }

// WaitWritable makes Handler.Writable run once when the socket has room, or is broken.
func (c *Conn) WaitWritable() {
	if c.state != open {
		return
	}
	c.loop.waiting[c.fd] = c
	if err := c.loop.e.out.arm(c); err != nil {
		c.loop.e.log.Error("cannot wait for a writable socket", "err", err)
		c.Close()
	}
}

// writable tells the connections behind the ready descriptors. One that was closed is not in waiting; one that got its
// number and waits too is told for nothing at worst.
func (l *Loop) writable() {
	l.ready.Lock()
	fds := l.ready.fds
	l.ready.fds = l.spare[:0]
	l.ready.Unlock()
	for _, fd := range fds {
		c := l.waiting[fd]
		if c == nil {
			continue
		}
		delete(l.waiting, fd)
		if c.state == open {
			l.writableConn(c)
			l.reap()
		}
	}
	l.spare = fds
}
