package seglog_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// TestAFullLogKeepsRoomForCopying has much more on its way than there is room for, and garbage only behind what lasts.
func TestAFullLogKeepsRoomForCopying(t *testing.T) {
	_, o := disk(t, 12, false)
	g := recovered(t, o)
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	for i := range 5 * small / 1000 {
		commit(t, g, func(b *store.Batch) {
			b.Retain(&store.Message{Topic: fmt.Append(nil, "lasts/", i), Payload: make([]byte, 960), Retain: true})
		})
	}
	var waiting []chan error
	put := func(write func(*store.Batch)) {
		b := new(store.Batch)
		write(b)
		waiting = append(waiting, appended(g, b))
	}
	const messages = 400
	for id := uint64(1); id <= messages; id++ {
		put(publish(id))
	}
	await(t, "full", func() bool { s := g.Stats(); return s.Pressure == store.Full && s.Messages > 50 })
	for id := uint64(1); id <= messages; id++ {
		put(func(b *store.Batch) { b.Ack(1, id) })
	}
	for i, done := range waiting {
		if err := answer(t, done); err != nil {
			t.Fatalf("batch %d: got %v, want nil", i, err)
		}
	}
	await(t, "room again", func() bool { return g.Pressure() == store.Ok })
	shut(t, g)
}

// TestAFullLogIsNotCopiedForNothing: what copying takes is no gain, and nothing dies here.
func TestAFullLogIsNotCopiedForNothing(t *testing.T) {
	_, o := disk(t, 20, false)
	g := recovered(t, o)
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	fillUp(t, g, 1)
	for range 100 {
		commit(t, g, func(b *store.Batch) { b.Complete(1, 1) })
	}
	if s := g.Stats(); s.CopiedBytes > 2*uint64(s.Bytes) {
		t.Errorf("got %d bytes copied, want about once the %d bytes of the files at most", s.CopiedBytes, s.Bytes)
	}
	shut(t, g)
}

// TestALargeRecordDoesNotHoldReclaimUp keeps the log busy, so that it has no idle moment to move a record that no ordinary segment
// has room for.
func TestALargeRecordDoesNotHoldReclaimUp(t *testing.T) {
	_, o := faulty(t, seglog.SyncNone)
	g := recovered(t, o)
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}); b.Meta([]byte("large"), make([]byte, 3*small)) })
	over := make(chan error, 1)
	id := uint64(0)
	var next func(error)
	next = func(err error) {
		if id++; err != nil || id > 3000 {
			over <- err
			return
		}
		b := new(store.Batch)
		publish(id)(b)
		b.Ack(1, id-1)
		g.Append(b, next) // before the log looks whether anything waits
	}
	next(nil)
	if err := answer(t, over); err != nil {
		t.Fatal(err)
	}
	if s := g.Stats(); s.Reclaimed < 30 || s.Bytes > 40*small {
		t.Errorf("got %d segments reclaimed and %d bytes of files, want most", s.Reclaimed, s.Bytes)
	}
	shut(t, g)
}

// TestOperationsThatFindNoRoomAreTriedAgain: some file systems need room for everything.
func TestOperationsThatFindNoRoomAreTriedAgain(t *testing.T) {
	for _, f := range []faultfs.Fault{
		{Op: faultfs.OpTruncate, Nth: 1, Stays: true},
		{Op: faultfs.OpRemove, Nth: 2},
		{Op: faultfs.OpRename, Nth: 1},
		{Op: faultfs.OpRename, Nth: 3},
		{Op: faultfs.OpSync, Nth: 1}, // of the first segment, before it has its name
	} {
		t.Run(fmt.Sprint(f.Op, " ", f.Nth), func(t *testing.T) {
			j, o := faulty(t, seglog.SyncNone)
			g := recovered(t, o)
			f.Err = syscall.ENOSPC
			j.Arm(f)
			commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
			for id := uint64(1); id <= 400; id++ {
				commit(t, g, func(b *store.Batch) { publish(id)(b); b.Ack(1, id-1) })
				for range 2 * (id % 20 / 19) { // much of a segment is left behind one of them
					commit(t, g, func(b *store.Batch) { b.Meta([]byte("k"), make([]byte, small*5/8)) })
				}
			}
			commit(t, g, func(b *store.Batch) { b.DropSession(1); b.Session(&store.Session{ID: 2}); b.Meta([]byte("k"), nil) })
			await(t, "few files, and room", func() bool { s := g.Stats(); return s.Pressure == store.Ok && s.Bytes <= 8*small })
			if n, _ := j.Hits(f.Op); n == 0 {
				t.Error("nothing has failed")
			}
			shut(t, g)
			if got := len(state(t, g)); got != 1 {
				t.Errorf("recovered %d records, want the session", got)
			}
			shut(t, g)
		})
	}
}

// TestAFullDiskWithFilesMadeAheadIsOpened: those of a process that was killed give their room to the next, which has to heal a segment.
func TestAFullDiskWithFilesMadeAheadIsOpened(t *testing.T) {
	m, o := disk(t, 20, false)
	g := recovered(t, o)
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	fillUp(t, g, 1)
	killed := m.Kill()
	killed.SetCapacity(100 * small)
	for _, name := range []string{"/log/spare.seg", "/log/reserve.seg"} {
		_ = killed.Remove(name) // either may have been taken just then
		f, err := killed.Create(name, small)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	abandon(t, g)
	names, err := killed.ReadDir("/log")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, "000") })
	f, err := killed.Open("/log/"+names[i+1], true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("something else"), 1000); err != nil {
		t.Fatal(err)
	}
	free, size, err := killed.Space("/log")
	if err != nil {
		t.Fatal(err)
	}
	killed.SetCapacity(size - free)
	o.FS = killed
	g = recovered(t, o)
	commit(t, g, func(b *store.Batch) { b.Ack(1, 1); b.Complete(1, 1) })
	shut(t, g)
	if names, err := killed.ReadDir("/log/quarantine"); err != nil || len(names) != 1 {
		t.Errorf("got %q in the quarantine, %v, want the damaged segment: there was room to heal it", names, err)
	}
}

// abandon ends a log that cannot commit what waits.
func abandon(t *testing.T, g *seglog.Log) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := g.Close(ctx); err == nil {
		t.Error("Close: got nil, want an error")
	}
}

// lines counts messages of a log.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *lines) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.all.Bytes(), []byte(s))
}

func TestThatALogIsFullIsNotToldAllTheTime(t *testing.T) {
	m, o := disk(t, 12, false)
	var told lines
	o.Logger = slog.New(slog.NewTextHandler(&told, nil))
	g := recovered(t, o)
	for range 4 {
		var waiting []chan error
		m.SetCapacity(2 * small)
		for range 3 { // takes files
			b := new(store.Batch)
			b.Meta([]byte("k"), make([]byte, small*5/8))
			waiting = append(waiting, appended(g, b))
		}
		await(t, "full", func() bool { return g.Pressure() == store.Full })
		m.SetCapacity(20 * small)
		await(t, "room again", func() bool { return g.Pressure() == store.Ok })
		for _, done := range waiting {
			if err := answer(t, done); err != nil {
				t.Fatal(err)
			}
		}
	}
	if full, again := told.count("the store is full"), told.count("has room again"); full != 1 || again != 1 {
		t.Errorf("got %d and %d lines for %d times, want one each", full, again, g.Stats().FullCount)
	}
	shut(t, g)
}
