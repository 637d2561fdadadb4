package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"

	"github.com/penstock-mqtt/penstock/engine"
)

// lockSuffix is what the name of a socket's lock file has after the socket's.
const lockSuffix = ".lock"

// Sockets gives duplicates of what is open, for Options.Sockets of the next process or of this one's next server; whoever
// asks closes them. With a unix socket goes its lock: as long as one of the two processes has it, the path is taken.
func (s *Server) Sockets() (out []engine.Socket, err error) {
	defer func() {
		if err != nil {
			closeAll(out)
			out = nil
		}
	}()
	for _, d := range s.doors {
		f, err := d.ln.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			return out, err
		}
		out = append(out, engine.Socket{Name: d.name, File: f})
	}
	if s.socket == nil || s.socket.lock == nil {
		return out, nil
	}
	lock, err := duplicate(s.socket.lock)
	if err != nil {
		return out, err
	}
	return append(out, engine.Socket{Name: s.socket.path + lockSuffix, File: lock}), nil
}

// Leave is Stop for a server whose addresses live on elsewhere: what connects from now on waits there, and the file of
// the unix socket stays.
func (s *Server) Leave(ctx context.Context) error {
	if s.socket != nil {
		s.socket.ln.(*net.UnixListener).SetUnlinkOnClose(false)
	}
	return s.Stop(ctx)
}

// duplicate makes a second descriptor of the same open file.
func duplicate(f *os.File) (*os.File, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	if e := raw.Control(func(old uintptr) {
		syscall.ForkLock.RLock() // no process must be forked before the flag is set
		defer syscall.ForkLock.RUnlock()
		if fd, err = syscall.Dup(int(old)); err == nil {
			syscall.CloseOnExec(fd)
		}
	}); e != nil {
		return nil, e
	}
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

func closeAll(sockets []engine.Socket) {
	for _, s := range sockets {
		_ = s.File.Close()
	}
}

// passed are the sockets of Options.Sockets that nobody has taken up yet.
type passed []engine.Socket

// named takes the socket of a name; nil: there is none.
func (p *passed) named(name string) *os.File {
	i := slices.IndexFunc(*p, func(s engine.Socket) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	f := (*p)[i].File
	*p = slices.Delete(*p, i, i+1)
	return f
}

// at takes the socket that has the address for its name, or else one that listens there; nil: there is none.
func (p *passed) at(network, address string) (net.Listener, error) {
	if f := p.named(address); f != nil {
		return listener(f, network)
	}
	for i, s := range *p {
		ln, err := net.FileListener(s.File)
		if err != nil {
			continue // a lock
		}
		if ln.Addr().Network() == network && sameAddress(ln.Addr(), address) {
			_ = s.File.Close()
			*p = slices.Delete(*p, i, i+1)
			return ln, nil
		}
		_ = ln.Close()
	}
	return nil, nil
}

// listener makes a listener of a file, which is closed.
func listener(f *os.File, network string) (net.Listener, error) {
	defer f.Close()
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	if got := ln.Addr().Network(); got != network {
		_ = ln.Close()
		return nil, fmt.Errorf("the socket that was passed for it is of kind %s", got)
	}
	return ln, nil
}

// sameAddress tells whether a socket listens where the configuration says.
func sameAddress(have net.Addr, want string) bool {
	if _, ok := have.(*net.UnixAddr); ok {
		return have.String() == want
	}
	a, err := net.ResolveTCPAddr("tcp", want)
	if err != nil {
		return false
	}
	h := have.(*net.TCPAddr)
	return h.Port == a.Port && (h.IP.Equal(a.IP) || h.IP.IsUnspecified() && (a.IP == nil || a.IP.IsUnspecified()))
}

// adoptSocket takes up a unix socket that was passed; nil: there is none. With its lock it is ours, and its file goes when
// we do, once we have served it: until then it is of the one before. Without the lock it is a service manager's.
func (p *passed) adoptSocket(path string) (*socket, error) {
	ln, err := p.at("unix", path)
	if ln == nil {
		return nil, err
	}
	s := &socket{path: path, ln: ln, lock: p.named(path + lockSuffix)}
	if s.lock != nil {
		return s, nil
	}
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("%s: the socket that was passed may be used by others: its mode is %#o, and must be 0600", path, info.Mode().Perm())
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return s, nil
}
