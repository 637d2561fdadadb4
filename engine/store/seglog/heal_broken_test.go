package seglog

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// A disk that gives nothing back is not an empty store.

func TestADiskThatReadsNothingIsNotTakenForAnEmptyStore(t *testing.T) {
	for name, first := range map[string]bool{"with who it is": false, "and not even that": true} {
		t.Run(name, func(t *testing.T) {
			p := told(t, 30)
			if first { // of all files
				p.must(p.fs.Remove(p.dir + "/" + storeName))
			}
			before := files(t, p.fs, p.dir)
			in := faultfs.NewInject(p.fs)
			in.Arm(faultfs.Fault{Op: faultfs.OpRead, Nth: 1, Err: syscall.EIO, Stays: true})
			for _, strict := range []bool{false, true} {
				o := *p.options()
				o.FS, o.Strict = in, strict
				got, err := open(t.Context(), &o)
				if err == nil {
					got.letGo()
				}
				if !errors.Is(err, syscall.EIO) || !strings.HasPrefix(err.Error(), "/log/00000001.seg cannot be read") ||
					!strings.Contains(err.Error(), "penstock store repair /log") {
					t.Errorf("strict %v: got %v, want an error that names the file, and what to do", strict, err)
				}
			}
			in.Disarm()
			same(t, "the files", files(t, p.fs, p.dir), before)
			_, state := p.open(p.options()) // the cable was loose
			same(t, "opened", state, without(t, 30))
		})
	}
}

func TestARepairOfADiskThatReadsNothingBeginsAnEmptyStore(t *testing.T) {
	p := told(t, 30)
	o := *p.options()
	for id := uint32(1); id <= p.head().id; id++ {
		o.FS = &badSector{FS: orElse(o.FS, p.fs), path: p.path(id), to: 1 << 40}
	}
	report, err := Check(t.Context(), o)
	if err != nil || report.Broken != "/log/00000001.seg: input/output error" {
		t.Errorf("check: got %q, %v; want the file and the error", report.Broken, err)
	}
	if _, err := open(t.Context(), &o); !errors.Is(err, syscall.EIO) {
		t.Errorf("open: got %v, want EIO", err)
	}
	report, err = Repair(t.Context(), o)
	if err != nil || len(report.Quarantine) != int(p.head().id) || report.Sessions > 0 || len(report.Recovery.Holes) != int(p.head().id) {
		t.Errorf("repair: got %v, %+v; want an empty store, and %d files set aside", err, report, p.head().id)
	}
	got, err := open(t.Context(), &o)
	if err != nil {
		t.Fatalf("open after the repair: got %v, want nil", err)
	}
	got.letGo()
}

func orElse(a, b vfs.FS) vfs.FS {
	if a != nil {
		return a
	}
	return b
}

// While anything can be read, a bad disk costs what lies on it.
func TestADiskThatReadsOneFileIsHealed(t *testing.T) {
	p := told(t, 30)
	o := *p.options()
	for id := uint32(2); id <= p.head().id; id++ {
		o.FS = &badSector{FS: orElse(o.FS, p.fs), path: p.path(id), to: 1 << 40}
	}
	got, state := p.open(&o)
	if len(state) == 0 || len(got.fixed) != int(p.head().id)-1 {
		t.Errorf("got %d records, holes %s; want those of the first segment, and the others told", len(state), holesText(got.fixed))
	}
}

// A disk may give a part once and then no more, or now and then: that ends nothing but what lies there.
func TestADiskThatStopsReadingIsReadToAnEnd(t *testing.T) {
	for _, stays := range []bool{true, false} {
		for nth := int64(1); ; nth++ {
			p := told(t, 30)
			in := faultfs.NewInject(p.fs)
			in.Arm(faultfs.Fault{Op: faultfs.OpRead, Nth: nth, Err: syscall.EIO, Stays: stays})
			o := *p.options()
			o.FS = in
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				if got, err := open(t.Context(), &o); err == nil {
					got.letGo()
				} else if !errors.Is(err, syscall.EIO) {
					t.Errorf("read %d and after it %v: got %v, want EIO if anything", nth, stays, err)
				}
			}()
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				t.Fatalf("read %d fails, and after it %v: got no end in 20 s", nth, stays)
			}
			if n, _ := in.Hits(faultfs.OpRead); n == 0 { // all is read with fewer
				break
			}
		}
	}
}

// flickers is a disk that gives what lies at an offset of a file every third time: once to who looks for a frame, and never to who
// reads it, page by page after a first try.
type flickers struct {
	vfs.FS
	path string
	off  int64
	n    int
}

type flickering struct {
	vfs.File
	fs *flickers
}

func (f *flickers) Open(name string, write bool) (vfs.File, error) {
	file, err := f.FS.Open(name, write)
	if name == f.path && err == nil {
		return &flickering{file, f}, nil
	}
	return file, err
}

func (f *flickering) ReadAt(b []byte, off int64) (int, error) {
	if off <= f.fs.off && f.fs.off < off+int64(len(b)) {
		if f.fs.n++; f.fs.n%3 != 0 {
			return 0, syscall.EIO
		}
	}
	return f.File.ReadAt(b, off)
}

func TestAFrameThatIsThereNowAndThenIsPassed(t *testing.T) {
	for phase := range 3 {
		p := told(t, 30)
		o := *p.options()
		o.FS = &flickers{FS: p.fs, path: p.path(1), off: headerSize, n: phase}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if got, err := open(t.Context(), &o); err == nil {
				got.letGo()
			}
		}()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatalf("phase %d: got no end in 20 s", phase)
		}
	}
}

// forgetful is a disk that has lost a byte of a file when the other gets its name, once, and has no room for a new one so often.
type forgetful struct {
	vfs.FS
	path   string
	lose   func()
	full   string
	noRoom int
}

func (f *forgetful) Rename(from, to string) error {
	err := f.FS.Rename(from, to)
	if lose := f.lose; to == f.path && lose != nil {
		f.lose = nil
		lose()
	}
	return err
}

func (f *forgetful) Create(name string, size int64) (vfs.File, error) {
	if name == f.full && f.noRoom > 0 {
		f.noRoom--
		return nil, syscall.ENOSPC
	}
	return f.FS.Create(name, size)
}

// Of two damaged segments there is no room to heal the first, and when the second was healed, one of them is damaged again.
func TestASegmentThereIsNoRoomToHealIsReadInAllRounds(t *testing.T) {
	for again := uint32(1); again <= 2; again++ {
		for noRoom := 1; noRoom <= 2; noRoom++ { // in the first round, or in both
			p := told(t, 30)
			second := p.of(p.x.segment(2).sum.first + 1).lsn
			hurt := p.x.segment(again).sum.last
			p.spoil(2)
			p.spoil(second)
			o := *p.options()
			o.FS = &forgetful{FS: p.fs, path: p.path(2), lose: func() { p.flipFrame(again, hurt) }, full: p.path(1) + tmpSuffix, noRoom: noRoom}
			var lost []uint64
			for id := uint64(1); id <= 30; id++ {
				if n := p.frameOf(id); n == 2 || n == second || n == hurt {
					lost = append(lost, id)
				}
			}
			got, state := p.open(&o)
			same(t, fmt.Sprintf("segment %d again, no room %d times", again, noRoom), state, without(t, 30, lost...))
			if len(got.fixed) < 3 || len(lost) != 3 {
				t.Errorf("segment %d: got holes %s, lost sessions %d; want three", again, holesText(got.fixed), lost)
			}
		}
	}
}

// flipFrame damages a frame wherever it lies in its segment now.
func (p *paper) flipFrame(seg uint32, lsn uint64) {
	p.Helper()
	b := content(p.TB, p.fs, p.path(seg))
	s := newScanner(&view{pieces: []piece{{b: b}}, ends: []int64{int64(len(b))}}, p.who, int64(len(b)), 0)
	f, ok, err := s.find(0, lsn-1)
	if err != nil || !ok || f.lsn != lsn {
		p.Fatalf("segment %d, LSN %d: got %v, %v, LSN %d", seg, lsn, ok, err, f.lsn)
	}
	p.flip(seg, f.off+frameSize+3)
}
