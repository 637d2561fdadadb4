package faultfs

import (
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// Op is a kind of operation on a file system or a file. Closing is none: nobody can do anything about its errors.
type Op uint8

// The kinds of operations; OpAny is each of them, OpChange those that change something or make it durable.
const (
	OpAny Op = iota
	OpChange
	OpMkdirAll
	OpReadDir
	OpCreate
	OpOpen
	OpRename
	OpRemove
	OpSyncDir
	OpSpace
	OpLock
	OpRead
	OpWrite
	OpSync
	OpTruncate
	OpSize
	opEnd
)

var opNames = [opEnd]string{"any", "change", "mkdir", "readdir", "create", "open", "rename", "remove", "syncdir", "space", "lock", "read", "write", "sync",
	"truncate", "size"}

func (o Op) String() string { return opNames[o] }

// changes tells the kinds that OpChange stands for.
func (o Op) changes() bool {
	switch o {
	case OpCreate, OpRename, OpRemove, OpSyncDir, OpWrite, OpSync, OpTruncate:
		return true
	}
	return false
}

// Fault is what Inject lets go wrong.
type Fault struct {
	Op    Op
	Nth   int64 // of these operations from Arm on; 1 is the next
	Err   error
	Stays bool // all later operations of the kind fail, too
	Short bool // a write that fails writes its first half
}

// Inject ends chosen operations on another file system with errors. An operation that fails is not carried out; a Sync that
// fails on a Mem leaves the writes behind that it could not bring to the disk, as a kernel does.
type Inject struct {
	inner vfs.FS
	mu    sync.Mutex
	fault Fault
	armed bool
	left  int64 // operations of the kind until the one that fails
	hits  [opEnd]int64
	last  string
	count [opEnd]int64
}

var _ vfs.FS = (*Inject)(nil)

// NewInject wraps a file system. Nothing fails before Arm.
func NewInject(inner vfs.FS) *Inject { return &Inject{inner: inner} }

// Arm sets what goes wrong from now on, instead of what was set before.
func (j *Inject) Arm(f Fault) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fault, j.armed, j.left, j.last = f, true, f.Nth, ""
	clear(j.hits[:])
}

// Disarm ends all failures.
func (j *Inject) Disarm() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.armed = false
}

// Count is how many operations of a kind there were, those that failed included.
func (j *Inject) Count(o Op) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.count[o]
}

// Hits is how many operations of a kind have failed since Arm, and which was the last of all.
func (j *Inject) Hits(o Op) (n int64, last string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.hits[o], j.last
}

// tally counts an operation.
func tally(n *[opEnd]int64, o Op) {
	n[OpAny]++
	n[o]++
	if o.changes() {
		n[OpChange]++
	}
}

// fails counts an operation and says whether it is one that fails.
func (j *Inject) fails(o Op, name string) (f Fault, fail bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	tally(&j.count, o)
	f = j.fault
	if !j.armed || f.Op != OpAny && f.Op != o && (f.Op != OpChange || !o.changes()) {
		return f, false
	}
	if j.left--; j.left > 0 || j.left < 0 && !f.Stays {
		return f, false
	}
	tally(&j.hits, o)
	j.last = fmt.Sprintf("%v %s", o, name)
	return f, true
}

// err is the error of an operation that fails.
func (j *Inject) err(o Op, name string) error {
	if f, fail := j.fails(o, name); fail {
		return &fs.PathError{Op: o.String(), Path: name, Err: f.Err}
	}
	return nil
}

// MkdirAll implements vfs.FS.
func (j *Inject) MkdirAll(dir string) error {
	if err := j.err(OpMkdirAll, dir); err != nil {
		return err
	}
	return j.inner.MkdirAll(dir)
}

// ReadDir implements vfs.FS.
func (j *Inject) ReadDir(dir string) ([]string, error) {
	if err := j.err(OpReadDir, dir); err != nil {
		return nil, err
	}
	return j.inner.ReadDir(dir)
}

// Create implements vfs.FS.
func (j *Inject) Create(name string, size int64) (vfs.File, error) {
	if err := j.err(OpCreate, name); err != nil {
		return nil, err
	}
	return j.file(name)(j.inner.Create(name, size))
}

// Open implements vfs.FS.
func (j *Inject) Open(name string, write bool) (vfs.File, error) {
	if err := j.err(OpOpen, name); err != nil {
		return nil, err
	}
	return j.file(name)(j.inner.Open(name, write))
}

func (j *Inject) file(name string) func(vfs.File, error) (vfs.File, error) {
	return func(f vfs.File, err error) (vfs.File, error) {
		if err != nil {
			return nil, err
		}
		return &injectFile{File: f, j: j, name: name}, nil
	}
}

// Rename implements vfs.FS.
func (j *Inject) Rename(from, to string) error {
	if err := j.err(OpRename, from); err != nil {
		return err
	}
	return j.inner.Rename(from, to)
}

// Remove implements vfs.FS.
func (j *Inject) Remove(name string) error {
	if err := j.err(OpRemove, name); err != nil {
		return err
	}
	return j.inner.Remove(name)
}

// SyncDir implements vfs.FS.
func (j *Inject) SyncDir(dir string) error {
	if err := j.err(OpSyncDir, dir); err != nil {
		return err
	}
	return j.inner.SyncDir(dir)
}

// Space implements vfs.FS.
func (j *Inject) Space(dir string) (free, size int64, err error) {
	if err := j.err(OpSpace, dir); err != nil {
		return 0, 0, err
	}
	return j.inner.Space(dir)
}

// Lock implements vfs.FS.
func (j *Inject) Lock(name string) (io.Closer, error) {
	if err := j.err(OpLock, name); err != nil {
		return nil, err
	}
	return j.inner.Lock(name)
}

type injectFile struct {
	vfs.File
	j    *Inject
	name string // that it was opened by
}

func (f *injectFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.j.err(OpRead, f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *injectFile) WriteAt(p []byte, off int64) (n int, err error) {
	fault, fail := f.j.fails(OpWrite, f.name)
	if !fail {
		return f.File.WriteAt(p, off)
	}
	if fault.Short {
		n, _ = f.File.WriteAt(p[:len(p)/2], off)
	}
	return n, &fs.PathError{Op: OpWrite.String(), Path: f.name, Err: fault.Err}
}

func (f *injectFile) Sync() error {
	err := f.j.err(OpSync, f.name)
	if err == nil {
		return f.File.Sync()
	}
	if m, ok := f.File.(*memFile); ok {
		m.loseWrites()
	}
	return err
}

func (f *injectFile) Truncate(size int64) error {
	if err := f.j.err(OpTruncate, f.name); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *injectFile) Size() (int64, error) {
	if err := f.j.err(OpSize, f.name); err != nil {
		return 0, err
	}
	return f.File.Size()
}
