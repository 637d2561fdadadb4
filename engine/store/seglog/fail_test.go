package seglog_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// faulty is a log on a disk in memory whose operations can be made to fail.
func faulty(t *testing.T, sync seglog.Sync) (*faultfs.Inject, seglog.Options) {
	j := faultfs.NewInject(faultfs.NewMem(1 << 30))
	return j, seglog.Options{Dir: "/log", FS: j, SegmentSize: small, Sync: sync, Interval: 1, Logger: logger(t)}
}

func TestAFailedWriteOrSyncIsTheEndOfTheLog(t *testing.T) {
	broken := syscall.EIO
	for _, c := range []struct {
		op   faultfs.Op
		sync seglog.Sync
	}{
		{faultfs.OpSync, seglog.SyncAlways},
		{faultfs.OpSync, seglog.SyncInterval},
		{faultfs.OpSync, seglog.SyncNone}, // at the end of a segment
		{faultfs.OpWrite, seglog.SyncAlways},
		{faultfs.OpWrite, seglog.SyncNone},
		{faultfs.OpRename, seglog.SyncAlways},
		{faultfs.OpSyncDir, seglog.SyncNone},
		{faultfs.OpRemove, seglog.SyncNone},
		{faultfs.OpCreate, seglog.SyncAlways},
	} {
		t.Run(fmt.Sprint(c.op, " with ", c.sync), func(t *testing.T) {
			j, o := faulty(t, c.sync)
			g := recovered(t, o)
			commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
			committed := uint64(0)
			j.Arm(faultfs.Fault{Op: c.op, Nth: 3, Err: broken})
			var err error
			for id := uint64(1); err == nil && id < 5000; id++ {
				var b store.Batch
				publish(id)(&b)
				b.Ack(1, id-1)
				if err = answer(t, appended(g, &b)); err == nil {
					committed = id
				}
			}
			if !errors.Is(err, broken) {
				t.Fatalf("after message %d: got %v, want %v", committed, err, broken)
			}
			syncs := j.Count(faultfs.OpChange)
			for range 3 {
				var b store.Batch
				b.Session(&store.Session{ID: 2})
				if err := answer(t, appended(g, &b)); !errors.Is(err, broken) {
					t.Errorf("a later batch: got %v, want %v", err, broken)
				}
			}
			if s := g.Stats(); g.Pressure() != store.Failed || s.Pressure != store.Failed || s.Failure == "" || s.Rejected < 4 {
				t.Errorf("got pressure %v, stats %v %q, %d rejected, want a log that has failed", g.Pressure(), s.Pressure, s.Failure, s.Rejected)
			}
			if err := g.Close(t.Context()); !errors.Is(err, broken) {
				t.Errorf("Close: got %v, want %v", err, broken)
			}
			if got := j.Count(faultfs.OpChange); got != syncs {
				t.Errorf("got %d operations that change something after the failure, want none", got-syncs)
			}
			j.Disarm()
			again := seglog.New(o)
			lines := state(t, again)
			if len(lines) != 3 {
				t.Errorf("recovered %d records, want the session, the last message and its delivery", len(lines))
			}
			done := make(chan store.Message, 2)
			again.Load([]store.Ref{store.Ref(committed), store.Ref(committed + 1)}, func(m []store.Message, err error) { done <- m[0]; done <- m[1] })
			if first, second := <-done, <-done; first.ID != committed && second.ID != committed+1 {
				t.Errorf("got neither message %d, which was committed, nor the one after, which was in doubt", committed)
			}
			shut(t, again)
		})
	}
}

// TestAFileThatCannotBeMadeIsNoFailure runs out of descriptors for a while.
func TestAFileThatCannotBeMadeIsNoFailure(t *testing.T) {
	j, o := faulty(t, seglog.SyncAlways)
	g := recovered(t, o)
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	j.Arm(faultfs.Fault{Op: faultfs.OpCreate, Nth: 1, Err: syscall.EMFILE, Stays: true})
	var waiting []chan error
	for id := uint64(1); id <= 200; id++ {
		var b store.Batch
		publish(id)(&b)
		waiting = append(waiting, appended(g, &b))
	}
	await(t, "full", func() bool { return g.Pressure() == store.Full })
	j.Disarm()
	for i, done := range waiting {
		if err := answer(t, done); err != nil {
			t.Fatalf("batch %d: got %v, want nil", i, err)
		}
	}
	await(t, "room again", func() bool { return g.Pressure() == store.Ok })
	shut(t, g)
	if got := len(state(t, g)); got != 401 {
		t.Errorf("recovered %d records, want 401", got)
	}
	shut(t, g)
}

func TestAFrameThatFindsNoRoomIsWrittenAgainAtTheSamePlace(t *testing.T) {
	for _, short := range []bool{false, true} {
		j, o := faulty(t, seglog.SyncAlways)
		g := recovered(t, o)
		commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
		j.Arm(faultfs.Fault{Op: faultfs.OpWrite, Nth: 1, Err: syscall.ENOSPC, Short: short, Stays: true})
		var b store.Batch
		publish(1)(&b)
		done := appended(g, &b)
		await(t, "full", func() bool { return g.Pressure() == store.Full })
		if len(done) > 0 {
			t.Fatalf("got %v, want no answer", <-done)
		}
		j.Disarm()
		if err := answer(t, done); err != nil {
			t.Fatalf("got %v, want nil", err)
		}
		await(t, "room again", func() bool { return g.Pressure() == store.Ok })
		shut(t, g)
		if got := len(state(t, g)); got != 3 {
			t.Errorf("short %v: recovered %d records, want 3", short, got)
		}
		shut(t, g)
	}
}

func TestABatchThatNoEncoderWroteIsAFailure(t *testing.T) {
	_, o := faulty(t, seglog.SyncAlways)
	g := recovered(t, o)
	var b store.Batch
	b.Record(&store.Record{Kind: 0x40, Raw: []byte{1, 1, 0}}) // MSG without fields
	if err := answer(t, appended(g, &b)); !errors.Is(err, store.ErrMalformed) {
		t.Errorf("got %v, want ErrMalformed", err)
	}
	if got := g.Pressure(); got != store.Failed {
		t.Errorf("Pressure: got %v, want failed", got)
	}
	if err := g.Close(context.Background()); err == nil {
		t.Error("Close: got nil, want why it has failed")
	}
	if got := state(t, g); len(got) > 0 {
		t.Errorf("recovered %q, want nothing", got)
	}
	shut(t, g)
}

// TestASegmentThatChangedIsKept damages the oldest one while the log is open.
func TestASegmentThatChangedIsKept(t *testing.T) {
	m := faultfs.NewMem(1 << 30)
	o := seglog.Options{Dir: "/log", FS: m, SegmentSize: small, Sync: seglog.SyncNone, Logger: logger(t)}
	g := recovered(t, o)
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	for id := uint64(1); id <= 40; id++ {
		commit(t, g, publish(id))
	}
	f, err := m.Open("/log/00000001.seg", true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("something else"), 200); err != nil {
		t.Fatal(err)
	}
	for id := uint64(2); id <= 400; id++ {
		commit(t, g, func(b *store.Batch) { publish(40 + id)(b); b.Ack(1, 38+id) })
	}
	if s := g.Stats(); s.Reclaimed > 0 || s.Bytes < 10*small || s.Pressure != store.Ok {
		t.Errorf("got %d segments reclaimed, %d bytes, pressure %v, want all kept", s.Reclaimed, s.Bytes, s.Pressure)
	}
	shut(t, g)
}
