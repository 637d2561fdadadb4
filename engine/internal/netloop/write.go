package netloop

import (
	"net"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxVec is the kernel's limit of slices in one writev.
const maxVec = 1024

// Write writes once. n < len(b) without an error means that the socket is full: WaitWritable tells when to go on.
// Nothing is buffered. After Close, Finish and Closed the answer is net.ErrClosed and no descriptor is touched: its
// number may be another client's by then.
func (c *Conn) Write(b []byte) (n int, err error) {
	if c.state != open {
		return 0, net.ErrClosed
	}
	if len(b) == 0 {
		return 0, nil
	}
	c.flags &^= lazy
	for {
		n, err = unix.Write(int(c.fd), b)
		if err != unix.EINTR {
			return written(n, err, "write")
		}
	}
}

// Writev writes the first 1,024 of bufs with one system call; otherwise it is as Write. It keeps neither bufs nor what
// they point to and changes neither.
func (c *Conn) Writev(bufs [][]byte) (n int, err error) {
	if c.state != open {
		return 0, net.ErrClosed
	}
	iov := c.loop.iov[:0]
	for _, b := range bufs {
		if len(b) == 0 {
			continue
		}
		if len(iov) == maxVec {
			break
		}
		v := unix.Iovec{Base: unsafe.SliceData(b)}
		v.SetLen(len(b))
		iov = append(iov, v)
	}
	if len(iov) == 0 {
		return 0, nil
	}
	c.flags &^= lazy
	for {
		r, _, e := unix.Syscall(unix.SYS_WRITEV, uintptr(c.fd), uintptr(unsafe.Pointer(unsafe.SliceData(iov))), uintptr(len(iov)))
		if e == unix.EINTR {
			continue
		}
		runtime.KeepAlive(bufs)
		clear(iov) // the loop must not keep the caller's memory alive
		if e != 0 {
			return written(-1, e, "writev")
		}
		return int(r), nil
	}
}

// written turns a full socket into a short write.
func written(n int, err error, call string) (int, error) {
	switch err {
	case nil:
		return n, nil
	case unix.EAGAIN:
		return 0, nil
	default:
		return max(n, 0), os.NewSyscallError(call, err)
	}
}
