package seglog_test

import (
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

func onMemory(t *testing.T, gather time.Duration) *seglog.Log {
	g := recovered(t, seglog.Options{Dir: "/log", FS: faultfs.NewMem(1 << 30), SegmentSize: 1 << 20, Gather: gather, Logger: logger(t)})
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	return g
}

func TestAClientThatWaitsForEachAnswerFindsNoWait(t *testing.T) {
	g := onMemory(t, 0)
	for id := uint64(1); id <= 100; id++ {
		commit(t, g, publish(id))
		if got := g.Stats().Gather; got != 0 {
			t.Fatalf("batch %d: the commit waited %v, want no time", id, got)
		}
	}
	if s := g.Stats(); s.Commits != 101 || s.Batches != 101 {
		t.Errorf("got %d commits of %d batches, want 101 of each", s.Commits, s.Batches)
	}
	shut(t, g)
}

func TestBatchesThatComeByThemselvesShareCommits(t *testing.T) {
	g := onMemory(t, 0)
	var waiting []chan error
	for id := uint64(1); id <= 2000; id++ {
		var b store.Batch
		publish(id)(&b)
		waiting = append(waiting, appended(g, &b))
	}
	for _, done := range waiting {
		if err := answer(t, done); err != nil {
			t.Fatal(err)
		}
	}
	if s := g.Stats(); s.Commits > 1000 || s.Batches != 2001 || s.Syncs > s.Commits+10 {
		t.Errorf("got %d commits of %d batches with %d syncs, want far fewer commits and a sync each", s.Commits, s.Batches, s.Syncs)
	}
	shut(t, g)
}

func TestAcknowledgementsGoWithWhatComesNext(t *testing.T) {
	g := onMemory(t, 0)
	commit(t, g, publish(1))
	commit(t, g, publish(2))
	shared := 0
	for id := uint64(3); id < 23; id++ {
		before := g.Stats().Commits
		var ack, next store.Batch
		ack.Ack(1, id-2)
		publish(id)(&next)
		first, second := appended(g, &ack), appended(g, &next)
		for _, done := range []chan error{first, second} {
			if err := answer(t, done); err != nil {
				t.Fatal(err)
			}
		}
		if g.Stats().Commits == before+1 {
			shared++
		}
	}
	if shared < 10 {
		t.Errorf("got %d of 20 pairs committed together, want nearly all", shared)
	}
	commit(t, g, func(b *store.Batch) { b.Ack(1, 22) }) // nothing comes
	shut(t, g)
	if got := len(state(t, g)); got != 3 {
		t.Errorf("recovered %d records, want the session, message 21 and its delivery", got)
	}
	shut(t, g)
}

func TestAFixedGatherWaitsForMore(t *testing.T) {
	g := onMemory(t, 300*time.Millisecond)
	before := g.Stats()
	var waiting []chan error
	for id := uint64(1); id <= 20; id++ {
		var b store.Batch
		publish(id)(&b)
		waiting = append(waiting, appended(g, &b))
	}
	for _, done := range waiting {
		if err := answer(t, done); err != nil {
			t.Fatal(err)
		}
	}
	s := g.Stats()
	if got := s.Commits - before.Commits; got > 3 {
		t.Errorf("got %d commits of 20 batches that came at once, want one", got)
	}
	if s.Gather != 300*time.Millisecond {
		t.Errorf("got Gather %v, want 300ms", s.Gather)
	}
	var b store.Batch
	publish(21)(&b)
	done := appended(g, &b)
	shut(t, g) // does not wait for more
	if err := <-done; err != nil {
		t.Errorf("closed: got %v, want nil", err)
	}
}
