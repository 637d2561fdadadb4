package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// socketName is the socket's name in whichever directory it stands.
const socketName = "penstock.sock"

// runDir is the place of services; systemd makes it for a RuntimeDirectory=penstock.
const runDir = "/run/penstock"

// socketDirs lists the directories in which a socket may stand by default; a test has its own.
var socketDirs = func() []string {
	dirs := []string{runDir}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		dirs = append(dirs, dir)
	}
	return dirs
}

// SocketPlaces lists where a broker's socket may stand by default, in the order in which a client should look.
func SocketPlaces() []string {
	places := socketDirs()
	for i, dir := range places {
		places[i] = filepath.Join(dir, socketName)
	}
	return places
}

// DefaultSocket is where the socket goes unless told otherwise: /run/penstock/penstock.sock for root, and for others who
// may write to that directory; else $XDG_RUNTIME_DIR/penstock.sock; empty where there is neither.
func DefaultSocket() string {
	places := SocketPlaces()
	if os.Geteuid() == 0 {
		_ = os.Mkdir(filepath.Dir(places[0]), 0o755)
	}
	for _, path := range places {
		if writable(filepath.Dir(path)) {
			return path
		}
	}
	return ""
}

// writable tells whether we may make files in a directory.
func writable(dir string) bool {
	const write, search = 2, 1
	return syscall.Access(dir, write|search) == nil
}

// socket is our unix socket. Whoever holds the lock on the file beside it owns the path, and a dead process holds none:
// so that a socket file that was left behind can be told from one that is served, and two that start at once from taking
// each other's.
type socket struct {
	path string
	ln   net.Listener
	lock *os.File // nil: the path is a service manager's
}

// errTaken says that another process serves the socket.
var errTaken = errors.New("another process serves it")

func listenSocket(path string) (_ *socket, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}()
	lock, err := os.OpenFile(path+lockSuffix, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = lock.Close()
		}
	}()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errTaken
	}
	if err := clearStale(path); err != nil {
		return nil, err
	}
	// The mode is set before the path exists: there is no moment in which others may connect.
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		if e := raw.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), 0o600) }); e != nil {
			return e
		}
		return err
	}}
	ln, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = ln.Close()
		return nil, err
	}
	return &socket{path: path, ln: ln, lock: lock}, nil
}

// clearStale takes away a socket file nobody serves. What is no socket, or answers, is somebody's.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("exists and is no socket")
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		_ = c.Close()
		return errTaken
	case !errors.Is(err, syscall.ECONNREFUSED):
		return err
	}
	return os.Remove(path)
}

// close takes the path away; the lock goes last.
func (s *socket) close() {
	_ = s.ln.Close()
	if s.lock != nil {
		_ = s.lock.Close()
	}
}
