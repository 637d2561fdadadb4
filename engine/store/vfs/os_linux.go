package vfs

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// reserve gives an empty file its size, and blocks of its own where the file system can promise them. Where it cannot, the
// file has holes and a write into one may find the disk full.
func reserve(f *os.File, size int64) error {
	err := onFile(f, func(fd int) error { return unix.Fallocate(fd, 0, 0, size) })
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return f.Truncate(size)
	}
	return err
}

// datasync leaves out the time of the last change, which costs a write to the journal each time and tells nobody anything.
func datasync(f *os.File) error {
	if err := onFile(f, unix.Fdatasync); err != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

func space(s *unix.Statfs_t) (free, size int64) {
	block := int64(s.Frsize) // what the counts are in; Bsize is what is read at once
	if block <= 0 {
		block = int64(s.Bsize)
	}
	return int64(s.Bavail) * block, int64(s.Blocks) * block
}
