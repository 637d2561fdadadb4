package seglog

import (
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

func TestAFileMadeForOneLargeFrameIsNotInTheWayOfALargerOne(t *testing.T) {
	const size = 16 << 10
	g := New(Options{Dir: "/log", FS: faultfs.NewMem(100 * size), SegmentSize: size})
	if err := g.Recover(t.Context(), func(*store.Record) error { return nil }); err != nil {
		t.Fatal(err)
	}
	c := g.open.Load()
	ready := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.room.spares)
	}
	eventually(t, "files made ahead", func() bool { return ready() == sparesWanted })
	if s := c.takeSpare(2 * size); s != nil { // as reclaim does, which then may find something else to do
		t.Fatalf("got a file of %d bytes, want none yet", s.alloc)
	}
	eventually(t, "one that is larger", func() bool { return ready() == sparesWanted+1 })
	var b store.Batch
	b.Meta([]byte("k"), make([]byte, 5*size))
	done := make(chan error, 1)
	g.Append(&b, func(err error) { done <- err })
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("append: got %v, want nil", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a frame of five segments is not committed")
	}
	if err := g.Close(t.Context()); err != nil {
		t.Errorf("Close: got %v, want nil", err)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.After(20 * time.Second); !holds(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not so after a while", what)
		}
	}
}
