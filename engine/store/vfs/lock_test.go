package vfs_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// lockName makes a process of the test's own take the lock, say so and wait for the end of its input.
const lockName = "PENSTOCK_TEST_LOCK"

func TestMain(m *testing.M) {
	if name := os.Getenv(lockName); name != "" {
		l, err := vfs.OS.Lock(name)
		if err != nil {
			os.Exit(1)
		}
		os.Stdout.WriteString("locked\n")
		io.Copy(io.Discard, os.Stdin)
		l.Close()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func wantLocked(t *testing.T, name, by string) {
	t.Helper()
	l, err := vfs.OS.Lock(name)
	if err == nil {
		l.Close()
	}
	if !errors.Is(err, vfs.ErrLocked) || !strings.Contains(err.Error(), by) {
		t.Errorf("Lock of what is locked: got %v, want ErrLocked that names %q", err, by)
	}
}

func TestTwoOpensOfOneProcessExcludeEachOther(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	for range 2 { // the file stays
		l, err := vfs.OS.Lock(name)
		if err != nil {
			t.Fatal(err)
		}
		wantLocked(t, name, "this process ("+strconv.Itoa(os.Getpid())+")")
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLockNamesTheProcessAndEndsWithIt(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	if err := os.WriteFile(name, []byte("what was there before, and longer than a number\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), lockName+"="+name)
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, len("locked\n"))
	if _, err := io.ReadFull(out, said); err != nil {
		t.Fatalf("the other process: %v", err)
	}
	wantLocked(t, name, "process "+strconv.Itoa(other.Process.Pid))
	other.Process.Kill()
	other.Wait()
	l, err := vfs.OS.Lock(name)
	if err != nil {
		t.Fatalf("Lock when the process was killed: got %v, want nil", err)
	}
	l.Close()
}

func TestLockWithoutANumberIsHeldByAnotherProcess(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	l, err := vfs.OS.Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantLocked(t, name, "another process")
}
