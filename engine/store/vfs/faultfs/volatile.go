package faultfs

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// Volatile keeps what a process has not synced in its memory, and only then brings it to the real files: a process that uses
// it is killed as if by a power cut at the worst moment. It may be stopped in the midst of a Sync, of which a part is
// there then. Locks, and directories, are the real ones.
type Volatile struct {
	inner   vfs.FS
	mu      sync.Mutex
	files   map[string]*volatileNode // those that differ from the real ones or are open; nil: the name is gone
	pending []dirOp[*volatileNode]
}

var _ vfs.FS = (*Volatile)(nil)

// NewVolatile lays memory over real files.
func NewVolatile(inner vfs.FS) *Volatile {
	return &Volatile{inner: inner, files: map[string]*volatileNode{}}
}

// MkdirAll implements vfs.FS.
func (v *Volatile) MkdirAll(dir string) error { return v.inner.MkdirAll(dir) }

// Lock implements vfs.FS.
func (v *Volatile) Lock(name string) (io.Closer, error) { return v.inner.Lock(name) }

// ReadDir implements vfs.FS.
func (v *Volatile) ReadDir(dir string) ([]string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	dir = filepath.Clean(dir)
	names, err := v.inner.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { _, ours := v.files[filepath.Join(dir, name)]; return ours })
	for name, n := range v.files {
		if n != nil && filepath.Dir(name) == dir {
			names = append(names, filepath.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Create implements vfs.FS.
func (v *Volatile) Create(name string, size int64) (vfs.File, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	name = filepath.Clean(name)
	if _, err := v.find("create", name); err == nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	free, _, err := v.space(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	if size > free {
		return nil, &fs.PathError{Op: "create", Path: name, Err: syscall.ENOSPC}
	}
	n := &volatileNode{base: &sparse{}, dirty: sparse{size: size}}
	v.pend(dirOp[*volatileNode]{node: n, to: name})
	return v.handle(name, n, true), nil
}

// Open implements vfs.FS.
func (v *Volatile) Open(name string, write bool) (vfs.File, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	name = filepath.Clean(name)
	n, err := v.find("open", name)
	if err != nil {
		return nil, err
	}
	return v.handle(name, n, write), nil
}

// Rename implements vfs.FS.
func (v *Volatile) Rename(from, to string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	from, to = filepath.Clean(from), filepath.Clean(to)
	n, err := v.find("rename", from)
	if err != nil {
		return err
	}
	if _, err := v.inner.ReadDir(filepath.Dir(to)); err != nil {
		return err
	}
	v.pend(dirOp[*volatileNode]{node: n, from: from, to: to})
	return nil
}

// Remove implements vfs.FS.
func (v *Volatile) Remove(name string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	name = filepath.Clean(name)
	n, err := v.find("remove", name)
	if err != nil {
		return err
	}
	v.pend(dirOp[*volatileNode]{node: n, from: name})
	return nil
}

// Space implements vfs.FS.
func (v *Volatile) Space(dir string) (free, size int64, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.space(dir)
}

// space takes off what the files will need that are not real yet.
func (v *Volatile) space(dir string) (free, size int64, err error) {
	free, size, err = v.inner.Space(dir)
	for _, n := range v.files {
		if n != nil && !n.real() {
			free -= n.dirty.size
		}
	}
	return max(free, 0), size, err
}

// find gives the file of a name; one that was not touched so far is opened.
func (v *Volatile) find(op, name string) (*volatileNode, error) {
	n, ours := v.files[name]
	if ours && n == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	if ours {
		return n, nil
	}
	f, err := v.inner.Open(name, true)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, err
	}
	n = &volatileNode{base: f, shown: size, dirty: sparse{size: size}}
	v.files[name] = n
	return n, nil
}

// pend lets the process see an operation.
func (v *Volatile) pend(o dirOp[*volatileNode]) {
	replaced := v.files[o.to]
	if o.from != "" {
		v.files[o.from] = nil
	}
	if o.to != "" {
		v.files[o.to] = o.node
	}
	v.pending = append(v.pending, o)
	if replaced != nil {
		v.settle(replaced)
	}
}

// SyncDir implements vfs.FS.
func (v *Volatile) SyncDir(dir string) error {
	dir = filepath.Clean(dir)
	if err := v.carryOut(dir); err != nil {
		return err
	}
	return v.inner.SyncDir(dir)
}

func (v *Volatile) carryOut(dir string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	due, rest := split(v.pending, dir)
	v.pending = rest
	for i, o := range due {
		if err := v.real(o); err != nil {
			v.pending = append(due[i:], rest...)
			return err
		}
	}
	for _, o := range due {
		v.settle(o.node)
		for _, name := range []string{o.from, o.to} {
			v.forget(name)
		}
	}
	return nil
}

// real does to the real files what the process has seen.
func (v *Volatile) real(o dirOp[*volatileNode]) error {
	switch {
	case o.from == "":
		return o.node.create(v.inner, o.to)
	case o.to == "":
		return v.inner.Remove(o.from)
	}
	return v.inner.Rename(o.from, o.to)
}

// forget forgets that a name is gone when it is really gone.
func (v *Volatile) forget(name string) {
	if n, ours := v.files[name]; ours && n == nil && !v.waits(nil, name) {
		delete(v.files, name)
	}
}

// settle lets go of a file that nobody can reach any more, or that is open nowhere and does not differ from the real one.
func (v *Volatile) settle(n *volatileNode) {
	if n.handles > 0 || v.waits(n, "") {
		return
	}
	var names []string
	for name, other := range v.files {
		if other == n {
			names = append(names, name)
		}
	}
	if len(names) > 0 && n.changed() {
		return
	}
	for _, name := range names {
		delete(v.files, name)
	}
	n.base.Close()
}

// waits tells whether an operation on a file, or a name, is not carried out.
func (v *Volatile) waits(n *volatileNode, name string) bool {
	return slices.ContainsFunc(v.pending, func(o dirOp[*volatileNode]) bool {
		return n != nil && o.node == n || name != "" && (o.from == name || o.to == name)
	})
}
