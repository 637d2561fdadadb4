package faultfs

import (
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// pend carries an operation out for the process; it is not durable yet.
func (m *Mem) pend(o dirOp[*node]) {
	if replaced := m.view[o.to]; o.to != "" && replaced != nil && replaced != o.node {
		replaced.names--
		m.free(replaced)
	}
	if o.from == "" {
		o.node.names++
	}
	o.apply(m.view)
	if o.to == "" {
		o.node.names--
		m.free(o.node)
	}
	m.pending = append(m.pending, o)
}

// inDir says what stands against an operation in a directory.
func (m *Mem) inDir(op, dir string) error {
	if m.isOff {
		return ErrPower
	}
	if !m.dirs[dir] {
		return &fs.PathError{Op: op, Path: dir, Err: fs.ErrNotExist}
	}
	return nil
}

// find gives the file of a name.
func (m *Mem) find(op, name string) (*node, error) {
	if m.isOff {
		return nil, ErrPower
	}
	if n := m.view[name]; n != nil {
		return n, nil
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

// MkdirAll implements vfs.FS. Directories are durable at once.
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isOff {
		return ErrPower
	}
	for dir = filepath.Clean(dir); !m.dirs[dir]; dir = filepath.Dir(dir) {
		if m.view[dir] != nil {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		}
		m.dirs[dir] = true
	}
	return nil
}

// ReadDir implements vfs.FS.
func (m *Mem) ReadDir(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = filepath.Clean(dir)
	if err := m.inDir("open", dir); err != nil {
		return nil, err
	}
	var names []string
	for name := range m.view {
		if filepath.Dir(name) == dir {
			names = append(names, filepath.Base(name))
		}
	}
	for name := range m.dirs {
		if filepath.Dir(name) == dir && name != dir {
			names = append(names, filepath.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Create implements vfs.FS.
func (m *Mem) Create(name string, size int64) (vfs.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = filepath.Clean(name)
	if err := m.inDir("create", filepath.Dir(name)); err != nil {
		return nil, err
	}
	if m.view[name] != nil || m.dirs[name] {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	carryOut, err := m.change()
	if !carryOut {
		return nil, err
	}
	n := &node{}
	if !m.thin && m.allocate(n, 0, size) < size {
		m.release(n, 0)
		return nil, &fs.PathError{Op: "allocate", Path: name, Err: syscall.ENOSPC}
	}
	m.pend(dirOp[*node]{node: n, to: name})
	n.truncate(size)
	return m.handle(name, n, true), err
}

// Open implements vfs.FS.
func (m *Mem) Open(name string, write bool) (vfs.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = filepath.Clean(name)
	n, err := m.find("open", name)
	if err != nil {
		return nil, err
	}
	return m.handle(name, n, write), nil
}

// Rename implements vfs.FS.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, to = filepath.Clean(from), filepath.Clean(to)
	n, err := m.find("rename", from)
	if err != nil {
		return err
	}
	if err := m.inDir("rename", filepath.Dir(to)); err != nil {
		return err
	}
	carryOut, err := m.change()
	if carryOut {
		m.pend(dirOp[*node]{node: n, from: from, to: to})
	}
	return err
}

// Remove implements vfs.FS.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = filepath.Clean(name)
	n, err := m.find("remove", name)
	if err != nil {
		return err
	}
	carryOut, err := m.change()
	if carryOut {
		m.pend(dirOp[*node]{node: n, from: name})
	}
	return err
}

// SyncDir implements vfs.FS.
func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = filepath.Clean(dir)
	if err := m.inDir("open", dir); err != nil {
		return err
	}
	if _, err := m.change(); err != nil || m.lies.SyncDir {
		return err
	}
	due, rest := split(m.pending, dir)
	for _, o := range due {
		o.apply(m.disk)
	}
	m.pending = rest
	return nil
}

// Space implements vfs.FS.
func (m *Mem) Space(dir string) (free, size int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.inDir("statfs", filepath.Clean(dir)); err != nil {
		return 0, 0, err
	}
	return max(m.capacity-m.used, 0), m.capacity, nil
}

// Lock implements vfs.FS. It does not end with the power, but the disk that is found then has none.
func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = filepath.Clean(name)
	if err := m.inDir("open", filepath.Dir(name)); err != nil {
		return nil, err
	}
	if m.locked[name] {
		return nil, fmt.Errorf("%w: %s is held by this process", vfs.ErrLocked, name)
	}
	m.locked[name] = true
	if m.view[name] == nil {
		m.pend(dirOp[*node]{node: &node{}, to: name})
	}
	return &memLock{m: m, name: name}, nil
}

type memLock struct {
	m    *Mem
	name string
}

func (l *memLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if !l.m.locked[l.name] {
		return fs.ErrClosed
	}
	delete(l.m.locked, l.name)
	return nil
}
