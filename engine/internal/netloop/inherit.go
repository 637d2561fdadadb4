package netloop

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// File duplicates the listening socket, for another process. As long as any descriptor of it is open anywhere, connections
// wait in its backlog and none is refused, also between our Stop and the other's Serve. A stopped acceptor has none:
// net.ErrClosed. The file stays non-blocking, as it must: the flag is the socket's, and one accept that waits would hold up
// a loop. (What net.TCPListener.File returns becomes blocking for all when it is given to exec.) Not from the admission or
// Open.
func (a *Acceptor) File() (*os.File, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return nil, fmt.Errorf("netloop: socket of %s: %w", a.addr, net.ErrClosed)
	}
	if err := a.take(); err != nil {
		return nil, fmt.Errorf("netloop: socket of %s: %w", a.addr, err)
	}
	fd, err := unix.FcntlInt(uintptr(a.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("netloop: socket of %s: %w", a.addr, os.NewSyscallError("fcntl", err))
	}
	return os.NewFile(uintptr(fd), a.addr), nil
}

// Keep has Stop leave the file of a unix socket where it is: who has the socket from File needs it. Any goroutine.
func (a *Acceptor) Keep() { a.keep.Store(true) }
