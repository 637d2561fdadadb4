package seglog

import (
	"math"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

func TestALogWhoseLastSegmentIsAViewIsClosedLikeAnother(t *testing.T) {
	p := told(t, 40)
	p.wipe(p.head().id, 0, 20)
	in := faultfs.NewInject(p.fs)
	in.Arm(faultfs.Fault{Op: faultfs.OpCreate, Nth: 1, Err: syscall.ENOSPC, Stays: true})
	o := *p.options()
	o.FS = in
	g := New(o)
	if err := g.Recover(t.Context(), func(*store.Record) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(t.Context()); err != nil {
		t.Errorf("Close: got %v, want nil", err)
	}
	in.Disarm()
	_, state := p.open(p.options())
	same(t, "opened again", state, without(t, 40))
}

func TestADiskWithoutRoomForAQuarantineKeepsNoStoreFromOpening(t *testing.T) {
	p, lost := worst(t)
	in := faultfs.NewInject(p.fs)
	in.Arm(faultfs.Fault{Op: faultfs.OpMkdirAll, Nth: 2, Err: syscall.ENOSPC, Stays: true})
	o := p.options()
	o.FS = in
	_, state := p.open(o)
	same(t, "without a quarantine", state, without(t, 40, lost...))
}

func TestAStrayFileWithALargeNumberIsRefusedAtOnce(t *testing.T) {
	p := told(t, 5)
	file, err := p.fs.Create(p.path(math.MaxUint32), 0)
	p.must(err)
	p.must(file.Close())
	if got, err := open(t.Context(), p.options()); err == nil {
		t.Errorf("opened %d segments, want an error", len(got.index.segments))
	}
}
