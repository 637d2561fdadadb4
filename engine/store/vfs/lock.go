package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Lock is a flock: it belongs to the opened file, so that two opens within one process exclude each other, and it ends
// with the process however that ends. The file stays when the lock is given back: who removed it could remove the one
// that another process has just locked.
func (osFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	switch err := onFile(f, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) }); err {
	case nil:
	case unix.EWOULDBLOCK:
		defer f.Close()
		return nil, fmt.Errorf("%s: %w by %s", name, ErrLocked, holder(f))
	default:
		f.Close()
		return nil, &fs.PathError{Op: "flock", Path: name, Err: err}
	}
	// Who holds it is told to those who come second, and nothing depends on it: a full disk must not keep a store shut.
	pid := strconv.Itoa(os.Getpid()) + "\n"
	if _, err := f.WriteAt([]byte(pid), 0); err == nil {
		_ = f.Truncate(int64(len(pid)))
	}
	return f, nil
}

// holder names the process that wrote its number into the lock.
func holder(f *os.File) string {
	var b [24]byte
	n, _ := f.ReadAt(b[:], 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	switch {
	case err != nil:
		return "another process"
	case pid == os.Getpid():
		return fmt.Sprintf("this process (%d)", pid)
	}
	return fmt.Sprintf("process %d", pid)
}
