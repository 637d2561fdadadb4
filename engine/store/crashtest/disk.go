package crashtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// files are the contents of a store's files by their names; directories are left out.
type files map[string][]byte

// filesOf reads them all.
func filesOf(disk vfs.FS, dir string) (files, error) {
	names, err := disk.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	out := files{}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if _, err := disk.ReadDir(path); err == nil {
			continue
		}
		b, err := contents(disk, path)
		switch {
		case err == nil:
			out[path] = b
		case !errors.Is(err, fs.ErrNotExist): // it may have been removed since
			return nil, err
		}
	}
	return out, nil
}

func contents(disk vfs.FS, path string) ([]byte, error) {
	f, err := disk.Open(path, false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	return b[:n], err
}

// end is where the zeroes begin that a file made ahead ends with.
func end(b []byte) int64 {
	var zeroes [4096]byte
	for n := len(b) - len(zeroes); n >= 0 && bytes.Equal(b[n:], zeroes[:]); n = len(b) - len(zeroes) {
		b = b[:n]
	}
	return int64(len(bytes.TrimRight(b[max(0, len(b)-len(zeroes)):], "\x00")) + max(0, len(b)-len(zeroes)))
}

// ends gives the end of each file.
func (f files) ends() map[string]int64 {
	out := map[string]int64{}
	for name, b := range f {
		out[name] = end(b)
	}
	return out
}

// extent is where a batch lies: its records are between at and end, and what may belong to it is between from and to: its
// frame, copies that went along with it, or frames of copies alone. The first of a file has the beginning of that, too. A folded
// one is of copies only: in a file that was begun behind the batch, or one that has taken the place of the file with it.
type extent struct {
	position          uint64
	file              string
	from, at, end, to int64
	first, folded     bool
}

// trail follows a writer and notes where its batches go.
type trail struct {
	disk    vfs.FS
	ends    map[string]int64
	extents []extent
}

func follow(disk vfs.FS) (*trail, error) {
	now, err := filesOf(disk, storeDir)
	return &trail{disk: disk, ends: now.ends()}, err
}

// note finds the batch that was just committed; of what else has grown it is not known what is in it, but for that it is not
// younger.
func (t *trail) note(position uint64, batch []byte) error {
	now, err := filesOf(t.disk, storeDir)
	if err != nil {
		return err
	}
	found, began := false, false
	for _, name := range slices.Sorted(maps.Keys(now)) {
		e := extent{position: position, file: name, from: t.ends[name], to: end(now[name])}
		if e.to <= e.from {
			continue
		}
		at := int64(bytes.Index(now[name][e.from:], batch))
		if e.first = e.from == 0; found || at < 0 || len(batch) == 0 {
			e.folded = true
		} else {
			e.at, e.end = e.from+at, e.from+at+int64(len(batch))
		}
		found, began = found || !e.folded, began || e.first
		t.extents = append(t.extents, e)
	}
	t.ends = now.ends()
	if !found && !began && len(batch) > 0 {
		return violated("batch %d was confirmed, and is in no file", position)
	}
	return nil
}

// damage is a change to a file; to the end when cut.
type damage struct {
	file     string
	from, to int64
	how      string
}

func (d damage) String() string {
	return fmt.Sprintf("%s of %s from %d to %d", d.how, d.file, d.from, d.to)
}

// hits tells whether bytes from…to are damaged.
func (d damage) hits(file string, from, to int64) bool {
	return d.file == file && from < d.to && to > d.from
}

// The kinds of damage.
const (
	flipped = "a flipped bit"
	zeroed  = "zeroes"
	garbled = "garbage"
	cut     = "a cut"
	removed = "the removal"
)

// errGone is that the file of a damage is not there, since another damage has removed it.
var errGone = errors.New("the file is gone")

// do carries a damage out, durably.
func (d damage) do(r *rand.Rand, disk *faultfs.Mem) error {
	if _, err := contents(disk, d.file); errors.Is(err, fs.ErrNotExist) {
		return errGone
	}
	if d.how == removed {
		if err := disk.Remove(d.file); err != nil {
			return err
		}
		return disk.SyncDir(filepath.Dir(d.file))
	}
	f, err := disk.Open(d.file, true)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, d.to-d.from)
	if _, err := f.ReadAt(b, d.from); err != nil && err != io.EOF {
		return err
	}
	switch d.how {
	case flipped:
		b[0] ^= 1 << r.IntN(8)
	case zeroed:
		clear(b)
	case garbled:
		for i := range b {
			b[i] ^= byte(1 + r.IntN(255))
		}
	case cut:
		if err := f.Truncate(d.from); err != nil {
			return err
		}
		return f.Sync()
	}
	if _, err := f.WriteAt(b, d.from); err != nil {
		return err
	}
	return f.Sync()
}
