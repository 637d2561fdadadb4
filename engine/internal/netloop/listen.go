package netloop

import (
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func listen(network, addr string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1, Control: func(network, _ string, rc syscall.RawConn) (err error) {
		if network == "unix" {
			return nil
		}
		e := rc.Control(func(fd uintptr) {
			err = errors.Join(
				os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)),
				os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)))
		})
		return errors.Join(err, e)
	}}
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(background, network, addr)
	if network == "unix" && errors.Is(err, unix.EADDRINUSE) && orphaned(addr) {
		_ = os.Remove(addr)
		ln, err = lc.Listen(background, network, addr)
	}
	return ln, err
}

// orphaned says whether path is the socket of a process that is no more.
func orphaned(path string) bool {
	if fi, err := os.Lstat(path); err != nil || fi.Mode()&os.ModeSocket == 0 {
		return false
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		_ = c.Close()
	}
	return errors.Is(err, unix.ECONNREFUSED)
}
