package seglog

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// wantHealed opens a damaged paper three times: healed at the first, known about at the second, and just so at a check.
func wantHealed(t *testing.T, p *paper, want []string, holes string) *opened {
	t.Helper()
	got, state := p.open(p.options())
	same(t, "opened", state, want)
	if text := holesText(got.fixed); text != holes {
		t.Errorf("holes:\n got %s\nwant %s", text, holes)
	}
	again, state := p.open(p.options())
	same(t, "opened again", state, want)
	if text := holesText(again.recovery.Holes); text != holes || len(again.fixed) > 0 {
		t.Errorf("opened again: got holes %s, %d of them new; want %s, none new", text, len(again.fixed), holes)
	}
	if got.lsn != again.lsn {
		t.Errorf("opened again: got LSN %d, want %d", again.lsn, got.lsn)
	}
	o := *p.options()
	o.Strict = true // there is nothing to refuse any more
	if _, state = p.open(&o); !slices.Equal(state, want) {
		t.Error("opened strictly: got another state")
	}
	return got
}

func TestDamageCostsOnlyTheFrameThatItHits(t *testing.T) {
	const sessions = 12
	for _, lost := range []uint64{1, 4, 5, 6, 11} {
		p := told(t, sessions)
		s := p.of(p.frameOf(lost))
		for _, off := range []int64{s.off, s.off + 9, s.off + 13, s.off + 17, s.off + 29, s.off + 33, s.off + frameSize, s.end() - 1} {
			p := told(t, sessions)
			before := files(t, p.fs, p.dir)
			p.flip(s.seg, off)
			damaged := content(t, p.fs, p.path(s.seg))
			got, state := p.open(p.options())
			same(t, "opened", state, without(t, sessions, lost))
			if len(got.fixed) != 1 || got.fixed[0].FirstLSN != s.lsn || got.fixed[0].LastLSN != s.lsn || got.fixed[0].Offset != s.off ||
				got.fixed[0].Bytes > s.size || got.fixed[0].Bytes < s.size-1 || got.fixed[0].Segment != uint64(s.seg) {
				t.Fatalf("session %d, offset %d: got holes %+v, want one of %+v", lost, off, got.fixed, s)
			}
			if file := got.fixed[0].File; !bytes.Equal(content(t, p.fs, file), damaged) || filepath.Base(filepath.Dir(file)) != quarantineDir {
				t.Errorf("%s is not the damaged original", file)
			}
			if after := files(t, p.fs, p.dir); len(after) != len(before)+1 {
				t.Errorf("got %d files, want one more than %d", len(after), len(before))
			}
			if s.seg != p.head().id { // else there is no summary
				if got := kindsText(&got.fixed[0]); got != "1 ACK, 3 ENQ, 1 META, 3 MSG, 1 QIN, 1 REL, 1 RET, 1 SES, 1 SUB" {
					t.Errorf("session %d: got lost %s", lost, got)
				}
			}
		}
		p.spoil(s.lsn)
		reason := "frames are damaged"
		if s.lsn == p.x.segment(s.seg).sum.last {
			reason = "frames are damaged at its end"
		}
		wantHealed(t, p, without(t, sessions, lost), holesText([]store.Hole{{Segment: uint64(s.seg), Offset: s.off, Bytes: s.size, FirstLSN: s.lsn, LastLSN: s.lsn,
			Reason: reason, Records: records(s.seg != p.head().id)}}))
	}
}

// records is what tellSession writes, where there is a summary that tells it.
func records(known bool) map[string]uint64 {
	if !known {
		return nil
	}
	return map[string]uint64{"ACK": 1, "ENQ": 3, "META": 1, "MSG": 3, "QIN": 1, "REL": 1, "RET": 1, "SES": 1, "SUB": 1}
}

func TestSeveralHolesOfASegmentShareWhatItHasLost(t *testing.T) {
	p := told(t, 12)
	first := p.of(p.frameOf(1))
	second := p.of(p.frameOf(3))
	if first.seg != second.seg {
		t.Fatal("the sessions are in different segments")
	}
	p.spoil(first.lsn)
	p.wipe(second.seg, second.off, second.size)
	got := wantHealed(t, p, without(t, 12, 1, 3), "segment 1, 64+288, LSN 1-1, 2 ACK, 6 ENQ, 2 META, 6 MSG, 2 QIN, 2 REL, 2 RET, 2 SES, 2 SUB (in all holes of the segment): "+
		"frames are damaged; segment 1, 646+294, LSN 3-3, 2 ACK, 6 ENQ, 2 META, 6 MSG, 2 QIN, 2 REL, 2 RET, 2 SES, 2 SUB (in all holes of the segment): frames are damaged")
	if !got.fixed[0].Estimated || !got.fixed[1].Estimated {
		t.Errorf("got %+v, want both estimated", got.fixed)
	}
}

func TestALostHeaderCostsNothing(t *testing.T) {
	for _, seg := range []uint32{1, 2} {
		p := told(t, 12)
		p.flip(seg, 20)
		holes := "segment 1, 0+64, LSN 0-0, nothing: its header is damaged"
		if seg == 2 {
			holes = "segment 2, 0+64, LSN 0-0, nothing: its header is damaged"
		}
		wantHealed(t, p, without(t, 12), holes)
	}
	p := told(t, 12)
	p.flip(p.head().id, 20)
	wantHealed(t, p, without(t, 12), "segment 2, 0+64, LSN 0-0, nothing: its header is damaged")
}

func TestALostBeginningIsOneHole(t *testing.T) {
	p := told(t, 12)
	first := p.of(1)
	p.wipe(1, 0, first.end())
	wantHealed(t, p, without(t, 12, 1), "segment 1, 0+352, LSN 1-1, 1 ACK, 3 ENQ, 1 META, 3 MSG, 1 QIN, 1 REL, 1 RET, 1 SES, 1 SUB: its header is damaged")
}

func TestAMissingSegmentIsAHole(t *testing.T) {
	p := told(t, 30)
	if p.head().id < 4 {
		t.Fatalf("got %d segments, want 4", p.head().id)
	}
	var lost []uint64
	for id := uint64(1); id <= 30; id++ {
		if at, _ := p.x.message(id*100 + 1); at.seg == 2 {
			lost = append(lost, id)
		}
	}
	s := p.x.segment(2).sum
	p.must(p.fs.Remove(p.path(2)))
	got := wantHealed(t, p, without(t, 30, lost...), holesText([]store.Hole{{Segment: 2, FirstLSN: s.first, LastLSN: s.last, Records: named(&s.records),
		Reason: "the file is missing"}}))
	if got.fixed[0].File != "" {
		t.Errorf("got the original in %s, want none", got.fixed[0].File)
	}
}

func TestSeveralMissingSegmentsAreToldApartByTheLastOnesSummary(t *testing.T) {
	p := told(t, 40)
	var lost []uint64
	for id := uint64(1); id <= 40; id++ {
		if at, _ := p.x.message(id*100 + 1); at.seg == 2 || at.seg == 3 {
			lost = append(lost, id)
		}
	}
	second, third := p.x.segment(2).sum, p.x.segment(3).sum
	p.must(p.fs.Remove(p.path(2)))
	p.must(p.fs.Remove(p.path(3)))
	wantHealed(t, p, without(t, 40, lost...), holesText([]store.Hole{
		{Segment: 2, FirstLSN: second.first, LastLSN: second.last, Reason: "the file is missing"},
		{Segment: 3, FirstLSN: third.first, LastLSN: third.last, Records: named(&third.records), Reason: "the file is missing"},
	}))
}

func TestFramesThatAreMissingAtTheEndOfASegmentAreAHole(t *testing.T) {
	p := told(t, 30)
	last := p.of(p.x.segment(2).sum.last)
	var lost uint64
	for id := uint64(1); id <= 30; id++ {
		if p.frameOf(id) == last.lsn {
			lost = id
		}
	}
	p.wipe(2, last.off, last.size)
	wantHealed(t, p, without(t, 30, lost), holesText([]store.Hole{{Segment: 2, Offset: last.off, FirstLSN: last.lsn, LastLSN: last.lsn, Records: records(true),
		Reason: "frames are missing at its end"}}))
}

func TestStrictRefusesWithOneLine(t *testing.T) {
	p := told(t, 12)
	s := p.spoil(3)
	o := p.options()
	o.Strict = true
	before := files(t, p.fs, p.dir)
	_, err := open(t.Context(), o)
	want := "/log/00000001.seg is damaged at offset 646 (frames are damaged); see: penstock store check /log"
	if err == nil || err.Error() != want {
		t.Errorf("damage at %d: got %v, want %s", s.off, err, want)
	}
	same(t, "the files", files(t, p.fs, p.dir), before)
}

func TestAFrameWhoseRecordsCannotBeReadIsDamage(t *testing.T) {
	for name, write := range map[string]func(p *paper){
		"malformed":     func(p *paper) { p.write(frameRecords, []byte{byte(store.ACK), 1, 1, 1}, 1) },
		"fewer records": func(p *paper) { p.write(frameRecords, []byte{byte(store.ACK), 1, 2, 1, 1}, 2) },
		"half good": func(p *paper) {
			var b store.Batch
			b.DropSession(1)
			p.write(frameRecords, append(b.Bytes(), byte(store.ACK), 1, 2, 0, 0), 2)
		},
		"summary": func(p *paper) { p.write(frameSummary, []byte{1, 2}, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			p := told(t, 3)
			write(p)
			p.commit(0, func(b *store.Batch) { tellSession(b, 4) })
			got, state := p.open(p.options())
			same(t, "opened", state, without(t, 4))
			if len(got.fixed) != 1 || got.fixed[0].FirstLSN != 4 || got.fixed[0].LastLSN != 4 {
				t.Errorf("got %s, want LSN 4", holesText(got.fixed))
			}
		})
	}
}

func TestWhatANewerVersionHasWrittenIsRefused(t *testing.T) {
	newer := appendHeader(nil, paperID, 1, 0)
	newer[8] = major + 1
	for name, write := range map[string]func(p *paper){
		"kind":       func(p *paper) { p.write(frameRecords, []byte{0x85, 1, 0}, 1) },
		"version":    func(p *paper) { p.write(frameRecords, []byte{byte(store.ACK), 200, 2, 1, 1}, 1) },
		"frame type": func(p *paper) { p.write(0x81, nil, 0) },
		"segment":    func(p *paper) { p.change(p.path(1), 0, func(b []byte) { copy(b, sealed(newer)) }, headerSize) },
		"store":      func(p *paper) { p.change("/log/store", 0, func(b []byte) { copy(b, sealed(newer)) }, headerSize) },
	} {
		t.Run(name, func(t *testing.T) {
			p := told(t, 3)
			write(p)
			before := files(t, p.fs, p.dir)
			for _, strict := range []bool{false, true} {
				o := p.options()
				o.Strict = strict
				if _, err := open(t.Context(), o); err == nil || !strings.Contains(err.Error(), store.ErrNewer.Error()) {
					t.Errorf("strict %v: got %v, want ErrNewer", strict, err)
				}
			}
			same(t, "the files", files(t, p.fs, p.dir), before)
		})
	}
}

func TestWhatANewerVersionAllowsToLeaveOutIsCarriedOn(t *testing.T) {
	p := newPaper(t, 4<<10)
	unknown := []byte{0x70, 9, 3, 'a', 'b', 'c'}
	p.commit(0, func(b *store.Batch) { b.Record(&store.Record{Kind: 0x70, Raw: unknown}); tellSession(b, 1) })
	p.write(0x7f, []byte("whatever"), 0)
	for id := uint64(2); p.head().id < 6; id++ {
		p.commit(400, func(b *store.Batch) { tellSession(b, id); b.DropSession(id) })
	}
	p.restart()
	found := 0
	err := Dump(t.Context(), *p.options(), true, func(_ uint32, _ int64, _ uint64, r *store.Record) error {
		if r.Kind == 0x70 && bytes.Equal(r.Raw, unknown) {
			found++
		}
		return nil
	})
	if err != nil || found == 0 || p.x.segments[0].id == 1 {
		t.Errorf("got %v, the record %d times, from segment %d on; want it once it was moved on", err, found, p.x.segments[0].id)
	}
}
