package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

func create(t *testing.T, name string, size int64) vfs.File {
	t.Helper()
	f, err := vfs.OS.Create(name, size)
	if err != nil {
		t.Fatalf("Create(%q, %d): got %v, want nil", name, size, err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestCreatedFileIsZeroesWithRoomOnTheDisk(t *testing.T) {
	const size = 1 << 20
	name := filepath.Join(t.TempDir(), "a")
	f := create(t, name, size)
	got := make([]byte, size)
	if n, err := f.ReadAt(got, 0); n != size || err != nil || !bytes.Equal(got, make([]byte, size)) {
		t.Errorf("ReadAt: got %d bytes and %v, want %d zeroes", n, err, size)
	}
	if n, err := f.Size(); n != size || err != nil {
		t.Errorf("Size: got %d, %v, want %d", n, err, size)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("mode: got %v, want for its user alone", mode)
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(name, &s); err != nil {
		t.Fatal(err)
	}
	blocks := info.Sys().(*syscall.Stat_t).Blocks * 512
	t.Logf("file system %#x: %d bytes of blocks", s.Type, blocks)
	const ext4, tmpfs, xfs = 0xef53, 0x1021994, 0x58465342
	if slices.Contains([]int64{ext4, tmpfs, xfs}, int64(s.Type)) && blocks < size {
		t.Errorf("got %d bytes of blocks, want %d", blocks, size)
	}
}

func TestCreateFailsWhenTheFileIsThere(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	f := create(t, name, 0)
	if _, err := f.WriteAt([]byte("mine"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := vfs.OS.Create(name, 10); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second Create: got %v, want ErrExist", err)
	}
	if got, err := os.ReadFile(name); string(got) != "mine" || err != nil {
		t.Errorf("the file then: got %q, %v, want it as it was", got, err)
	}
}

func TestCreateThatFindsNoRoomLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	_, err := vfs.OS.Create(filepath.Join(dir, "a"), 1<<55)
	if err == nil {
		t.Fatal("Create of 32 PiB: got nil, want an error")
	}
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EFBIG) {
		t.Errorf("Create of 32 PiB: got %v, want ENOSPC or EFBIG", err)
	}
	if names, err := vfs.OS.ReadDir(dir); len(names) > 0 || err != nil {
		t.Errorf("ReadDir then: got %q, %v, want nothing", names, err)
	}
}

func TestFileKeepsWhatIsWritten(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	f := create(t, name, 10)
	for _, w := range []struct {
		at   int64
		text string
	}{{8, "ijkl"}, {0, "ab"}} {
		if n, err := f.WriteAt([]byte(w.text), w.at); n != len(w.text) || err != nil {
			t.Fatalf("WriteAt(%q, %d): got %d, %v", w.text, w.at, n, err)
		}
	}
	for _, step := range []func() error{f.Sync, func() error { return f.Truncate(11) }, f.Sync, f.Close} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	r, err := vfs.OS.Open(name, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make([]byte, 20)
	n, err := r.ReadAt(got, 0)
	if want := "ab\x00\x00\x00\x00\x00\x00ijk"; string(got[:n]) != want || err != io.EOF {
		t.Errorf("ReadAt: got %q, %v, want %q and EOF", got[:n], err, want)
	}
	if _, err := r.WriteAt([]byte("x"), 0); err == nil {
		t.Error("WriteAt to a file opened for reading: got nil, want an error")
	}
}

func TestNamesAreSortedAndChange(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x", "y")
	for range 2 {
		if err := vfs.OS.MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"b", "a", "c"} {
		create(t, filepath.Join(dir, name), 1)
	}
	for _, err := range []error{
		vfs.OS.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "c")),
		vfs.OS.Rename(filepath.Join(dir, "b"), filepath.Join(dir, "d")),
		vfs.OS.Remove(filepath.Join(dir, "c")),
		vfs.OS.SyncDir(dir),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	create(t, filepath.Join(dir, "a"), 1)
	if got, err := vfs.OS.ReadDir(dir); !slices.Equal(got, []string{"a", "d"}) || err != nil {
		t.Errorf("ReadDir: got %q, %v, want a and d", got, err)
	}
	if err := vfs.OS.MkdirAll(filepath.Join(dir, "a")); err == nil {
		t.Error("MkdirAll where a file is: got nil, want an error")
	}
}

func TestWhatIsNotThereIsErrNotExist(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "none")
	_, open := vfs.OS.Open(name, true)
	_, list := vfs.OS.ReadDir(name)
	_, _, space := vfs.OS.Space(name)
	for what, err := range map[string]error{"Open": open, "ReadDir": list, "Space": space, "Remove": vfs.OS.Remove(name),
		"Rename": vfs.OS.Rename(name, filepath.Join(dir, "b")), "SyncDir": vfs.OS.SyncDir(name)} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, want ErrNotExist", what, err)
		}
	}
}

func TestSpaceIsThatOfTheFileSystem(t *testing.T) {
	free, size, err := vfs.OS.Space(t.TempDir())
	if err != nil || free < 0 || size <= 0 || free > size {
		t.Errorf("Space: got %d of %d, %v", free, size, err)
	}
}
