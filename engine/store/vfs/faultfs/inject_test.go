package faultfs_test

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// tour does each operation once, and writing and syncing twice; it gives the numbers of those that failed.
func tour(t *testing.T, j *faultfs.Inject) (failed []int) {
	t.Helper()
	n := 0
	try := func(err error) {
		n++
		if err != nil {
			if !errors.Is(err, syscall.EIO) {
				t.Fatalf("operation %d: got %v, want EIO", n, err)
			}
			failed = append(failed, n)
		}
	}
	seed, err := faultfs.NewInject(faultfs.NewMem(plenty)).Create("/seed", 100)
	must(t, err)
	try(j.MkdirAll("/d"))
	_, err = j.ReadDir("/")
	try(err)
	_, _, err = j.Space("/")
	try(err)
	l, err := j.Lock("/lock")
	try(err)
	if l != nil {
		must(t, l.Close())
	}
	f, err := j.Create("/a", 100)
	try(err)
	if f == nil {
		f = seed
	}
	g, err := j.Open("/there", true)
	try(err)
	if g == nil {
		g = seed
	}
	for _, file := range []func() error{
		func() error { _, err := g.WriteAt(make([]byte, 10), 0); return err },
		func() error { _, err := g.WriteAt(make([]byte, 10), 0); return err },
		g.Sync, g.Sync,
		func() error { _, err := g.ReadAt(make([]byte, 10), 0); return err },
		func() error { _, err := g.Size(); return err },
		func() error { return g.Truncate(50) },
		func() error { return j.Rename("/there", "/b") },
		func() error { return j.SyncDir("/") },
		func() error { return j.Remove("/b") },
	} {
		if g == seed {
			break
		}
		try(file())
	}
	return failed
}

func injected(t *testing.T) *faultfs.Inject {
	t.Helper()
	m := faultfs.NewMem(plenty)
	create(t, m, "/there", 100)
	return faultfs.NewInject(m)
}

func TestNothingFailsBeforeArmAndAfterDisarm(t *testing.T) {
	j := injected(t)
	if failed := tour(t, j); failed != nil {
		t.Errorf("before Arm: operations %v failed", failed)
	}
	for op, want := range map[faultfs.Op]int64{faultfs.OpAny: 16, faultfs.OpChange: 9, faultfs.OpWrite: 2, faultfs.OpSync: 2, faultfs.OpCreate: 1,
		faultfs.OpSyncDir: 1, faultfs.OpLock: 1, faultfs.OpSpace: 1, faultfs.OpSize: 1} {
		if got := j.Count(op); got != want {
			t.Errorf("Count(%v): got %d, want %d", op, got, want)
		}
	}
	j = injected(t)
	j.Arm(faultfs.Fault{Nth: 1, Err: syscall.EIO, Stays: true})
	j.Disarm()
	if failed := tour(t, j); failed != nil {
		t.Errorf("after Disarm: operations %v failed", failed)
	}
}

func TestTheNthOperationOfAKindFails(t *testing.T) {
	for _, c := range []struct {
		fault faultfs.Fault
		want  []int
		last  string
	}{
		{faultfs.Fault{Op: faultfs.OpWrite, Nth: 2}, []int{8}, "write /there"},
		{faultfs.Fault{Op: faultfs.OpSync, Nth: 1}, []int{9}, "sync /there"},
		{faultfs.Fault{Op: faultfs.OpSync, Nth: 1, Stays: true}, []int{9, 10}, "sync /there"},
		{faultfs.Fault{Op: faultfs.OpMkdirAll, Nth: 1}, []int{1}, "mkdir /d"},
		{faultfs.Fault{Op: faultfs.OpReadDir, Nth: 1}, []int{2}, "readdir /"},
		{faultfs.Fault{Op: faultfs.OpSpace, Nth: 1}, []int{3}, "space /"},
		{faultfs.Fault{Op: faultfs.OpLock, Nth: 1}, []int{4}, "lock /lock"},
		{faultfs.Fault{Op: faultfs.OpCreate, Nth: 1}, []int{5}, "create /a"},
		{faultfs.Fault{Op: faultfs.OpOpen, Nth: 1}, []int{6}, "open /there"},
		{faultfs.Fault{Op: faultfs.OpRead, Nth: 1}, []int{11}, "read /there"},
		{faultfs.Fault{Op: faultfs.OpSize, Nth: 1}, []int{12}, "size /there"},
		{faultfs.Fault{Op: faultfs.OpTruncate, Nth: 1}, []int{13}, "truncate /there"},
		{faultfs.Fault{Op: faultfs.OpSyncDir, Nth: 1}, []int{15}, "syncdir /"},
		{faultfs.Fault{Op: faultfs.OpRemove, Nth: 1}, []int{16}, "remove /b"},
		{faultfs.Fault{Op: faultfs.OpChange, Nth: 2}, []int{7}, "write /there"},
		{faultfs.Fault{Op: faultfs.OpAny, Nth: 10}, []int{10}, "sync /there"},
		{faultfs.Fault{Op: faultfs.OpWrite, Nth: 3}, nil, ""},
	} {
		j := injected(t)
		c.fault.Err = syscall.EIO
		j.Arm(c.fault)
		got := tour(t, j)
		n, last := j.Hits(faultfs.OpAny)
		if of, _ := j.Hits(c.fault.Op); of != n {
			t.Errorf("%+v: got %d hits of the kind, want %d", c.fault, of, n)
		}
		if !slices.Equal(got, c.want) || n != int64(len(c.want)) || last != c.last {
			t.Errorf("%+v: operations %v failed, %d hits, the last %q; want %v, the last %q", c.fault, got, n, last, c.want, c.last)
		}
	}
}

func TestWriteThatFailsWritesItsFirstHalfIfItIsTold(t *testing.T) {
	for short, want := range map[bool]string{false: "......", true: "abc..."} {
		m := newMem(t, plenty)
		j := faultfs.NewInject(m)
		f := create(t, j, "/d/a", 0)
		write(t, f, 0, "......")
		j.Arm(faultfs.Fault{Op: faultfs.OpWrite, Nth: 1, Err: syscall.ENOSPC, Short: short})
		n, err := f.WriteAt([]byte("abcdef"), 0)
		if !errors.Is(err, syscall.ENOSPC) || n != len(want)-3 && short || n != 0 && !short {
			t.Errorf("short %v: got %d, %v", short, n, err)
		}
		if got := read(t, m, "/d/a"); got != want {
			t.Errorf("short %v: the file is %q, want %q", short, got, want)
		}
	}
}

// The kernel takes what it could not write for written: a second Sync says that all is well, and nothing is.
func TestSyncThatFailedIsNotMadeGoodByAnother(t *testing.T) {
	m := newMem(t, plenty)
	j := faultfs.NewInject(m)
	f := create(t, j, "/d/a", 512)
	must(t, f.Sync(), m.SyncDir("/d"))
	write(t, f, 0, "a")
	j.Arm(faultfs.Fault{Op: faultfs.OpSync, Nth: 1, Err: syscall.EIO})
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("Sync: got %v, want EIO", err)
	}
	must(t, f.Sync())
	if got := read(t, m, "/d/a")[:1]; got != "a" {
		t.Errorf("the process reads %q, want a", got)
	}
	wantOutcomes(t, outcomes(m, func(m *faultfs.Mem) string { return read(t, m, "/d/a")[:1] }), "\x00")
}

func ExampleInject() {
	j := faultfs.NewInject(faultfs.NewMem(1 << 20))
	j.Arm(faultfs.Fault{Op: faultfs.OpWrite, Nth: 2, Err: syscall.EIO, Stays: true})
	f, _ := j.Create("/log", 0)
	for range 3 {
		_, err := f.WriteAt([]byte("x"), 0)
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// write /log: input/output error
	// write /log: input/output error
}
