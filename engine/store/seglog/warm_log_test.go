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
	copied := uint64(0)
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
		copied += writer.Stats().CopiedBytes
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
	if moved := movedRecords(t, &o); moved == 0 || copied == 0 {
		t.Errorf("got %d records that are marked as moved, of %d bytes that were copied; want some", moved, copied)
	}
}

// movedRecords counts the records that frames say were moved.
func movedRecords(t *testing.T, o *Options) (n int) {
	t.Helper()
	filled := o.filled()
	r, _, err := look(t.Context(), &filled)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for _, p := range r.parts {
		if err := r.again(p, func(f *frame) error { n += int(f.records - f.own()); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	return n
}
