package loop

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// notifier tells when full sockets have room again, which gnet has no event for: a second epoll set, armed for one event
// a time, and one goroutine, parked in Go's poller, that hands what fired to the loops.
type notifier struct {
	g    *Group
	fd   int
	file *os.File
	conn syscall.RawConn
}

func newNotifier(g *Group) (*notifier, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	n := &notifier{g: g, fd: fd, file: os.NewFile(uintptr(fd), "notifier")}
	if n.conn, err = n.file.SyscallConn(); err != nil {
		_ = n.file.Close()
		return nil, err
	}
	return n, nil
}

// arm asks for one event. On the connection's loop.
func (n *notifier) arm(c *Conn) error {
	op := unix.EPOLL_CTL_ADD
	if c.armed {
		op = unix.EPOLL_CTL_MOD
	}
	c.armed = true
	ev := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLONESHOT, Fd: c.fd, Pad: int32(c.loop.index)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(n.fd, op, int(c.fd), &ev))
}

func (n *notifier) run() {
	events := make([]unix.EpollEvent, 256)
	_ = n.conn.Read(func(fd uintptr) bool {
		for {
			k, err := unix.EpollWait(int(fd), events, 0)
			if err == unix.EINTR {
				continue
			}
			if k <= 0 {
				return err != nil // nothing more: park until something fires
			}
			for _, ev := range events[:k] {
				n.g.loops[ev.Pad].room(ev.Fd)
			}
		}
	})
}

// room tells a loop that a descriptor can be written. Whether it still is the connection that asked the loop knows.
func (l *Loop) room(fd int32) {
	l.inbox.Lock()
	defer l.inbox.Unlock()
	if !l.inbox.dead {
		l.inbox.ready = append(l.inbox.ready, fd)
		l.schedule()
	}
}

func (n *notifier) close() { _ = n.file.Close() }
