package seglog

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// busy is a file system on which somebody writes whenever a file is opened.
type busy struct {
	vfs.FS
	write func()
}

func (b *busy) Open(name string, write bool) (vfs.File, error) {
	if b.write != nil {
		b.write()
	}
	return b.FS.Open(name, write)
}

// warmly warms a paper up, as a process does that is to take over from its writer.
func warmly(t *testing.T, o *Options) {
	t.Helper()
	r, err := warm(t.Context(), o)
	if err != nil {
		t.Fatalf("warm: got %v, want nil", err)
	}
	o.warmed = r
}

func TestAWarmOpeningFindsWhatAColdOneFinds(t *testing.T) {
	var skipped atomic.Int32
	t.Cleanup(func() {
		if skipped.Load() == 0 {
			t.Error("no segment went before it was read")
		}
	})
	for seed := uint64(1); seed <= 5; seed++ { // without reclaim there would be ever more files to open, and so to write
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			p, m, s := newPaper(t, 8<<10), store.NewMemory(), newScribe(seed)
			r := rand.New(rand.NewPCG(seed, 3))
			write := func(n int) {
				for range n {
					p.commit(int(seed)*50, func(b *store.Batch) { s.batch(b); m.Append(b, nil) })
				}
			}
			for round := range 8 {
				b := &busy{FS: p.fs}
				o := p.options()
				o.FS = b
				for range 3 {
					write(r.IntN(80))
					opens, burst := 0, 3+len(p.x.segments)+r.IntN(2) // once the headers were read, and some segment
					b.write = func() {
						if opens++; opens == burst { // so much that segments go which were not read yet
							write(120)
						} else if opens < burst+10 && (opens > burst || round%3 == 1) {
							write(r.IntN(8))
						}
					}
					if round%2 == 0 {
						b.write = nil
					}
					warmly(t, o)
					for _, p := range o.warmed.parts {
						if p.at == 0 {
							skipped.Add(1)
						}
					}
				}
				b.write = nil
				write(r.IntN(30))
				warmed := o.warmed
				got, state := p.open(o)
				same(t, fmt.Sprintf("round %d", round), state, listedStore(t, m))
				if round%2 == 0 && got.replayed != warmed {
					t.Errorf("round %d: the log was read again from segment %d on", round, p.x.segments[0].id)
				}
				if got.lsn != p.lsn || len(got.recovery.Holes) > 0 || got.recovery.TornBytes > 0 {
					t.Errorf("round %d: got LSN %d, %+v; want %d", round, got.lsn, got.recovery, p.lsn)
				}
				p.restart()
				if g, w := counted(got.index), counted(p.x); g != w {
					t.Errorf("round %d: got %s, want %s", round, g, w)
				}
			}
		})
	}
}

func TestWarmGoesOnBehindAFrameThatIsBeingWritten(t *testing.T) {
	p := told(t, 4)
	o := p.options()
	last := p.of(p.lsn)
	whole := content(t, p.fs, p.path(last.seg))
	for n := int64(0); n < last.size; n += 17 {
		p.change(p.path(last.seg), last.off, func(b []byte) { clear(b[copy(b, whole[last.off:][:n]):]) }, last.size)
		warmly(t, o)
		if o.warmed.lsn != last.lsn-1 {
			t.Fatalf("%d bytes of the frame: got LSN %d, want %d", n, o.warmed.lsn, last.lsn-1)
		}
	}
	p.change(p.path(last.seg), last.off, func(b []byte) { copy(b, whole[last.off:]) }, last.size)
	warmed := o.warmed
	got, state := p.open(o)
	same(t, "opened", state, without(t, 4))
	if got.replayed != warmed || got.recovery.TornBytes > 0 {
		t.Errorf("got torn bytes %d, read anew %v", got.recovery.TornBytes, got.replayed != warmed)
	}
}

func TestALogThatChangedSinceItWasWarmedIsReadAnew(t *testing.T) {
	for name, change := range map[string]func(p *paper){
		"healed":    func(p *paper) { p.spoil(2); p.open(p.options()) },
		"cut":       func(p *paper) { p.spoil(p.lsn); p.open(p.options()) },
		"other end": func(p *paper) { p.rewriteLast() },
		"gone":      func(p *paper) { p.must(p.fs.Remove(p.path(1))) },
	} {
		t.Run(name, func(t *testing.T) {
			p := told(t, 12)
			o := p.options()
			warmly(t, o)
			warmed := o.warmed
			change(p)
			_, want := p.open(p.options())
			got, state := p.open(o)
			same(t, "opened", state, want)
			if got.replayed == warmed && name != "gone" {
				t.Error("what was read before is taken for good")
			}
		})
	}
}

// rewriteLast puts another frame of the same length in the place of the last one.
func (p *paper) rewriteLast() {
	p.Helper()
	s := p.of(p.lsn)
	p.change(p.path(s.seg), s.off, func(b []byte) {
		b[len(b)-1] ^= 1 // the number of a message
		endFrame(b, 0, p.who, frameRecords, s.lsn, 1, int(b[32]))
	}, s.size)
}

func TestWarmHelpsNothingWhereThereIsNothing(t *testing.T) {
	p := newPaper(t, 2<<10)
	for name, dir := range map[string]string{"no directory": "/nowhere", "no store": "/"} {
		o := p.options()
		o.Dir = dir
		if _, err := warm(t.Context(), o); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	damaged := told(t, 12)
	damaged.spoil(2)
	if _, err := warm(t.Context(), damaged.options()); err == nil {
		t.Error("damage: got no error")
	}
}
