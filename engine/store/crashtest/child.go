package crashtest

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// errand is what a child process is told to do: go on with a store.
type errand struct {
	Dir         string
	Sync        seglog.Sync
	Interval    time.Duration
	SegmentSize int64
	Window      int
	Volatile    bool // what is not synced goes with the process
	Fragile     bool // nothing is synced at all: the flaw that a test must find

	Big   int
	Legs  []leg
	Seed  uint64 // of the leg that begins where the store stands
	Floor uint64
	Most  uint64 // the highest position that was ever written
}

func (e *errand) options() seglog.Options {
	o := seglog.Options{Dir: e.Dir, Sync: e.Sync, Interval: e.Interval, SegmentSize: e.SegmentSize, FS: vfs.OS}
	if e.Volatile {
		o.FS = faultfs.NewVolatile(vfs.OS)
	}
	if e.Fragile {
		o.FS = unsynced{o.FS}
	}
	return o
}

// unsynced is a file system whose Sync does nothing.
type unsynced struct{ vfs.FS }

func (u unsynced) Create(name string, size int64) (vfs.File, error) {
	f, err := u.FS.Create(name, size)
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

func (u unsynced) Open(name string, write bool) (vfs.File, error) {
	f, err := u.FS.Open(name, write)
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

type unsyncedFile struct{ vfs.File }

func (unsyncedFile) Sync() error { return nil }

// ChildMain is the main function of the process that is to be killed: it reads its errand, goes on with the store, and says
// what it is told. It ends only when something is wrong.
func ChildMain(s *Subject) {
	fmt.Println("wrong:", runChild(s, os.Stdin, os.Stdout))
	os.Exit(1)
}

func runChild(s *Subject, in io.Reader, out io.Writer) error {
	var e errand
	if err := json.NewDecoder(in).Decode(&e); err != nil {
		return err
	}
	fmt.Fprintln(out, "opening")
	t := &story{Subject: s, script: script{big: e.Big, legs: e.Legs}, floor: e.Floor, written: e.Most}
	st, m, err := t.open(e.options())
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "open", m.position)
	t.reopened(m, e.Seed)
	w := newWriter(s, st, m, e.Window)
	w.told = func(position uint64) { fmt.Fprintln(out, "confirmed", position) }
	for {
		if err := w.run(100, nil); err != nil {
			return err
		}
		_, floor, failure := w.stands()
		if failure != nil {
			return failure
		}
		fmt.Fprintln(out, "durable", floor)
	}
}
