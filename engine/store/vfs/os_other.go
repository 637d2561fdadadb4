//go:build darwin || freebsd

package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// reserve gives an empty file its size; it will have holes.
func reserve(f *os.File, size int64) error { return f.Truncate(size) }

// datasync knows of darwin that its fsync alone stops at the disk's cache.
func datasync(f *os.File) error { return f.Sync() }

func space(s *unix.Statfs_t) (free, size int64) {
	return int64(s.Bavail) * int64(s.Bsize), int64(s.Blocks) * int64(s.Bsize)
}
