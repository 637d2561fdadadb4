package netloop

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Adopt makes a listener of a listening socket that another process passed on: a service manager, or the broker before
// this one. Its options become those of o, and for the other process too, as the socket is one; o.Network may be empty,
// o.Address and o.Mode do not count. The file stays the caller's, who closes it. That of a unix socket is not removed when
// the listener is closed, unless its SetUnlinkOnClose says so.
func Adopt(f *os.File, o ListenOptions) (net.Listener, error) {
	network, _, err := Address(f)
	if err != nil {
		return nil, err
	}
	if o.Network != "" && o.Network != network {
		return nil, fmt.Errorf("netloop: %s is a %s socket, not %s", f.Name(), network, o.Network)
	}
	rc, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	err = control(rc, func(old int) (err error) {
		unix.CloseOnExec(old) // or the next process would have one that it does not know of
		fd, err = unix.FcntlInt(uintptr(old), unix.F_DUPFD_CLOEXEC, 0)
		return os.NewSyscallError("fcntl", err)
	})
	if err != nil {
		return nil, fmt.Errorf("netloop: %s: %w", f.Name(), err)
	}
	if network == "tcp" {
		err = o.apply(fd)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("netloop: %s: %w", f.Name(), err)
	}
	return fileListener(fd, f.Name())
}

// Address tells network ("tcp", "unix") and address of a socket that was passed on, as a listener's Addr would. What is
// not a listening stream socket is an error that says what it is.
func Address(f *os.File) (network, address string, err error) {
	rc, err := f.SyscallConn()
	if err == nil {
		err = control(rc, func(fd int) (err error) {
			network, address, err = inspect(fd)
			return err
		})
	}
	if err != nil {
		return "", "", fmt.Errorf("netloop: %s: %w", f.Name(), err)
	}
	return network, address, nil
}

// inspect is Address for a descriptor.
func inspect(fd int) (network, address string, err error) {
	get := func(opt int) (value int) {
		if err == nil {
			value, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, opt)
		}
		return value
	}
	kind, family, protocol, listening := get(unix.SO_TYPE), get(unix.SO_DOMAIN), get(unix.SO_PROTOCOL), get(unix.SO_ACCEPTCONN)
	isTCP := (family == unix.AF_INET || family == unix.AF_INET6) && protocol == unix.IPPROTO_TCP
	switch {
	case err == unix.ENOTSOCK:
		return "", "", errors.New("is not a socket")
	case err != nil:
		return "", "", os.NewSyscallError("getsockopt", err)
	case kind != unix.SOCK_STREAM:
		return "", "", fmt.Errorf("is not a stream socket, but of type %d", kind)
	case !isTCP && family != unix.AF_UNIX: // multipath TCP neither: see Listen
		return "", "", fmt.Errorf("is neither a TCP nor a unix socket, but of family %d, protocol %d", family, protocol)
	case listening == 0:
		return "", "", errors.New("is a socket that does not listen")
	case isTCP:
		return "tcp", sockname(fd).String(), nil
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return "", "", os.NewSyscallError("getsockname", err)
	}
	return "unix", sa.(*unix.SockaddrUnix).Name, nil
}
