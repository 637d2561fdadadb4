package seglog

import (
	"io"
	"io/fs"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// view is the healed form of a segment where there was no room to write it: a file that is put together in memory, of new bytes and
// of ranges of the damaged one. It is read like any other, and not written to: whoever has it as the last segment begins the next.
type view struct {
	pieces []piece
	ends   []int64  // of the pieces
	file   vfs.File // the damaged one; nil: there is none
}

var _ vfs.File = (*view)(nil)

func newView(pieces []piece, file vfs.File) *view {
	v := &view{pieces: pieces, file: file}
	var end int64
	for _, p := range pieces {
		end += p.size()
		v.ends = append(v.ends, end)
	}
	return v
}

func (v *view) ReadAt(b []byte, off int64) (n int, err error) {
	for i, p := range v.pieces {
		if n == len(b) {
			return n, nil
		}
		from := off + int64(n) - (v.ends[i] - p.size()) // in the piece
		if from >= p.size() {
			continue
		}
		part := b[n:][:min(int64(len(b)-n), p.size()-from)]
		if p.b != nil {
			copy(part, p.b[from:])
		} else if err := readFull(v.file, part, p.from+from); err != nil {
			return n, err
		}
		n += len(part)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (v *view) Size() (int64, error) { return v.ends[len(v.ends)-1], nil }

// Sync syncs the damaged file, which the view depends on.
func (v *view) Sync() error {
	if v.file == nil {
		return nil
	}
	return v.file.Sync()
}

func (v *view) Close() error {
	if v.file == nil {
		return nil
	}
	return v.file.Close()
}

func (v *view) WriteAt([]byte, int64) (int, error) { return 0, fs.ErrPermission }
func (v *view) Truncate(int64) error               { return fs.ErrPermission }
