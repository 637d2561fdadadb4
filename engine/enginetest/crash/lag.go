package crash

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// Lag is a file system on a disk that takes its time to sync, as SD cards do: what a broker says too early is said long before it
// is true.
type Lag struct {
	vfs.FS
	most  time.Duration // of one Sync; not changed
	stall atomic.Bool   // Syncs do not end
	quit  chan struct{}
}

// NewLag slows a file system down. A Sync takes any time up to most.
func NewLag(fs vfs.FS, most time.Duration) *Lag {
	return &Lag{FS: fs, most: most, quit: make(chan struct{})}
}

// Stall lets no Sync come to its end any more, until Release.
func (l *Lag) Stall() { l.stall.Store(true) }

// Release ends all waiting, for good.
func (l *Lag) Release() {
	close(l.quit)
}

// Create implements vfs.FS.
func (l *Lag) Create(name string, size int64) (vfs.File, error) {
	return l.file(l.FS.Create(name, size))
}

// Open implements vfs.FS.
func (l *Lag) Open(name string, write bool) (vfs.File, error) {
	return l.file(l.FS.Open(name, write))
}

func (l *Lag) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return lagFile{f, l}, nil
}

type lagFile struct {
	vfs.File
	l *Lag
}

// Sync implements vfs.File.
func (f lagFile) Sync() error {
	if f.l.most > 0 {
		select {
		case <-time.After(rand.N(f.l.most)):
		case <-f.l.quit:
		}
	}
	if f.l.stall.Load() {
		<-f.l.quit
	}
	return f.File.Sync()
}
