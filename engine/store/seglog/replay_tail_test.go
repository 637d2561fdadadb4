package seglog

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// wantCut opens a paper whose end is torn, twice: the second time there is nothing to cut.
func wantCut(t *testing.T, what string, p *paper, want []string, lsn uint64) {
	t.Helper()
	got, state := p.open(p.options())
	same(t, what, state, want)
	if got.recovery.TornBytes == 0 || len(got.recovery.Holes) > 0 || got.lsn != lsn || got.recovery.Clean {
		t.Errorf("%s: got LSN %d, %+v; want LSN %d, torn bytes and no holes", what, got.lsn, got.recovery, lsn)
	}
	again, state := p.open(p.options())
	same(t, what+", opened again", state, want)
	if again.recovery.TornBytes != 0 || len(again.recovery.Holes) > 0 || again.lsn != lsn {
		t.Errorf("%s, opened again: got LSN %d, %+v; want LSN %d and nothing torn", what, again.lsn, again.recovery, lsn)
	}
}

func TestATornTailIsCut(t *testing.T) {
	const sessions = 10
	last := func() (*paper, span) { p := told(t, sessions); return p, p.of(p.lsn) }
	_, s := last()
	want := without(t, sessions, sessions)
	for n := int64(1); n < s.size; n += 1 + s.size/40 {
		p, s := last()
		p.wipe(s.seg, s.off+n, s.size-n)
		wantCut(t, fmt.Sprintf("cut after %d bytes", n), p, want, s.lsn-1)
	}
	for off := s.off; off < s.end(); off += 1 + s.size/40 {
		p, s := last()
		p.flip(s.seg, off)
		wantCut(t, fmt.Sprintf("flipped at %d", off-s.off), p, want, s.lsn-1)
	}
	for _, junk := range [][]byte{{1}, bytes.Repeat([]byte{0, 0xff}, 200), beginFrame(nil)[:1:1], []byte(headerMagic)} {
		p, s := last()
		p.change(p.path(s.seg), s.end()+100, func(b []byte) { copy(b, append(junk, 1)) }, int64(len(junk)+1))
		wantCut(t, fmt.Sprintf("%x behind it", junk), p, without(t, sessions), s.lsn)
	}
}

func TestACutTailIsZeroes(t *testing.T) {
	p := told(t, 10)
	s := p.of(p.lsn)
	p.flip(s.seg, s.off+50)
	p.open(p.options())
	b := content(t, p.fs, p.path(s.seg))
	if int64(len(b)) != p.size || len(bytes.Trim(b[s.off:], "\x00")) > 0 {
		t.Errorf("got %d bytes, %x behind the last frame; want %d, and zeroes", len(b), bytes.Trim(b[s.off:], "\x00"), p.size)
	}
}

// lazy is a paper whose last segment has frames that were written without a sync between: each knows how far behind the disk it is.
func lazy(t *testing.T, synced, after int) (*paper, uint64) {
	p := newPaper(t, 8<<10)
	id := uint64(1)
	for ; id <= uint64(synced); id++ {
		p.commit(0, func(b *store.Batch) { tellSession(b, id) })
	}
	durable := p.lsn
	for range after {
		p.behind = uint32(p.lsn + 1 - durable)
		p.commit(0, func(b *store.Batch) { tellSession(b, id) })
		id++
	}
	if p.head().id != 1 {
		t.Fatal("the paper has rolled")
	}
	return p, durable
}

func TestFramesBehindOneThatNeverCameToTheDiskAreCutWithIt(t *testing.T) {
	for bad := uint64(6); bad <= 9; bad++ {
		p, durable := lazy(t, 5, 5)
		s := p.spoil(bad)
		var lost []uint64
		for id := bad; id <= 10; id++ {
			lost = append(lost, id)
		}
		wantCut(t, fmt.Sprintf("frame %d, durable up to %d, at %d", bad, durable, s.off), p, without(t, 10, lost...), bad-1)
	}
}

func TestADamagedFrameThatWasOnTheDiskIsAHoleThoughTheTailIsNot(t *testing.T) {
	p, _ := lazy(t, 5, 5)
	p.spoil(3) // frame 6 and on say that 5 was on the disk
	p.spoil(8)
	got, state := p.open(p.options())
	same(t, "opened", state, without(t, 10, 3, 8, 9, 10))
	if len(got.fixed) != 1 || got.fixed[0].FirstLSN != 3 || got.fixed[0].LastLSN != 3 || got.lsn != 7 || got.recovery.TornBytes == 0 {
		t.Errorf("got LSN %d, %d torn bytes, holes %s; want 7, some, and LSN 3", got.lsn, got.recovery.TornBytes, holesText(got.fixed))
	}
	again, state := p.open(p.options())
	same(t, "opened again", state, without(t, 10, 3, 8, 9, 10))
	if again.lsn != 7 || again.recovery.TornBytes > 0 || len(again.fixed) > 0 {
		t.Errorf("opened again: got LSN %d, %+v", again.lsn, again.recovery)
	}
}

func TestDamageAtTheEndThatALaterFrameKnewOnTheDiskIsAHole(t *testing.T) {
	p := told(t, 10)
	p.spoil(p.lsn - 1)
	s := p.spoil(p.lsn) // its head still says that the one before was on the disk
	before := p.of(p.lsn - 1)
	wantHealed(t, p, without(t, 10, 9, 10), fmt.Sprintf("segment %d, %d+%d, LSN %d-%d, nobody knows: frames are damaged at its end", s.seg, before.off,
		before.size+s.size, before.lsn, s.lsn))
	got, _ := p.open(p.options())
	if got.lsn != s.lsn {
		t.Errorf("got LSN %d, want %d: those that are lost are not given again", got.lsn, s.lsn)
	}
}

// A segment has its name only once its beginning is on the disk, so one without is damaged, and never torn.
func TestALastSegmentWithoutABeginningIsDamaged(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(p *paper, first, commit span)
		hole   func(first, commit span) string
	}{
		"the first block": { // the last byte of what is behind it is 0
			func(p *paper, first, commit span) { p.wipe(first.seg, 0, commit.off+50) },
			func(first, commit span) string {
				return fmt.Sprintf("0+%d, LSN %d-%d, nobody knows: its header is damaged", commit.end()-1, first.lsn, first.lsn)
			},
		},
		"the heads": {
			func(p *paper, first, commit span) {
				p.flip(first.seg, 10)
				p.flip(first.seg, first.end()-1)
				p.flip(first.seg, commit.off+60)
			},
			func(first, commit span) string {
				return fmt.Sprintf("0+%d, LSN %d-%d, nobody knows: its header is damaged", commit.end()-1, first.lsn, commit.lsn)
			},
		},
		"all but the header": {
			func(p *paper, first, commit span) { p.wipe(first.seg, first.off+20, commit.end()-first.off-20) },
			func(first, _ span) string {
				return fmt.Sprintf("64+17, LSN %d-%d, nobody knows: its beginning is damaged", first.lsn, first.lsn)
			},
		},
		"the summary, which nobody knows of": {
			func(p *paper, first, commit span) { p.flip(first.seg, first.off+40) },
			func(first, commit span) string {
				return fmt.Sprintf("64+%d, LSN %d-%d, nobody knows: frames are damaged", first.size, first.lsn, first.lsn)
			},
		},
		"everything": {
			func(p *paper, first, commit span) { p.wipe(first.seg, 0, commit.end()) },
			func(first, _ span) string {
				return fmt.Sprintf("0+64, LSN %d-%d, nobody knows: its header is damaged", first.lsn, first.lsn)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := told(t, 10)
			p.roll()
			first := p.of(p.lsn)
			p.behind = 1
			if strings.HasSuffix(name, "knows of") {
				p.behind = 5
			}
			p.commit(0, func(b *store.Batch) { tellSession(b, 11) })
			commit := p.of(p.lsn)
			c.damage(p, first, commit)
			before := content(t, p.fs, p.path(first.seg))
			want := without(t, 10)
			if p.behind > 1 { // and it can be read
				want = without(t, 11)
			}
			got := wantHealed(t, p, want, fmt.Sprintf("segment %d, ", first.seg)+c.hole(first, commit))
			if file := got.fixed[0].File; file == "" || !bytes.Equal(content(t, p.fs, file), before) {
				t.Errorf("%q does not hold what was damaged", file)
			}
			if got.recovery.TornBytes > 0 {
				t.Errorf("got %d bytes torn, want none", got.recovery.TornBytes)
			}
		})
	}
}

func TestTheOnlySegmentMayBeTornInItsFirstFrame(t *testing.T) {
	p := newPaper(t, 4<<10)
	p.commit(0, func(b *store.Batch) { tellSession(b, 1) })
	s := p.of(1)
	p.wipe(1, s.off+40, s.size-40)
	got, state := p.open(p.options())
	if len(state) > 0 || len(got.recovery.Holes) > 0 || got.recovery.TornBytes == 0 || got.lsn != 0 {
		t.Errorf("got %q, %+v; want nothing but torn bytes", state, got.recovery)
	}
}

func TestAStoreOfWhichNothingCanBeReadStartsEmptyAndKeepsTheFile(t *testing.T) {
	p := told(t, 3)
	p.change(p.path(1), 0, invert, p.head().size)
	before := content(t, p.fs, p.path(1))
	got, state := p.open(p.options())
	if len(state) > 0 || len(got.fixed) != 1 || got.fixed[0].LastLSN != 1 {
		t.Errorf("got %q, holes %s; want nothing, and one hole that says so", state, holesText(got.fixed))
	}
	names, err := p.fs.ReadDir(p.dir + "/" + quarantineDir)
	if err != nil || len(names) != 1 || !bytes.Equal(content(t, p.fs, p.dir+"/"+quarantineDir+"/"+names[0]), before) {
		t.Errorf("the quarantine holds %q, want the file", names)
	}
}

func TestWhatAnOpeningHasReadIsOnTheDisk(t *testing.T) {
	for seed := range uint64(20) {
		p := told(t, 10)
		killed := p.fs.Kill() // and what was written is in the kernel's memory alone
		o := p.options()
		o.FS = killed
		got, err := open(t.Context(), o)
		p.must(err)
		state := listed(t, got.index)
		got.letGo()
		same(t, "opened", state, without(t, 10))
		o.FS = killed.Crash(rand.New(rand.NewPCG(seed, 1)))
		got, err = open(t.Context(), o)
		p.must(err)
		same(t, "after a power cut", listed(t, got.index), state)
		got.letGo()
	}
}
