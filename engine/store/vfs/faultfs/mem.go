package faultfs

import (
	"errors"
	"sync"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// ErrPower is what everything ends with when the power is gone.
var ErrPower = errors.New("faultfs: the power is cut")

// Lies are promises that a Mem breaks, so that a test can show that it would notice.
type Lies struct {
	Sync    bool // File.Sync makes nothing durable
	SyncDir bool // nor does FS.SyncDir
}

// Mem is a disk in memory whose power can be cut. Its methods, and those of its files, may be called by several goroutines.
type Mem struct {
	mu       sync.Mutex
	dirs     map[string]bool
	view     map[string]*node // the files, as the process sees them
	disk     map[string]*node // as they would be found after a power cut if no pending operation came through
	pending  []dirOp[*node]
	locked   map[string]bool
	capacity int64
	used     int64
	thin     bool
	lies     Lies
	changes  int64 // operations that change something, so far
	cutAt    int64 // the number of the one that the power is cut in; 0: none
	off      chan struct{}
	isOff    bool
}

var _ vfs.FS = (*Mem)(nil)

// NewMem makes an empty disk of so many bytes, with a root directory.
func NewMem(capacity int64) *Mem {
	return &Mem{dirs: map[string]bool{"/": true, ".": true}, view: map[string]*node{}, disk: map[string]*node{}, locked: map[string]bool{},
		capacity: capacity, off: make(chan struct{})}
}

// SetCapacity changes the size of the disk; it may become smaller than what is on it.
func (m *Mem) SetCapacity(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = n
}

// SetThin makes Create promise no room, as on a file system without fallocate: a write may find the disk full.
func (m *Mem) SetThin(thin bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.thin = thin
}

// Lie makes the disk break promises from now on.
func (m *Mem) Lie(l Lies) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lies = l
}

// Changes is how many operations so far have changed something or made it durable.
func (m *Mem) Changes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changes
}

// change counts an operation that changes something. Without power it is not to be carried out. The one that the power is cut
// in is, as far as it goes: it makes nothing durable, and its caller is not told.
func (m *Mem) change() (carryOut bool, err error) {
	if m.isOff {
		return false, ErrPower
	}
	m.changes++
	if m.changes != m.cutAt {
		return true, nil
	}
	m.cut()
	return true, ErrPower
}
