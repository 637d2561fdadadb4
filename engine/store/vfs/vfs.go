// Package vfs is the few file operations that a log needs, so that tests can take its power, its room or its disk away.
// OS is the machine's; faultfs has those that fail.
package vfs

import (
	"errors"
	"io"
)

// ErrLocked is what Lock ends with while another process, or another open store of this one, holds the lock.
var ErrLocked = errors.New("in use")

// FS is a file system. Names are paths; an error that says that there is no room is syscall.ENOSPC or EDQUOT under
// errors.Is, one that says that a file is not there is fs.ErrNotExist.
type FS interface {
	// MkdirAll makes a directory and those above it, durably.
	MkdirAll(dir string) error
	// ReadDir lists the names in a directory, sorted.
	ReadDir(dir string) ([]string, error)
	// Create makes a file that must not be there yet, with so many bytes of zeroes and room for them on the disk where the
	// file system can promise that. When it fails nothing is left behind.
	Create(name string, size int64) (File, error)
	// Open opens a file that is there, for reading or for both.
	Open(name string, write bool) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// SyncDir makes what was created, renamed and removed in a directory durable.
	SyncDir(dir string) error
	// Space is how many bytes are free to this process on the file system of dir, and how large that is.
	Space(dir string) (free, size int64, err error)
	// Lock takes a lock that ends with Close or with the process; the file is made if it is not there. While somebody else
	// holds it: ErrLocked.
	Lock(name string) (io.Closer, error)
}

// File is an open file. Its methods may be called by several goroutines.
type File interface {
	io.ReaderAt
	io.WriterAt
	// Sync makes durable what was written and what is needed to read it.
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
	Close() error
}
