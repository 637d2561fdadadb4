package seglog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// The names in the directory of a log. The spare is the next segment, made ahead; what ends in tmp was not finished.
const (
	lockName      = "lock"
	storeName     = "store"
	quarantineDir = "quarantine"
	segmentSuffix = ".seg"
	tmpSuffix     = ".tmp"
)

func segmentName(id uint32) string { return fmt.Sprintf("%08x%s", id, segmentSuffix) }

// segmentID reads the name of a segment.
func segmentID(name string) (id uint32, ok bool) {
	hex, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(hex) != 8 {
		return 0, false
	}
	v, err := strconv.ParseUint(hex, 16, 32)
	return uint32(v), err == nil && v > 0 && segmentName(uint32(v)) == name
}

// listSegments gives the identifiers of the segments in a directory, ascending. A directory that is not there has none. One that
// sweep will give its name is among them.
func listSegments(f vfs.FS, dir string) (ids []uint32, err error) {
	names, err := f.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, name := range names {
		if id, ok := segmentID(strings.TrimSuffix(name, tmpSuffix)); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// openSegment opens a segment, under its name or under the one that sweep will take from it.
func openSegment(f vfs.FS, path string, write bool) (vfs.File, error) {
	file, err := f.Open(path, write)
	if errors.Is(err, fs.ErrNotExist) {
		if unswept, other := f.Open(path+tmpSuffix, write); other == nil {
			return unswept, nil
		}
	}
	return file, err
}

// sweep removes what was not finished. A segment that was written anew under a temporary name is wanted if its original was
// moved aside already: then it was whole, and only the last step of the healing is missing.
func sweep(f vfs.FS, dir string) error {
	names, err := f.ReadDir(dir)
	if err != nil {
		return err
	}
	changed := false
	for _, name := range names {
		final, ok := strings.CutSuffix(name, tmpSuffix)
		if !ok {
			continue
		}
		if _, ok := segmentID(final); ok && !slices.Contains(names, final) {
			err = f.Rename(filepath.Join(dir, name), filepath.Join(dir, final))
		} else {
			err = f.Remove(filepath.Join(dir, name))
		}
		if err != nil {
			return err
		}
		changed = true
	}
	if changed {
		return f.SyncDir(dir)
	}
	return nil
}
