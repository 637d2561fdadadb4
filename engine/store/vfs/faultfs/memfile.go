package faultfs

import (
	"io"
	"io/fs"
	"syscall"
)

// memFile is an open file of a Mem.
type memFile struct {
	m        *Mem
	n        *node
	name     string // that it was opened by
	writable bool
	closed   bool
}

func (m *Mem) handle(name string, n *node, write bool) *memFile {
	n.handles++
	return &memFile{m: m, n: n, name: name, writable: write}
}

// use says what stands against an operation.
func (f *memFile) use(op string, write bool) error {
	switch {
	case f.m.isOff:
		return ErrPower
	case f.closed:
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrClosed}
	case write && !f.writable:
		return &fs.PathError{Op: op, Path: f.name, Err: syscall.EBADF}
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.use("read", false); err != nil {
		return 0, err
	}
	if off >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes as much as there is room for.
func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.use("write", true); err != nil {
		return 0, err
	}
	carryOut, err := f.m.change()
	if !carryOut || len(p) == 0 {
		return 0, err
	}
	room := f.m.allocate(f.n, off, int64(len(p)))
	if room > 0 {
		f.n.write(p[:room], off)
	}
	switch {
	case err != nil:
		return 0, err
	case room < int64(len(p)):
		return int(room), &fs.PathError{Op: "write", Path: f.name, Err: syscall.ENOSPC}
	}
	return len(p), nil
}

func (f *memFile) Truncate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.use("truncate", true); err != nil {
		return err
	}
	carryOut, err := f.m.change()
	if carryOut {
		f.n.truncate(size)
		f.m.release(f.n, size)
	}
	return err
}

func (f *memFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.use("sync", false); err != nil {
		return err
	}
	if _, err := f.m.change(); err != nil || f.m.lies.Sync {
		return err
	}
	f.n.sync()
	for i := range f.m.pending {
		if o := &f.m.pending[i]; o.node == f.n {
			o.synced = true
		}
	}
	return nil
}

// loseWrites is what a Sync that failed leaves behind: the kernel takes what it could not write for written.
func (f *memFile) loseWrites() {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.n.pending = nil
}

func (f *memFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.use("stat", false); err != nil {
		return 0, err
	}
	return int64(len(f.n.data)), nil
}

// Close works without power, too: the process goes on and tidies up.
func (f *memFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.closed {
		return &fs.PathError{Op: "close", Path: f.name, Err: fs.ErrClosed}
	}
	f.closed = true
	f.n.handles--
	f.m.free(f.n)
	return nil
}
