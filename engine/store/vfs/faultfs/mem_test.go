package faultfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

const plenty = 1 << 30

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func newMem(t *testing.T, capacity int64) *faultfs.Mem {
	t.Helper()
	m := faultfs.NewMem(capacity)
	must(t, m.MkdirAll("/d"))
	return m
}

func create(t *testing.T, f vfs.FS, name string, size int64) vfs.File {
	t.Helper()
	file, err := f.Create(name, size)
	must(t, err)
	return file
}

func write(t *testing.T, f vfs.File, off int64, text string) {
	t.Helper()
	if n, err := f.WriteAt([]byte(text), off); n != len(text) || err != nil {
		t.Fatalf("WriteAt(%d bytes, %d): got %d, %v", len(text), off, n, err)
	}
}

// read gives the contents of a file, and "none" when there is no such file.
func read(t *testing.T, f vfs.FS, name string) string {
	t.Helper()
	file, err := f.Open(name, false)
	if errors.Is(err, fs.ErrNotExist) {
		return "none"
	}
	must(t, err)
	defer file.Close()
	size, err := file.Size()
	must(t, err)
	b := make([]byte, size)
	if n, err := file.ReadAt(b, 0); n != len(b) {
		t.Fatalf("ReadAt(%q): got %d bytes of %d, %v", name, n, size, err)
	}
	return string(b)
}

func list(t *testing.T, f vfs.FS, dir string) []string {
	t.Helper()
	names, err := f.ReadDir(dir)
	must(t, err)
	return names
}

// outcomes cuts the power many times and gives how often what was found.
func outcomes(m *faultfs.Mem, look func(*faultfs.Mem) string) map[string]int {
	seen := map[string]int{}
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		seen[look(m.Crash(r))]++
	}
	return seen
}

func wantOutcomes(t *testing.T, got map[string]int, want ...string) {
	t.Helper()
	for _, w := range want {
		if got[w] == 0 {
			t.Errorf("never found %q", w)
		}
	}
	for g, n := range got {
		if !slices.Contains(want, g) {
			t.Errorf("found %.200q %d times, want only %q", g, n, want)
		}
	}
}

func TestSyncedFileSurvivesThePowerCut(t *testing.T) {
	m := newMem(t, plenty)
	f := create(t, m, "/d/a", 1000)
	write(t, f, 10, "here")
	must(t, f.Sync(), m.SyncDir("/d"))
	want := strings.Repeat("\x00", 10) + "here" + strings.Repeat("\x00", 986)
	wantOutcomes(t, outcomes(m, func(m *faultfs.Mem) string { return read(t, m, "/d/a") }), want)
}

func TestNameSurvivesOnceTheDirectoryWasSynced(t *testing.T) {
	m := newMem(t, plenty)
	f := create(t, m, "/d/a", 0)
	write(t, f, 0, "a")
	must(t, f.Sync())
	look := func(m *faultfs.Mem) string { return read(t, m, "/d/a") }
	wantOutcomes(t, outcomes(m.Kill(), look), "none", "a")

	m = newMem(t, plenty)
	f = create(t, m, "/d/a", 1)
	must(t, m.SyncDir("/d"))
	write(t, f, 0, "a")
	wantOutcomes(t, outcomes(m, look), "", "\x00", "a") // its size is durable with the file, not with the directory
}

func TestUnsyncedWritesSurviveBySectors(t *testing.T) {
	m := newMem(t, plenty)
	f := create(t, m, "/d/a", 1024)
	must(t, f.Sync(), m.SyncDir("/d"))
	write(t, f, 511, "xy") // touches both sectors
	write(t, f, 1023, "z")
	look := func(m *faultfs.Mem) string {
		b := []byte(read(t, m, "/d/a"))
		return string([]byte{b[511], b[512], b[1023]})
	}
	// A sector is found as one of the writes has left it: z without y is a sector that never was.
	wantOutcomes(t, outcomes(m, look), "\x00\x00\x00", "x\x00\x00", "\x00y\x00", "xy\x00", "\x00yz", "xyz")
}

func TestRenamesAndRemovalsSurviveInTheirOrder(t *testing.T) {
	m := newMem(t, plenty)
	for _, name := range []string{"/d/a", "/d/b"} {
		f := create(t, m, name, 0)
		write(t, f, 0, name[3:])
		must(t, f.Sync(), f.Close())
	}
	must(t, m.SyncDir("/d"), m.Rename("/d/a", "/d/c"), m.Remove("/d/b"), m.Rename("/d/c", "/d/b"))
	if got := list(t, m, "/d"); !slices.Equal(got, []string{"b"}) || read(t, m, "/d/b") != "a" {
		t.Errorf("the process sees %q, want b alone", got)
	}
	look := func(m *faultfs.Mem) string { return strings.Join(list(t, m, "/d"), " ") + "=" + read(t, m, "/d/b") }
	wantOutcomes(t, outcomes(m, look), "a b=b", "b c=b", "c=none", "b=a")
}

func TestFileThatWasSyncedMayOvertakeOtherNames(t *testing.T) {
	m := newMem(t, plenty)
	f := create(t, m, "/d/a", 0)
	must(t, f.Sync(), m.SyncDir("/d"))
	g := create(t, m, "/d/b", 0)
	must(t, m.Rename("/d/b", "/d/c"), m.Remove("/d/a"), m.Rename("/d/c", "/d/d"), g.Sync())
	got := outcomes(m, func(m *faultfs.Mem) string { return strings.Join(list(t, m, "/d"), " ") })
	wantOutcomes(t, got, "a", "a b", "a c", "c", "a d", "d")
}

func TestRenameBetweenDirectoriesIsSyncedWithEither(t *testing.T) {
	for _, dir := range []string{"/d", "/d/q"} {
		m := newMem(t, plenty)
		must(t, m.MkdirAll("/d/q"))
		f := create(t, m, "/d/a", 0)
		write(t, f, 0, "a")
		must(t, f.Sync(), m.Rename("/d/a", "/d/q/b"), m.SyncDir(dir))
		wantOutcomes(t, outcomes(m, func(m *faultfs.Mem) string { return read(t, m, "/d/a") + " " + read(t, m, "/d/q/b") }), "none a")
	}
}

func TestLiesLoseWhatWasSynced(t *testing.T) {
	look := func(m *faultfs.Mem) string { return read(t, m, "/d/a") }
	for _, c := range []struct {
		lies faultfs.Lies
		want []string
	}{
		{faultfs.Lies{Sync: true}, []string{"", "a"}},
		{faultfs.Lies{SyncDir: true}, []string{"none", "a"}},
	} {
		m := newMem(t, plenty)
		m.Lie(c.lies)
		f := create(t, m, "/d/a", 0)
		write(t, f, 0, "a")
		must(t, f.Sync(), m.SyncDir("/d"))
		wantOutcomes(t, outcomes(m, look), c.want...)
	}
}

func TestPowerIsCutInTheOperationItIsToldTo(t *testing.T) {
	m := newMem(t, plenty)
	f := create(t, m, "/d/a", 512)
	must(t, f.Sync(), m.SyncDir("/d"))
	m.CutAfter(2)
	write(t, f, 0, "a")
	select {
	case <-m.Off():
		t.Fatal("the power is cut too early")
	default:
	}
	if err := f.Sync(); !errors.Is(err, faultfs.ErrPower) {
		t.Errorf("Sync in which the power is cut: got %v, want ErrPower", err)
	}
	<-m.Off()
	if got, want := m.Changes(), int64(5); got != want {
		t.Errorf("Changes: got %d, want %d", got, want)
	}
	_, open := m.Open("/d/a", true)
	_, made := m.Create("/d/b", 0)
	_, list := m.ReadDir("/d")
	_, _, space := m.Space("/d")
	_, lock := m.Lock("/d/lock")
	_, size := f.Size()
	_, wrote := f.WriteAt([]byte("b"), 0)
	_, got := f.ReadAt(make([]byte, 1), 0)
	for what, err := range map[string]error{"Open": open, "Create": made, "ReadDir": list, "Space": space, "Lock": lock, "Size": size, "WriteAt": wrote,
		"ReadAt": got, "Sync": f.Sync(), "SyncDir": m.SyncDir("/d"), "Rename": m.Rename("/d/a", "/d/b"), "Remove": m.Remove("/d/a"),
		"Truncate": f.Truncate(0), "MkdirAll": m.MkdirAll("/e")} {
		if !errors.Is(err, faultfs.ErrPower) {
			t.Errorf("%s without power: got %v, want ErrPower", what, err)
		}
	}
	must(t, f.Close())
	wantOutcomes(t, outcomes(m, func(m *faultfs.Mem) string { return read(t, m, "/d/a")[:1] }), "\x00", "a")
}

func TestKilledProcessLeavesWhatItWrote(t *testing.T) {
	m := newMem(t, plenty)
	f := create(t, m, "/d/a", 512)
	must(t, f.Sync(), m.SyncDir("/d"))
	l, err := m.Lock("/d/lock")
	must(t, err)
	write(t, f, 0, "a")
	next := m.Kill()
	if _, err := f.WriteAt([]byte("b"), 0); !errors.Is(err, faultfs.ErrPower) {
		t.Errorf("WriteAt of the dead process: got %v, want ErrPower", err)
	}
	must(t, l.Close())
	if _, err := next.Lock("/d/lock"); err != nil {
		t.Errorf("Lock by the next process: got %v, want nil", err)
	}
	if got := read(t, next, "/d/a")[:1]; got != "a" {
		t.Errorf("the next process reads %q, want a", got)
	}
	wantOutcomes(t, outcomes(next, func(m *faultfs.Mem) string { return read(t, m, "/d/a")[:1] }), "\x00", "a")
}

func TestFullDiskTakesWhatThereIsRoomFor(t *testing.T) {
	m := newMem(t, 10<<12)
	f := create(t, m, "/d/a", 8<<12)
	if _, err := m.Create("/d/b", 3<<12); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Create: got %v, want ENOSPC", err)
	}
	if got := list(t, m, "/d"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("ReadDir: got %q, want a alone", got)
	}
	write(t, f, 0, strings.Repeat("x", 8<<12)) // it has the room
	if n, err := f.WriteAt(make([]byte, 3<<12), 8<<12); n != 2<<12 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("WriteAt: got %d, %v, want two blocks and ENOSPC", n, err)
	}
	if free, size, err := m.Space("/d"); free != 0 || size != 10<<12 || err != nil {
		t.Errorf("Space: got %d of %d, %v, want 0 of 10 blocks", free, size, err)
	}
	must(t, f.Truncate(1))
	if free, _, _ := m.Space("/d"); free != 9<<12 {
		t.Errorf("Space when the file was cut: got %d, want 9 blocks", free)
	}
	must(t, m.Remove("/d/a"))
	if free, _, _ := m.Space("/d"); free != 9<<12 {
		t.Errorf("Space while the removed file is open: got %d, want 9 blocks", free)
	}
	must(t, f.Close())
	m.SetCapacity(20 << 12)
	if free, _, _ := m.Space("/d"); free != 20<<12 {
		t.Errorf("Space of the empty, larger disk: got %d, want 20 blocks", free)
	}
	m.SetThin(true)
	f = create(t, m, "/d/a", 100<<12) // promises nothing
	if n, err := f.WriteAt(make([]byte, 30<<12), 100); n != 20<<12-100 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("WriteAt without room of its own: got %d, %v, want what 20 blocks hold and ENOSPC", n, err)
	}
}

func TestMemKeepsTheRulesOfFiles(t *testing.T) {
	m := newMem(t, plenty)
	f := create(t, m, "/d/a", 3)
	_, twice := m.Create("/d/a", 0)
	_, nowhere := m.Create("/none/a", 0)
	_, missing := m.Open("/d/none", true)
	_, list := m.ReadDir("/none")
	_, _, space := m.Space("/none")
	reader, err := m.Open("/d/a", false)
	must(t, err)
	_, readOnly := reader.WriteAt([]byte("x"), 0)
	must(t, reader.Close())
	_, closed := reader.Size()
	for _, c := range []struct {
		what      string
		got, want error
	}{
		{"Create of what is there", twice, fs.ErrExist}, {"Create in no directory", nowhere, fs.ErrNotExist},
		{"Open of nothing", missing, fs.ErrNotExist}, {"ReadDir of nothing", list, fs.ErrNotExist}, {"Space of nothing", space, fs.ErrNotExist},
		{"Rename of nothing", m.Rename("/d/none", "/d/x"), fs.ErrNotExist}, {"Rename to nowhere", m.Rename("/d/a", "/none/x"), fs.ErrNotExist},
		{"Remove of nothing", m.Remove("/d/none"), fs.ErrNotExist}, {"SyncDir of nothing", m.SyncDir("/none"), fs.ErrNotExist},
		{"MkdirAll where a file is", m.MkdirAll("/d/a"), syscall.ENOTDIR},
		{"WriteAt by a reader", readOnly, syscall.EBADF}, {"Size when closed", closed, fs.ErrClosed}, {"Close twice", reader.Close(), fs.ErrClosed},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: got %v, want %v", c.what, c.got, c.want)
		}
	}
	l, err := m.Lock("/d/lock")
	must(t, err)
	if _, err := m.Lock("/d/lock"); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("second Lock: got %v, want ErrLocked", err)
	}
	must(t, l.Close())
	if _, err := m.Lock("/d/lock"); err != nil {
		t.Errorf("Lock after Close: got %v, want nil", err)
	}
	must(t, f.Truncate(1), f.Truncate(4))
	write(t, f, 5, "x")
	if got, want := read(t, m, "/d/a"), "\x00\x00\x00\x00\x00x"; got != want {
		t.Errorf("read: got %q, want %q", got, want)
	}
}

func TestMemServesSeveralGoroutines(t *testing.T) {
	m := newMem(t, plenty)
	f := create(t, m, "/d/a", 4096)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 50 {
				p := bytes.Repeat([]byte{byte(i)}, 100)
				f.WriteAt(p, int64(i)*1000)
				f.ReadAt(p, int64(n))
				f.Sync()
				m.ReadDir("/d")
			}
		})
	}
	wg.Wait()
	m.Crash(rand.New(rand.NewPCG(1, 1)))
}
