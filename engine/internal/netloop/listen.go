package netloop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ListenOptions says where to listen, and what the connections inherit from the listener.
type ListenOptions struct {
	// Network is "tcp" or "unix".
	Network string
	// Address is host:port; port 0 takes a free one. No host and [::] take IPv4 and IPv6, 0.0.0.0 takes IPv4 alone. Of a
	// unix socket it is the path, or @ and a name, for which there is no file.
	Address string
	// Nagle lets the kernel wait for more to send, which delays small packets.
	Nagle bool
	// KeepAlive is the idle time after which the kernel probes a silent peer, in whole seconds; one that answers none of
	// four probes within as long again is gone. 0 never probes, since MQTT has its own keep alive.
	KeepAlive time.Duration
	// UserTimeout is how long sent bytes may stay unacknowledged, in milliseconds; 0 leaves the kernel's own time.
	UserTimeout time.Duration
	// Mode is the permission of a unix socket's file; 0 is 0660. Nobody else can connect at any moment.
	Mode fs.FileMode
}

// DefaultMode is the permission of a unix socket that was given none: the owner and the group may connect.
const DefaultMode fs.FileMode = 0o660

// backlog is how many connections may wait to be accepted: as many as the kernel allows (net.core.somaxconn).
const backlog = 1<<16 - 1

// Listen opens a listener whose connections suit the loops: their options are the listening socket's, since we accept
// without Go, and multipath TCP is off, whose sockets do not inherit them all. SO_REUSEADDR is on. The file of a unix
// socket that nobody serves any more is replaced.
func Listen(o ListenOptions) (net.Listener, error) {
	switch o.Network {
	case "tcp":
		return o.listenTCP()
	case "unix":
		return o.listenUnix()
	}
	return nil, fmt.Errorf("netloop: cannot listen on network %q", o.Network)
}

func (o *ListenOptions) listenTCP() (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, rc syscall.RawConn) error {
		return control(rc, o.apply)
	}}
	lc.SetMultipathTCP(false)
	return lc.Listen(context.Background(), o.family(), o.Address)
}

// family narrows the network for 0.0.0.0, which Go takes for every address of the machine.
func (o *ListenOptions) family() string {
	host, _, _ := net.SplitHostPort(o.Address)
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		return "tcp4"
	}
	return "tcp"
}

func (o *ListenOptions) listenUnix() (net.Listener, error) {
	ln, err := o.bindUnix()
	if errors.Is(err, unix.EADDRINUSE) && orphaned(o.Address) {
		_ = os.Remove(o.Address)
		ln, err = o.bindUnix()
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: o.Network, Addr: &net.UnixAddr{Name: o.Address, Net: o.Network}, Err: err}
	}
	return ln, nil
}

// bindUnix gives the file its mode before it listens, which package net has no way to: until then a connect is refused
// whatever the mode, so nobody gets in by the one that the umask left.
func (o *ListenOptions) bindUnix() (net.Listener, error) {
	if o.Address == "" {
		return nil, errors.New("no path")
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: o.Address}); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	abstract := o.Address[0] == '@'
	if mode := o.mode(); !abstract {
		err = os.Chmod(o.Address, mode)
	}
	if err == nil {
		err = os.NewSyscallError("listen", unix.Listen(fd, backlog))
	}
	var ln net.Listener
	if err == nil {
		ln, err = fileListener(fd, o.Address)
	} else {
		_ = unix.Close(fd)
	}
	switch {
	case abstract:
	case err != nil:
		_ = os.Remove(o.Address)
	default:
		ln.(*net.UnixListener).SetUnlinkOnClose(true)
	}
	return ln, err
}

func (o *ListenOptions) mode() fs.FileMode {
	if m := o.Mode.Perm(); m != 0 {
		return m
	}
	return DefaultMode
}

// fileListener makes a listener of a listening descriptor, which it takes, and the socket non-blocking.
func fileListener(fd int, name string) (net.Listener, error) {
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	return net.FileListener(f)
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
