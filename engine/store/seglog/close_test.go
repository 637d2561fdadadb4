package seglog_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

func TestBeforeRecoverNothingIsTaken(t *testing.T) {
	g := seglog.New(seglog.Options{Dir: t.TempDir()})
	var b store.Batch
	b.Session(&store.Session{ID: 1})
	if err := answer(t, appended(g, &b)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Append: got %v, want ErrClosed", err)
	}
	done := make(chan error, 1)
	g.Load([]store.Ref{1}, func(_ []store.Message, err error) { done <- err })
	if err := <-done; !errors.Is(err, store.ErrClosed) {
		t.Errorf("Load: got %v, want ErrClosed", err)
	}
	if err := g.Close(t.Context()); err != nil {
		t.Errorf("Close: got %v, want nil", err)
	}
	if s := g.Stats(); g.Pressure() != store.Ok || s.Sync != "always" || s.Path == "" {
		t.Errorf("got pressure %v and %+v", g.Pressure(), s)
	}
}

func TestAnOpenLogIsNotOpenedTwice(t *testing.T) {
	o := seglog.Options{Dir: t.TempDir(), SegmentSize: small}
	g := recovered(t, o)
	none := func(*store.Record) error { return nil }
	if err := g.Recover(t.Context(), none); err == nil {
		t.Error("Recover of an open log: got nil, want an error")
	}
	if err := seglog.New(o).Recover(t.Context(), none); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("Recover of another log in the directory: got %v, want ErrLocked", err)
	}
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	shut(t, g)
}

func TestCloseOfAFullLogEndsWithItsTime(t *testing.T) {
	_, o := disk(t, 8, false)
	g := recovered(t, o)
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	var waiting []chan error
	for id := uint64(1); id <= 400; id++ {
		var b store.Batch
		publish(id)(&b)
		waiting = append(waiting, appended(g, &b))
	}
	await(t, "full", func() bool { s := g.Stats(); return s.Pressure == store.Full && s.Batches > 1 })
	ctx, cancel := context.WithCancel(context.Background())
	closed := make(chan error, 1)
	go func() { closed <- g.Close(ctx) }()
	cancel()
	if err := answer(t, closed); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: got %v, want canceled", err)
	}
	committed := 0
	for i, done := range waiting {
		if len(done) != 1 {
			t.Fatalf("batch %d: got %d answers when Close returned, want one", i, len(done))
		}
		switch err := <-done; {
		case err == nil && committed == i:
			committed++
		case err == nil:
			t.Errorf("batch %d was committed after batch %d was not", i, committed)
		case !errors.Is(err, store.ErrClosed):
			t.Errorf("batch %d: got %v, want ErrClosed", i, err)
		}
	}
	if committed == 0 || committed == len(waiting) {
		t.Errorf("%d of %d batches were committed, want some", committed, len(waiting))
	}
	if got := len(state(t, g)); got != 1+2*committed {
		t.Errorf("recovered %d records, want %d", got, 1+2*committed)
	}
	shut(t, g)
}

// stuckFS is a disk whose syncs hang until they are let go.
type stuckFS struct {
	vfs.FS
	stuck atomic.Bool
	letGo chan struct{}
}

type stuckFile struct {
	vfs.File
	fs *stuckFS
}

func (s *stuckFS) Create(name string, size int64) (vfs.File, error) {
	f, err := s.FS.Create(name, size)
	return stuckFile{f, s}, err
}

func (f stuckFile) Sync() error {
	if f.fs.stuck.Load() {
		<-f.fs.letGo
	}
	return f.File.Sync()
}

func TestCloseDoesNotWaitForADiskThatHangs(t *testing.T) {
	t.Parallel()
	s := &stuckFS{FS: vfs.OS, letGo: make(chan struct{})}
	o := seglog.Options{Dir: t.TempDir(), SegmentSize: small, FS: s}
	g := recovered(t, o)
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	s.stuck.Store(true)
	var first, second store.Batch
	first.Session(&store.Session{ID: 2})
	second.Session(&store.Session{ID: 3})
	hanging, behind := appended(g, &first), appended(g, &second)
	await(t, "a commit under way", func() bool { return g.Stats().WaitingBytes <= int64(len(second.Bytes())) })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := g.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: got %v, want canceled", err)
	}
	s.stuck.Store(false)
	close(s.letGo)
	if err := answer(t, hanging); err != nil {
		t.Errorf("the batch that was being synced: got %v, want nil", err)
	}
	if err := answer(t, behind); err != nil && !errors.Is(err, store.ErrClosed) {
		t.Errorf("the batch behind it: got %v, want ErrClosed or nil", err)
	}
	// The lock is held until all is let go.
	await(t, "the log can be opened", func() bool {
		err := g.Recover(t.Context(), func(*store.Record) error { return nil })
		return err == nil
	})
	shut(t, g)
}
