package seglog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// sync makes durable what the paper has written.
func (p *paper) sync() {
	p.Helper()
	for _, s := range p.x.segments {
		p.must(s.file.Sync())
	}
	p.must(p.fs.SyncDir(p.dir))
}

// worst is a paper with everything that can be healed: damage in the middle, at a segment's end, a lost header, a missing
// segment, and a torn tail. It tells the sessions that are lost.
func worst(t *testing.T) (*paper, []uint64) {
	p := told(t, 40)
	p.sync()
	var lost []uint64
	for id := uint64(1); id <= 40; id++ {
		if at, _ := p.x.message(id*100 + 1); at.seg == 3 {
			lost = append(lost, id)
		}
	}
	lost = append(lost, 2, 4, 40)
	p.spoil(p.frameOf(2))
	p.wipe(1, p.of(p.frameOf(4)).off, 20)
	p.flip(2, 1)
	p.must(p.fs.Remove(p.path(3)))
	p.spoil(p.frameOf(40))
	p.syncAll()
	return p, lost
}

// syncAll makes durable what was changed behind the paper's back.
func (p *paper) syncAll() {
	p.Helper()
	for _, s := range p.x.segments {
		if exists(p, p.fs, s.path) {
			file, err := p.fs.Open(s.path, true)
			p.must(err)
			p.must(file.Sync())
			p.must(file.Close())
		}
	}
	p.must(p.fs.SyncDir(p.dir))
}

func TestAPowerCutWhileAStoreIsHealedCostsNothing(t *testing.T) {
	p, lost := worst(t)
	want := without(t, 40, lost...)
	first, state := p.open(p.options())
	same(t, "healed", state, want)
	holes := holesText(first.recovery.Holes)
	for n := int64(1); ; n++ {
		p, _ := worst(t)
		p.fs.CutAfter(n)
		opened, err := open(t.Context(), p.options())
		if err == nil {
			opened.letGo()
			if n < 20 {
				t.Errorf("healing took %d operations, want more", n)
			}
			return
		}
		if !errors.Is(err, faultfs.ErrPower) {
			t.Fatalf("power cut at operation %d: got %v, want ErrPower", n, err)
		}
		for seed := range uint64(4) {
			disk := p.fs.Crash(rand.New(rand.NewPCG(uint64(n), seed)))
			o := p.options()
			o.FS = disk
			got, err := open(t.Context(), o)
			if err != nil {
				t.Fatalf("power cut at operation %d, disk %d: %v", n, seed, err)
			}
			what := fmt.Sprintf("power cut at operation %d, disk %d", n, seed)
			same(t, what, listed(t, got.index), want)
			if text := holesText(got.recovery.Holes); text != holes {
				t.Errorf("%s: got holes\n%s\nwant\n%s", what, text, holes)
			}
			for _, h := range got.recovery.Holes {
				if h.File != "" && !exists(t, disk, h.File) {
					t.Errorf("%s: the original is not in %s", what, h.File)
				}
			}
			got.letGo()
		}
	}
}

func TestWhereThereIsNoRoomToHealWhatIsReadableCounts(t *testing.T) {
	p, lost := worst(t)
	want := without(t, 40, lost...)
	first, _ := p.open(p.options())
	for n := int64(1); n < 12; n++ {
		p, _ := worst(t)
		in := faultfs.NewInject(p.fs)
		op := []faultfs.Op{faultfs.OpCreate, faultfs.OpWrite}[n%2]
		in.Arm(faultfs.Fault{Op: op, Nth: 1 + n/2, Err: syscall.ENOSPC, Stays: op == faultfs.OpCreate, Short: true})
		o := p.options()
		o.FS = in
		got, state := p.open(o)
		what := fmt.Sprintf("no room from %v %d on", op, 1+n/2)
		same(t, what, state, want)
		if len(got.fixed) != len(first.fixed) || got.lsn != first.lsn {
			t.Errorf("%s: got LSN %d, holes %s; want %d, %s", what, got.lsn, holesText(got.fixed), first.lsn, holesText(first.fixed))
		}
		for i, s := range got.index.segments {
			if s.id != got.index.segments[0].id+uint32(i) {
				t.Errorf("%s: segment %d is number %d, want them contiguous", what, i, s.id)
			}
		}
		in.Disarm()
		again, state := p.open(o)
		same(t, what+", with room", state, want)
		if h := again.recovery.Holes; len(h) != len(first.recovery.Holes) {
			t.Errorf("%s, with room: got %s, want %s", what, holesText(h), holesText(first.recovery.Holes))
		}
	}
}

func TestAViewIsReclaimedLikeAnyOtherSegment(t *testing.T) {
	p := told(t, 30)
	p.spoil(2)
	p.must(p.fs.Remove(p.path(2)))
	in := faultfs.NewInject(p.fs)
	in.Arm(faultfs.Fault{Op: faultfs.OpCreate, Nth: 1, Err: syscall.ENOSPC, Stays: true})
	o := *p.options()
	o.FS, o.SegmentSize = in, 4<<10
	g := New(o)
	if err := g.Recover(t.Context(), func(*store.Record) error { return nil }); err != nil {
		t.Fatal(err)
	}
	in.Disarm()
	done := make(chan error, 1)
	for id := uint64(100); exists(t, p.fs, p.path(3)); id++ {
		b := new(store.Batch)
		tellSession(b, id)
		b.DropSession(id - 1)
		if g.Append(b, func(err error) { done <- err }) {
			continue
		}
		if err := <-done; err != nil {
			t.Fatalf("append: got %v, want nil", err)
		}
	}
	if got := g.Pressure(); got != store.Ok && got != store.Full {
		t.Errorf("got pressure %v, %s", got, g.Stats().Failure)
	}
	p.must(g.Close(t.Context()))
	if exists(t, p.fs, p.path(1)) {
		t.Error("the damaged segment is still there")
	}
}

func TestAViewReadsLikeTheHealedFile(t *testing.T) {
	p, _ := worst(t)
	in := faultfs.NewInject(p.fs)
	in.Arm(faultfs.Fault{Op: faultfs.OpCreate, Nth: 1, Err: syscall.EDQUOT, Stays: true})
	o := p.options()
	o.FS = in
	got, err := open(t.Context(), o)
	p.must(err)
	defer got.letGo()
	for _, s := range got.index.segments {
		size, err := s.file.Size()
		p.must(err)
		if s.size > size || s.alloc < s.size {
			t.Errorf("segment %d: got a size of %d, room for %d, in %d bytes", s.id, s.size, s.alloc, size)
		}
		whole := make([]byte, s.size)
		p.must(readFull(s.file, whole, 0))
		for off := int64(0); off < s.size; off += 37 {
			part := make([]byte, min(61, s.size-off))
			if n, err := s.file.ReadAt(part, off); n != len(part) || !slices.Equal(part, whole[off:][:len(part)]) {
				t.Fatalf("segment %d, offset %d: got %d bytes, %v, other than the whole", s.id, off, n, err)
			}
		}
	}
}

func TestAnErrorWhileHealingIsTold(t *testing.T) {
	for _, op := range []faultfs.Op{faultfs.OpSync, faultfs.OpRename, faultfs.OpSyncDir, faultfs.OpWrite} {
		p, lost := worst(t)
		in := faultfs.NewInject(p.fs)
		in.Arm(faultfs.Fault{Op: op, Nth: 2, Err: syscall.EROFS})
		o := p.options()
		o.FS = in
		if got, err := open(t.Context(), o); !errors.Is(err, syscall.EROFS) {
			t.Errorf("%v: got %v, %v; want EROFS", op, got, err)
		}
		in.Disarm()
		_, state := p.open(o)
		same(t, fmt.Sprintf("after a failed %v", op), state, without(t, 40, lost...))
	}
}

// badSector is a file system with a part of a file that cannot be read.
type badSector struct {
	vfs.FS
	path     string
	from, to int64
}

type badFile struct {
	vfs.File
	b *badSector
}

func (b *badSector) Open(name string, write bool) (vfs.File, error) {
	file, err := b.FS.Open(name, write)
	if err == nil && strings.HasSuffix(name, b.path) {
		return &badFile{file, b}, nil
	}
	return file, err
}

// Rename moves the bad sector with its file.
func (b *badSector) Rename(from, to string) error {
	if strings.HasSuffix(from, b.path) {
		b.path = to
	}
	return b.FS.Rename(from, to)
}

func (f *badFile) ReadAt(b []byte, off int64) (int, error) {
	if off < f.b.to && off+int64(len(b)) > f.b.from {
		return 0, syscall.EIO
	}
	return f.File.ReadAt(b, off)
}

func TestABadSectorCostsTheFramesOnIt(t *testing.T) {
	p := newPaper(t, 64<<10)
	for id := uint64(1); id <= 200; id++ {
		p.commit(0, func(b *store.Batch) { tellSession(b, id) })
	}
	var lost []uint64
	for id := uint64(1); id <= 200; id++ {
		if s := p.of(p.frameOf(id)); s.seg == 1 && s.off < 12<<10 && s.end() > 8<<10 {
			lost = append(lost, id)
		}
	}
	o := p.options()
	o.FS = &badSector{FS: p.fs, path: "/00000001.seg", from: 9000, to: 9500}
	got, state := p.open(o)
	same(t, "opened", state, without(t, 200, lost...))
	if n := len(got.fixed); n != 1 || got.fixed[0].LastLSN-got.fixed[0].FirstLSN+1 != uint64(len(lost)) {
		t.Errorf("got %s, want one hole of %d frames", holesText(got.fixed), len(lost))
	}
}
