package seglog

import (
	"errors"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// One log writes and reclaims; the next warms up beside it, and takes over.
func TestALogTakesOverFromOneThatItWasWarmedBy(t *testing.T) {
	o := Options{Dir: t.TempDir(), FS: vfs.OS, SegmentSize: 16 << 10, Sync: SyncNone}
	m, s := store.NewMemory(), newScribe(77)
	nothing := func(*store.Record) error { return nil }
	writer := New(o)
	if err := writer.Recover(t.Context(), nothing); err != nil {
		t.Fatal(err)
	}
	for handover := range 4 {
		written := make(chan error, 1)
		go func(g *Log) {
			var failed error
			for range 400 {
				b := new(store.Batch)
				s.batch(b)
				m.Append(b, nil)
				done := make(chan error, 1)
				if !g.Append(b, func(err error) { done <- err }) {
					failed = errors.Join(failed, <-done)
				}
			}
			written <- failed
		}(writer)
		next := New(o)
		warmed := 0
		for ended := false; !ended; {
			if err := next.Warm(t.Context()); err != nil {
				t.Errorf("hand-over %d: Warm: got %v, want nil", handover, err)
				break
			}
			warmed++
			select {
			case err := <-written:
				if ended = true; err != nil {
					t.Fatal(err)
				}
			default:
			}
		}
		if err := writer.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		read := next.o.warmed.lsn
		same(t, "taken over", listedStore(t, next), listedStore(t, m))
		got := next.Stats().Recovery
		if len(got.Holes) > 0 || got.TornBytes > 0 || !got.Clean || read == 0 || warmed == 0 {
			t.Errorf("hand-over %d: got %+v, LSN %d read before; want no damage", handover, got, read)
		}
		writer = next
	}
	if err := writer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
