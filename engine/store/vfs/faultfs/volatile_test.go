package faultfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// killed is the environment of a process of the tests' own that writes to the directory in it, and kills itself.
const killed = "PENSTOCK_TEST_KILLED"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killed); dir != "" {
		writeAndDie(dir)
	}
	os.Exit(m.Run())
}

func writeAndDie(dir string) {
	v := faultfs.NewVolatile(vfs.OS)
	try := func(err error) {
		if err != nil {
			println(err.Error())
			os.Exit(1)
		}
	}
	put := func(f vfs.File, off int64, text string) {
		_, err := f.WriteAt([]byte(text), off)
		try(err)
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	old, err := v.Open(path("old"), true)
	try(err)
	put(old, 0, "SYNCED")
	try(old.Sync())
	put(old, 7, "LOST")
	kept, err := v.Create(path("kept"), 10000)
	try(err)
	put(kept, 5000, "synced")
	try(kept.Sync())
	try(v.Rename(path("kept"), path("renamed")))
	try(v.SyncDir(dir))
	put(kept, 0, "lost")
	unnamed, err := v.Create(path("unnamed"), 10)
	try(err)
	put(unnamed, 0, "lost")
	try(unnamed.Sync())
	try(v.Rename(path("renamed"), path("again")))
	try(v.Remove(path("old")))
	try(syscall.Kill(os.Getpid(), syscall.SIGKILL))
	select {}
}

func TestKilledProcessLosesWhatItDidNotSync(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "old"), []byte("before it stays"), 0o600))
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), killed+"="+dir)
	out, err := c.CombinedOutput()
	if state, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || state.Signal() != syscall.SIGKILL {
		t.Fatalf("the process: %v, %s", err, out)
	}
	if got, want := list(t, vfs.OS, dir), []string{"old", "renamed"}; !slices.Equal(got, want) {
		t.Errorf("names: got %q, want %q", got, want)
	}
	if got, want := read(t, vfs.OS, filepath.Join(dir, "old")), "SYNCED it stays"; got != want {
		t.Errorf("old: got %q, want %q", got, want)
	}
	want := strings.Repeat("\x00", 5000) + "synced" + strings.Repeat("\x00", 4994)
	if got := read(t, vfs.OS, filepath.Join(dir, "renamed")); got != want {
		t.Errorf("renamed: got %d bytes with %q, want %d with %q", len(got), strings.Trim(got, "\x00"), len(want), "synced")
	}
}

// The process sees through a Volatile what it would see without one, and the files are the same once all is synced.
func TestVolatileShowsTheProcessWhatItDid(t *testing.T) {
	for seed := range uint64(30) {
		real, twin := newMem(t, plenty), newMem(t, plenty)
		twins(t, seed, 150, real, "/d", place{twin, "/d"})
	}
}

func TestVolatileClosesTheRealFiles(t *testing.T) {
	for seed := range uint64(3) {
		dir := t.TempDir()
		twins(t, seed, 60, vfs.OS, dir, place{newMem(t, plenty), "/d"})
		if fds := openFiles(t, dir); fds > 0 {
			t.Errorf("seed %d: %d files are open in the end, want none", seed, fds)
		}
	}
}

func twins(t *testing.T, seed uint64, steps int, inner vfs.FS, dir string, twin place) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 3))
	v := faultfs.NewVolatile(inner)
	both := [2]place{{v, dir}, twin}
	for _, p := range both {
		must(t, p.fs.MkdirAll(filepath.Join(p.dir, "q")))
	}
	for range steps {
		step(t, r, both)
		compareFiles(t, seed, both)
	}
	for _, dir := range []string{dir, filepath.Join(dir, "q")} {
		for _, name := range list(t, v, dir) {
			if name != "q" {
				f, err := v.Open(filepath.Join(dir, name), true)
				must(t, err)
				must(t, f.Sync(), f.Close())
			}
		}
		must(t, v.SyncDir(dir))
	}
	compareFiles(t, seed, [2]place{{inner, dir}, twin})
}

type place struct {
	fs  vfs.FS
	dir string
}

var names = []string{"a", "b", "c", "q/a", "q/b"}

// step does the same in both places and compares how it ended.
func step(t *testing.T, r *rand.Rand, both [2]place) {
	t.Helper()
	kind, name, other := r.IntN(8), names[r.IntN(len(names))], names[r.IntN(len(names))]
	off, size, text := r.Int64N(12000), r.Int64N(12000), bytes.Repeat([]byte{byte(1 + r.IntN(255))}, 1+r.IntN(9000))
	var ended [2]error
	for i, p := range both {
		name, other := filepath.Join(p.dir, name), filepath.Join(p.dir, other)
		var f vfs.File
		switch kind {
		case 0:
			f, ended[i] = p.fs.Create(name, size)
		case 1:
			ended[i] = p.fs.Rename(name, other)
		case 2:
			ended[i] = p.fs.Remove(name)
		case 3:
			ended[i] = p.fs.SyncDir(filepath.Dir(name))
		default:
			f, ended[i] = p.fs.Open(name, true)
		}
		if f == nil {
			continue
		}
		switch kind {
		case 4:
			must(t, f.Truncate(size))
		case 5:
			must(t, f.Sync())
		case 6, 7:
			write(t, f, off, string(text))
		}
		must(t, f.Close())
	}
	for _, kind := range []error{fs.ErrExist, fs.ErrNotExist} {
		if errors.Is(ended[0], kind) != errors.Is(ended[1], kind) {
			t.Fatalf("step on %q: got %v, want %v", name, ended[0], ended[1])
		}
	}
}

func compareFiles(t *testing.T, seed uint64, both [2]place) {
	t.Helper()
	for _, dir := range []string{"", "q"} {
		got, want := list(t, both[0].fs, filepath.Join(both[0].dir, dir)), list(t, both[1].fs, filepath.Join(both[1].dir, dir))
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: names: got %q, want %q", seed, got, want)
		}
	}
	for _, name := range names {
		got, want := read(t, both[0].fs, filepath.Join(both[0].dir, name)), read(t, both[1].fs, filepath.Join(both[1].dir, name))
		if got != want {
			t.Fatalf("seed %d: %s: got %d bytes, want %d, or others", seed, name, len(got), len(want))
		}
	}
}

// openFiles is how many files below a directory this process has open.
func openFiles(t *testing.T, dir string) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0 // not a Linux
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, dir) {
			n++
		}
	}
	return n
}

func TestVolatileKeepsRoomForWhatIsNotRealYet(t *testing.T) {
	m := newMem(t, 10<<12)
	v := faultfs.NewVolatile(m)
	create(t, v, "/d/a", 6<<12)
	if _, err := v.Create("/d/b", 6<<12); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Create: got %v, want ENOSPC", err)
	}
	if free, size, err := v.Space("/d"); free != 4<<12 || size != 10<<12 || err != nil {
		t.Errorf("Space: got %d of %d, %v, want 4 of 10 blocks", free, size, err)
	}
}
