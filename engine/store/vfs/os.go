package vfs

import "io"

// OS is the file system of the machine.
var OS FS = osFS{}

type osFS struct{}

func (osFS) MkdirAll(dir string) error                      { panic("vfs: not written yet") }
func (osFS) ReadDir(dir string) ([]string, error)           { panic("vfs: not written yet") }
func (osFS) Create(name string, size int64) (File, error)   { panic("vfs: not written yet") }
func (osFS) Open(name string, write bool) (File, error)     { panic("vfs: not written yet") }
func (osFS) Rename(from, to string) error                   { panic("vfs: not written yet") }
func (osFS) Remove(name string) error                       { panic("vfs: not written yet") }
func (osFS) SyncDir(dir string) error                       { panic("vfs: not written yet") }
func (osFS) Space(dir string) (free, size int64, err error) { panic("vfs: not written yet") }
func (osFS) Lock(name string) (io.Closer, error)            { panic("vfs: not written yet") }
