package crashtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// tiny is the smallest store in files that keeps its promises: a Memory, and a file that begins with all that it holds and
// goes on with the batches. When that is too long another file begins. Each of its flaws is something that somebody has once left out
// of a store; the harness must find them all.
type tiny struct {
	o     seglog.Options
	flaws flaws
	mem   *store.Memory

	mu      sync.Mutex
	jobs    []tinyJob
	stats   store.Stats
	failure error
	full    bool
	closed  bool
	ended   chan struct{}
	wake    chan struct{}

	lock io.Closer
	file vfs.File
	id   int
	size int64
	base int64 // size of what the file begins with
	next uint64
}

type flaws struct {
	noSync        bool // a commit is not brought to the disk
	noSyncDir     bool // nor is the name of a new file
	earlyRemove   bool // the old file goes before the new one is there for certain
	lateSnapshot  bool // the new file gets its name before it is on the disk
	earlyDone     bool // a commit is told before it is written
	noChecksum    bool // any frame is taken for whole
	staleTail     bool // what lies behind the last frame stays there
	syncAgain     bool // a Sync that failed is tried again
	believesCache bool // what is read at opening is taken for durable once a Sync says so
	dropsWhenFull bool // what there is no room for is told as committed
	failsWhenFull bool // no room is a failure for good
	noRoomLost    bool // a frame that was half written stays
	forgetsREL    bool // the new file lacks what was released
	mixesUp       bool // dones are told in another order
	silent        bool // nobody is told when a commit failed
	hangs         bool // Close waits for ever when a commit failed
	deaf          bool // the disk's errors are not looked at
	wrongLoad     bool // another message is loaded
}

type tinyJob struct {
	batch *store.Batch
	done  func(error)
	load  func(error)
}

func newTiny(f flaws) func(seglog.Options) store.Store {
	return func(o seglog.Options) store.Store {
		return &tiny{o: o, flaws: f, mem: store.NewMemory(), ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	}
}

func (t *tiny) path(id int, kind string) string {
	return filepath.Join(t.o.Dir, fmt.Sprintf("%08d.%s", id, kind))
}

func (t *tiny) Recover(ctx context.Context, visit func(*store.Record) error) error {
	if err := t.open(); err != nil {
		if t.lock != nil {
			t.lock.Close()
		}
		close(t.ended)
		t.closed = true
		return err
	}
	err := t.mem.Recover(ctx, visit)
	go t.run()
	return err
}

func (t *tiny) open() (err error) {
	if err := t.o.FS.MkdirAll(t.o.Dir); err != nil {
		return err
	}
	if t.lock, err = t.o.FS.Lock(filepath.Join(t.o.Dir, "lock")); err != nil {
		return err
	}
	names, err := t.o.FS.ReadDir(t.o.Dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		var id int
		if _, err := fmt.Sscanf(name, "%d.log", &id); err == nil && strings.HasSuffix(name, ".log") {
			t.id = max(t.id, id)
		}
	}
	for _, name := range names {
		if name != "lock" && name != filepath.Base(t.path(t.id, "log")) {
			if err := t.o.FS.Remove(filepath.Join(t.o.Dir, name)); err != nil {
				return err
			}
		}
	}
	if t.id == 0 {
		return t.begin()
	}
	if t.file, err = t.o.FS.Open(t.path(t.id, "log"), true); err != nil {
		return err
	}
	if err := t.replay(); err != nil || t.flaws.noSyncDir {
		return err
	}
	return t.o.FS.SyncDir(t.o.Dir) // the process that made the file may have been killed before it could
}

// replay takes in whole frames: length, checksum, number, body.
func (t *tiny) replay() error {
	size, err := t.file.Size()
	if err != nil {
		return err
	}
	b := make([]byte, size)
	if _, err := t.file.ReadAt(b, 0); err != nil && err != io.EOF {
		return err
	}
	for {
		n, ok := t.frame(b[t.size:])
		if !ok {
			break
		}
		t.size += n
		if t.next == 1 {
			t.base = t.size
		}
	}
	if t.flaws.staleTail {
		return nil
	}
	if err := t.file.Truncate(t.size); err != nil {
		return err
	}
	if err := t.file.Truncate(size); err != nil {
		return err
	}
	// What a Sync that failed left in the kernel's memory is there to be read, and will never come to the disk by itself.
	if !t.flaws.believesCache {
		if _, err := t.file.WriteAt(b[:t.size], 0); err != nil {
			return err
		}
	}
	return t.file.Sync()
}

func (t *tiny) frame(b []byte) (n int64, ok bool) {
	if len(b) < 16 {
		return 0, false
	}
	length := int64(binary.LittleEndian.Uint32(b))
	if length == 0 || length > int64(len(b)-16) || binary.LittleEndian.Uint64(b[8:]) != t.next {
		return 0, false
	}
	if body := b[8 : 16+length]; !t.flaws.noChecksum && crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(b[4:]) {
		return 0, false
	}
	var batch store.Batch
	var r store.Record
	err := store.Each(b[16:16+length], &r, func(r *store.Record) error { batch.Record(r); return nil })
	if err != nil {
		return 0, false
	}
	t.mem.Append(&batch, nil)
	t.next++
	return 16 + length, true
}

func (t *tiny) encode(body []byte) []byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, 8), t.next)
	b = append(b, body...)
	binary.LittleEndian.PutUint32(b, uint32(len(body)))
	binary.LittleEndian.PutUint32(b[4:], crc32.ChecksumIEEE(b[8:]))
	return b
}

// begin goes on in a new file, or stays in the old one if there is no room for two.
func (t *tiny) begin() error {
	var all store.Batch
	all.Meta([]byte("tiny"), nil)
	err := t.mem.Recover(context.Background(), func(r *store.Record) error {
		if r.Kind != store.REL || !t.flaws.forgetsREL {
			all.Record(r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	name := t.path(t.id+1, "tmp")
	next := t.next
	t.next = 0
	b := t.encode(all.Bytes())
	f, err := t.o.FS.Create(name, int64(len(b))+t.o.SegmentSize)
	if t.file != nil && errors.Is(err, syscall.ENOSPC) {
		t.next = next
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		f.Close()
		t.o.FS.Remove(name)
		if t.file != nil && errors.Is(err, syscall.ENOSPC) {
			t.next = next
			return nil
		}
		return err
	}
	if !t.flaws.lateSnapshot {
		if err := f.Sync(); err != nil {
			f.Close()
			return err
		}
	}
	if t.flaws.earlyRemove && t.file != nil {
		t.file.Close()
		t.file = nil
		if err := t.o.FS.Remove(t.path(t.id, "log")); err != nil {
			return err
		}
	}
	if err := t.o.FS.Rename(name, t.path(t.id+1, "log")); err != nil {
		f.Close()
		return err
	}
	if !t.flaws.noSyncDir {
		if err := t.o.FS.SyncDir(t.o.Dir); err != nil {
			f.Close()
			return err
		}
	}
	if t.file != nil {
		t.file.Close()
		if err := t.o.FS.Remove(t.path(t.id, "log")); err != nil {
			return err
		}
	}
	t.file, t.id, t.size, t.base, t.next = f, t.id+1, int64(len(b)), int64(len(b)), 1
	t.mu.Lock()
	t.stats.Reclaimed++
	t.mu.Unlock()
	return nil
}
