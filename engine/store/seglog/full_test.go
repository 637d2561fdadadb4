package seglog_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// disk is a small one in memory.
func disk(t *testing.T, segments int64, thin bool) (*faultfs.Mem, seglog.Options) {
	m := faultfs.NewMem(segments * small)
	m.SetThin(thin)
	return m, seglog.Options{Dir: "/log", FS: m, SegmentSize: small, Logger: logger(t)}
}

// publish writes message id of 500 bytes for session 1.
func publish(id uint64) func(*store.Batch) {
	return func(b *store.Batch) {
		b.Message(&store.Message{ID: id, Topic: []byte("t"), Payload: make([]byte, 500), QoS: 1})
		b.Enqueue(id, []store.Delivery{{Session: 1, Seq: id, QoS: 1}})
	}
}

// fillUp publishes until the log is full, and is the first message that was not.
func fillUp(t *testing.T, g *seglog.Log, id uint64) uint64 {
	t.Helper()
	for ; g.Pressure() != store.Full; id++ {
		if id > 10_000 {
			t.Fatal("the log is not full after 10 000 messages")
		}
		commit(t, g, publish(id))
	}
	return id
}

func TestAFullLogTakesAcknowledgementsAndHasRoomAfterThem(t *testing.T) {
	_, o := disk(t, 20, false)
	g := recovered(t, o)
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	next, acked := uint64(1), uint64(0)
	for range 3 {
		next = fillUp(t, g, next)
		if s := g.Stats(); s.Failure == "" || s.FullCount == 0 {
			t.Errorf("got Failure %q, FullCount %d, want a reason and one", s.Failure, s.FullCount)
		}
		for acked < next-1 {
			acked++
			commit(t, g, func(b *store.Batch) { b.Ack(1, acked); b.Complete(1, 1) }) // somebody waits for the latter
		}
		await(t, "room again", func() bool { return g.Pressure() == store.Ok })
	}
	commit(t, g, publish(next))
	shut(t, g)
	if got := len(state(t, g)); got != 3 {
		t.Errorf("recovered %d records, want the session, the message and its delivery", got)
	}
	shut(t, g)
}

func TestWhatWaitsForRoomIsCommittedOnceThereIsSome(t *testing.T) {
	for _, thin := range []bool{false, true} {
		t.Run(fmt.Sprint("thin ", thin), func(t *testing.T) {
			m, o := disk(t, 12, thin)
			g := recovered(t, o)
			commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
			var waiting []chan error // of a client that does not listen
			for id := uint64(1); id <= 600; id++ {
				var b store.Batch
				publish(id)(&b)
				waiting = append(waiting, appended(g, &b))
			}
			await(t, "a log that is full and waits", func() bool { s := g.Stats(); return s.Waiting > 0 && s.Pressure == store.Full })
			if done := waiting[len(waiting)-1]; len(done) > 0 {
				t.Fatalf("the last of what does not fit: got %v, want no answer", <-done)
			}
			m.SetCapacity(100 * small)
			for i, done := range waiting {
				if err := answer(t, done); err != nil {
					t.Fatalf("batch %d: got %v, want nil", i, err)
				}
			}
			await(t, "room again", func() bool { return g.Pressure() == store.Ok })
			shut(t, g)
			if got, want := len(state(t, g)), 1+2*len(waiting); got != want {
				t.Errorf("recovered %d records, want %d", got, want)
			}
			shut(t, g)
		})
	}
}

// TestALogNeverGetsStuckWhileItIsFull keeps a disk full of what counts, in places that change, with garbage in between.
func TestALogNeverGetsStuckWhileItIsFull(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			_, o := disk(t, 7+2*int64(seed), false)
			o.Sync = seglog.Sync(seed % 3)
			g := recovered(t, o)
			twin := store.NewMemory()
			w := newChurn(seed, 60)
			var b store.Batch
			full := 0
			for i := range 3000 {
				w.full = g.Pressure() == store.Full
				if w.full {
					full++
				}
				w.fill(&b)
				twin.Append(&b, nil)
				if err := answer(t, appended(g, &b)); err != nil {
					t.Fatalf("batch %d: got %v, want nil", i, err)
				}
			}
			s := g.Stats()
			t.Logf("%d of 3000 batches while full, %d times; %d reclaimed; %d of %d bytes copied", full, s.FullCount, s.Reclaimed, s.CopiedBytes,
				s.WrittenBytes)
			if full == 0 {
				t.Error("the log was never full, want it to be often")
			}
			shut(t, g)
			compare(t, 0, state(t, g), state(t, twin))
			shut(t, g)
		})
	}
}

// TestGarbageBehindWhatLastsIsFound has the oldest segments full of what lasts, so that all of it has to be copied before the
// garbage behind it can be had, on a disk that has been filled to the last.
func TestGarbageBehindWhatLastsIsFound(t *testing.T) {
	_, o := disk(t, 12, false)
	g := recovered(t, o)
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	for i := range 5 * small / 1000 {
		commit(t, g, func(b *store.Batch) {
			b.Retain(&store.Message{Topic: fmt.Append(nil, "lasts/", i), Payload: make([]byte, 960), Retain: true})
		})
	}
	tiny := func(id uint64) func(*store.Batch) {
		return func(b *store.Batch) {
			b.Message(&store.Message{ID: id, Topic: []byte("t"), QoS: 1})
			b.Enqueue(id, []store.Delivery{{Session: 1, Seq: id, QoS: 1}})
		}
	}
	next := uint64(1)
	for ; g.Pressure() != store.Full; next++ {
		commit(t, g, tiny(next))
	}
	var late []chan error
	for range 20 { // that were on their way
		var b store.Batch
		tiny(next)(&b)
		late = append(late, appended(g, &b))
		next++
	}
	for _, done := range late {
		if err := answer(t, done); err != nil {
			t.Fatal(err)
		}
	}
	for id := next - 1; id > 0; id-- {
		commit(t, g, func(b *store.Batch) { b.Ack(1, id); b.Complete(1, 1) })
	}
	await(t, "room again", func() bool { return g.Pressure() == store.Ok })
	shut(t, g)
	if got, want := len(state(t, g)), 1+5*small/1000; got != want {
		t.Errorf("recovered %d records, want %d", got, want)
	}
	shut(t, g)
}

func TestAQuotaIsKeptToAndLeftBelowTheLowWaterMark(t *testing.T) {
	o := seglog.Options{Dir: t.TempDir(), SegmentSize: small, Quota: 20 * small, Sync: seglog.SyncNone, Logger: logger(t)}
	g := recovered(t, o)
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	next := fillUp(t, g, 1)
	if s := g.Stats(); s.Bytes > o.Quota || s.Bytes < o.Quota/2 {
		t.Errorf("full: got %d bytes of files, want about %d and not more", s.Bytes, o.Quota)
	}
	for id := uint64(1); id < next; id++ {
		commit(t, g, func(b *store.Batch) { b.Ack(1, id); b.Complete(1, 1) })
		if s := g.Stats(); s.Bytes > o.Quota {
			t.Fatalf("acknowledged %d: got %d bytes of files, want at most %d", id, s.Bytes, o.Quota)
		}
	}
	await(t, "room again", func() bool { return g.Pressure() == store.Ok })
	if s := g.Stats(); s.Bytes > o.Quota*85/100+2*small {
		t.Errorf("room again: got %d bytes of files, want fewer than at the low water mark", s.Bytes)
	}
	shut(t, g)
}

// TestSpaceThatOthersTakeMakesTheLogWait has somebody else fill the disk and empty it, at random times.
func TestSpaceThatOthersTakeMakesTheLogWait(t *testing.T) {
	m, o := disk(t, 40, true)
	g := recovered(t, o)
	twin := store.NewMemory()
	w := newChurn(9, 10)
	r := rand.New(rand.NewPCG(5, 5))
	for range 60 {
		m.SetCapacity(int64(1+r.IntN(40)) * small)
		var waiting []chan error
		for range 20 {
			b := new(store.Batch)
			w.fill(b)
			twin.Append(b, nil)
			waiting = append(waiting, appended(g, b))
		}
		m.SetCapacity(60 * small)
		for _, done := range waiting {
			if err := answer(t, done); err != nil {
				t.Fatalf("got %v, want nil", err)
			}
		}
	}
	shut(t, g)
	compare(t, 0, state(t, g), state(t, twin))
	shut(t, g)
}
