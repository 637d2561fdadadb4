package seglog

import (
	"io"
	"io/fs"
	"sync"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// standIn is a file in memory: it stands where the file of a missing segment could not be made, so that everybody else finds the
// segments contiguous.
type standIn struct {
	mu sync.Mutex
	b  []byte
}

var _ vfs.File = (*standIn)(nil)

func (f *standIn) ReadAt(b []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if off >= int64(len(f.b)) {
		return 0, io.EOF
	}
	n := copy(b, f.b[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt refuses: no more is written to a segment that is not the last.
func (f *standIn) WriteAt([]byte, int64) (int, error) { return 0, fs.ErrPermission }

func (f *standIn) Sync() error          { return nil }
func (f *standIn) Truncate(int64) error { return fs.ErrPermission }
func (f *standIn) Size() (int64, error) { return int64(len(f.b)), nil }
func (f *standIn) Close() error         { return nil }
