package seglog_test

import (
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

// A message that comes and goes leaves no garbage behind, neither in the committer nor in reclaim.
func TestCommitsAllocateNothing(t *testing.T) {
	for _, mode := range []seglog.Sync{seglog.SyncAlways, seglog.SyncNone} {
		g := recovered(t, seglog.Options{Dir: t.TempDir(), SegmentSize: 256 << 10, Sync: mode})
		commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
		var b store.Batch
		m := store.Message{Topic: []byte("t"), Payload: make([]byte, 500), QoS: 1}
		to := make([]store.Delivery, 1)
		done := make(chan error, 1)
		tell := func(err error) { done <- err }
		id := uint64(0)
		one := func() {
			b.Reset()
			id++
			m.ID = id
			b.Message(&m)
			to[0] = store.Delivery{Session: 1, Seq: id, QoS: 1}
			b.Enqueue(id, to)
			b.Ack(1, id-1)
			g.Append(&b, tell)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			one()
		}
		if got := testing.AllocsPerRun(1500, one); got > 0 { // on average: a new segment makes a few
			t.Errorf("sync %v: got %v allocations a commit, want none", mode, got)
		}
		if s := g.Stats(); s.Reclaimed == 0 {
			t.Errorf("sync %v: no segment was reclaimed meanwhile", mode)
		}
		shut(t, g)
	}
}
