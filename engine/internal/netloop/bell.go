package netloop

import (
	"errors"
	"os"
	"unsafe"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// bell brings the readiness of a descriptor that is no connection to a loop of gnet's. gnet would read from it; but what
// an epoll set says about a descriptor is the number it was told to say, so the set names the bell's. That is an eventfd
// which gnet knows as a connection, whose own readiness nobody watches, and which has always something to read: one of
// very many.
type bell struct {
	l  *Loop
	gc gnet.Conn
	fd int // -1: not hung
}

// ringer is the context of a bell.
type ringer interface{ ring() }

// hang makes a bell of the loop's, on the loop.
func (b *bell) hang(l *Loop, who ringer) error {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC|unix.EFD_SEMAPHORE)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	reads := uint64(1) << 63
	if _, err := unix.Write(fd, (*[8]byte)(unsafe.Pointer(&reads))[:]); err != nil {
		_ = unix.Close(fd)
		return os.NewSyscallError("write", err)
	}
	if err := l.adopt(fd, who); err != nil {
		return err
	}
	b.l, b.gc, b.fd, l.adopted = l, l.adopted, fd, nil
	return b.watch(fd, unix.EPOLL_CTL_MOD, false)
}

// watch lets fd ring the bell, or no longer, or not for now.
func (b *bell) watch(fd, op int, on bool) error {
	if b.fd < 0 {
		return errors.New("no bell")
	}
	ev := unix.EpollEvent{Fd: int32(b.fd)}
	if on {
		ev.Events = unix.EPOLLIN
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(b.l.epfd, op, fd, &ev))
}

// unhang ends the bell, on the loop.
func (b *bell) unhang() {
	if b.gc != nil {
		_ = b.l.el.Close(b.gc)
		b.gc = nil
	}
}
