package seglog_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

func TestABacklogIsToldAsSlowUntilItIsGone(t *testing.T) {
	s := &stuckFS{FS: vfs.OS, letGo: make(chan struct{})}
	g := recovered(t, seglog.Options{Dir: t.TempDir(), SegmentSize: 1 << 20, FS: s, Logger: logger(t)})
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	s.stuck.Store(true)
	var waiting []chan error
	for id := uint64(1); id <= 24; id++ {
		if g.Pressure() == store.Slow && id < 9 {
			t.Errorf("got slow before batch %d of half a megabyte each", id)
		}
		var b store.Batch
		b.Message(&store.Message{ID: id, Topic: []byte("t"), Payload: make([]byte, 512<<10), QoS: 1})
		b.Enqueue(id, []store.Delivery{{Session: 1, Seq: id, QoS: 1}})
		waiting = append(waiting, appended(g, &b))
	}
	if s := g.Stats(); g.Pressure() != store.Slow || s.Pressure != store.Slow || s.Waiting != 24 || s.WaitingBytes < 8<<20 {
		t.Errorf("got pressure %v, %d batches and %d bytes waiting, want slow, 24 and more than 8 MiB", g.Pressure(), s.Waiting, s.WaitingBytes)
	}
	s.stuck.Store(false)
	close(s.letGo)
	for i, done := range waiting {
		if err := answer(t, done); err != nil {
			t.Fatalf("batch %d: got %v, want nil", i, err)
		}
	}
	if got := g.Pressure(); got != store.Ok {
		t.Errorf("then: got %v, want ok", got)
	}
	shut(t, g)
}

func TestALoadOfWhatIsNeverCommittedFails(t *testing.T) {
	j := faultfs.NewInject(faultfs.NewMem(1 << 30))
	g := recovered(t, seglog.Options{Dir: "/log", FS: j, SegmentSize: small, Logger: logger(t)})
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}); publish(1)(b) })
	j.Arm(faultfs.Fault{Op: faultfs.OpSync, Nth: 1, Err: syscall.EIO})
	var b store.Batch
	publish(2)(&b)
	done := appended(g, &b)
	loaded := make(chan error, 2)
	g.Load([]store.Ref{2}, func(_ []store.Message, err error) { loaded <- err })
	if err := answer(t, done); !errors.Is(err, syscall.EIO) {
		t.Errorf("Append: got %v, want EIO", err)
	}
	if err := answer(t, loaded); !errors.Is(err, syscall.EIO) {
		t.Errorf("Load: got %v, want EIO", err)
	}
	g.Load([]store.Ref{1}, func(m []store.Message, err error) {
		if err == nil && m[0].ID != 1 {
			err = errors.New("it is not there")
		}
		loaded <- err
	})
	if err := answer(t, loaded); err != nil {
		t.Errorf("Load of what was committed before: got %v, want it still", err)
	}
	_ = g.Close(t.Context())
}

func TestStatsCountWhatWasDone(t *testing.T) {
	o := seglog.Options{Dir: t.TempDir(), SegmentSize: 1 << 20, Quota: 1 << 30}
	g := recovered(t, o)
	var bytes uint64
	for id := uint64(1); id <= 10; id++ {
		commit(t, g, func(b *store.Batch) {
			if id == 1 {
				b.Session(&store.Session{ID: 1})
				b.Subscribe(1, &store.Subscription{Filter: []byte("f")})
				b.Retain(&store.Message{Topic: []byte("r")})
			}
			publish(id)(b)
			bytes += uint64(len(b.Bytes()))
		})
	}
	commit(t, g, func(b *store.Batch) { b.Ack(1, 1); b.Complete(1, 1) })
	s := g.Stats()
	want := store.Stats{Path: o.Dir, Sync: "always", Quota: 1 << 30, Segments: 1, Sessions: 1, Subscriptions: 1, Messages: 9, Deliveries: 9, Retained: 1,
		LSN: 11, DurableLSN: 11, Commits: 11, Batches: 11, Records: 25}
	got := store.Stats{Path: s.Path, Sync: s.Sync, Quota: s.Quota, Segments: s.Segments, Sessions: s.Sessions, Subscriptions: s.Subscriptions,
		Messages: s.Messages, Deliveries: s.Deliveries, Retained: s.Retained, LSN: s.LSN, DurableLSN: s.DurableLSN, Commits: s.Commits,
		Batches: s.Batches, Records: s.Records, Failure: s.Failure, Waiting: s.Waiting, WaitingBytes: s.WaitingBytes, Loads: s.Loads}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if s.Syncs < 11 || s.SyncTime < s.SyncTimeMax || s.SyncTimeMax == 0 || s.WrittenBytes < bytes || s.LiveBytes == 0 || s.FreeBytes == 0 {
		t.Errorf("got %+v, want at least 11 syncs that took some time, and %d bytes written", s, bytes)
	}
	await(t, "the files made ahead", func() bool { return g.Stats().Bytes == 3<<20 })
	shut(t, g)
	if after := g.Stats(); after.Bytes != 1<<20 || after.Messages != 9 {
		t.Errorf("closed: got %d bytes of files and %d messages, want 1 MiB and 9", after.Bytes, after.Messages)
	}
}
