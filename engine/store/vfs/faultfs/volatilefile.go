package faultfs

import (
	"io"
	"io/fs"
	"maps"
	"slices"
	"syscall"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// volatileNode is a file: what is synced of it, and over that what is not.
type volatileNode struct {
	base    vfs.File // the real file; memory while its name is not durable
	shown   int64    // bytes of base that were not cut off since; zeroes are behind them
	dirty   sparse   // the pages written since, and the size
	handles int
}

func (n *volatileNode) real() bool {
	_, memory := n.base.(*sparse)
	return !memory
}

func (n *volatileNode) changed() bool {
	size, err := n.base.Size()
	return err != nil || len(n.dirty.pages) > 0 || n.dirty.size != size || n.shown < size
}

// create makes the file a real one, with what is synced of it.
func (n *volatileNode) create(inner vfs.FS, name string) error {
	memory := n.base.(*sparse)
	f, err := inner.Create(name, memory.size)
	if err != nil {
		return err
	}
	if err := writePages(f, memory, memory.size); err != nil {
		f.Close()
		inner.Remove(name)
		return err
	}
	n.base = f
	if len(memory.pages) > 0 {
		return f.Sync()
	}
	return nil
}

// flush brings what is dirty to the base.
func (n *volatileNode) flush() error {
	size, err := n.base.Size()
	if err != nil {
		return err
	}
	if n.shown < size {
		if err := n.base.Truncate(n.shown); err != nil {
			return err
		}
	}
	if n.shown != n.dirty.size {
		if err := n.base.Truncate(n.dirty.size); err != nil {
			return err
		}
	}
	n.shown = n.dirty.size
	err = writePages(n.base, &n.dirty, n.dirty.size)
	if err == nil {
		n.dirty.pages = nil
	}
	return err
}

func writePages(to vfs.File, from *sparse, size int64) error {
	for _, at := range slices.Sorted(maps.Keys(from.pages)) {
		if _, err := to.WriteAt(from.pages[at][:min(page, size-at*page)], at*page); err != nil {
			return err
		}
	}
	return nil
}

func (n *volatileNode) readBase(p []byte, off int64) error {
	clear(p)
	if off >= n.shown {
		return nil
	}
	_, err := n.base.ReadAt(p[:min(int64(len(p)), n.shown-off)], off)
	if err == io.EOF {
		err = nil
	}
	return err
}

// volatileFile is an open file of a Volatile.
type volatileFile struct {
	v        *Volatile
	n        *volatileNode
	name     string // that it was opened by
	writable bool
	closed   bool
}

func (v *Volatile) handle(name string, n *volatileNode, write bool) *volatileFile {
	n.handles++
	return &volatileFile{v: v, n: n, name: name, writable: write}
}

func (f *volatileFile) use(op string, write bool) error {
	switch {
	case f.closed:
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrClosed}
	case write && !f.writable:
		return &fs.PathError{Op: op, Path: f.name, Err: syscall.EBADF}
	}
	return nil
}

func (f *volatileFile) ReadAt(p []byte, off int64) (int, error) {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	if err := f.use("read", false); err != nil {
		return 0, err
	}
	size := min(int64(len(p)), max(f.n.dirty.size-off, 0))
	if err := f.n.readBase(p[:size], off); err != nil {
		return 0, err
	}
	each(off, size, func(at, from, to int64) {
		if src := f.n.dirty.has(at); src != nil {
			copy(p[at*page+from-off:], src[from:to])
		}
	})
	if size < int64(len(p)) {
		return int(size), io.EOF
	}
	return int(size), nil
}

func (f *volatileFile) WriteAt(p []byte, off int64) (int, error) {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	if err := f.use("write", true); err != nil {
		return 0, err
	}
	var failed error
	each(off, int64(len(p)), func(at, from, to int64) {
		b := f.n.dirty.put(at, func(b *[page]byte) {
			if err := f.n.readBase(b[:], at*page); err != nil {
				failed = err
			}
		})
		copy(b[from:to], p[at*page+from-off:])
	})
	if failed != nil {
		return 0, failed
	}
	f.n.dirty.size = max(f.n.dirty.size, off+int64(len(p)))
	return len(p), nil
}

func (f *volatileFile) Truncate(size int64) error {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	if err := f.use("truncate", true); err != nil {
		return err
	}
	f.n.shown = min(f.n.shown, size)
	return f.n.dirty.Truncate(size)
}

// Sync waits for the disk without keeping others from the files.
func (f *volatileFile) Sync() error {
	base, err := f.flush()
	if err != nil {
		return err
	}
	return base.Sync()
}

func (f *volatileFile) flush() (vfs.File, error) {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	if err := f.use("sync", false); err != nil {
		return nil, err
	}
	return f.n.base, f.n.flush()
}

func (f *volatileFile) Size() (int64, error) {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	if err := f.use("stat", false); err != nil {
		return 0, err
	}
	return f.n.dirty.size, nil
}

func (f *volatileFile) Close() error {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	if err := f.use("close", false); err != nil {
		return err
	}
	f.closed = true
	f.n.handles--
	f.v.settle(f.n)
	return nil
}
