package seglog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

func TestACheckTellsWhatAnOpeningWouldFindAndChangesNothing(t *testing.T) {
	p, _ := worst(t)
	before := files(t, p.fs, p.dir)
	report, err := Check(t.Context(), *p.options())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the files", files(t, p.fs, p.dir), before)
	if exists(t, p.fs, "/log/lock") {
		t.Error("there is a lock now")
	}
	repaired, err := Repair(t.Context(), *p.options())
	if err != nil {
		t.Fatal(err)
	}
	found := holesText(report.Recovery.Holes)
	if fixed := holesText(repaired.Recovery.Holes); fixed != found || len(report.Recovery.Holes) != 4 {
		t.Errorf("got holes\n%s\nand repaired\n%s", found, fixed)
	}
	if report.Recovery.TornBytes == 0 || repaired.Recovery.TornBytes != report.Recovery.TornBytes {
		t.Errorf("got %d torn bytes, %d of them cut", report.Recovery.TornBytes, repaired.Recovery.TornBytes)
	}
	again, err := Check(t.Context(), *p.options())
	if err != nil {
		t.Fatal(err)
	}
	if text := holesText(again.Earlier); text != found || len(again.Recovery.Holes)+len(repaired.Earlier) > 0 {
		t.Errorf("checked again: got earlier holes\n%s\nand %d new ones, want\n%s", text, len(again.Recovery.Holes), found)
	}
	var text strings.Builder
	if again.Text(&text); !strings.Contains(text.String(), "stay listed until their segments are removed") {
		t.Errorf("checked again: got %s, want how the holes go away", text.String())
	}
	if len(again.Quarantine) != 2 || !exists(t, p.fs, again.Quarantine[0]) {
		t.Errorf("got the originals in %q, want two", again.Quarantine)
	}
	for _, r := range []Report{report, repaired, again} {
		got := fmt.Sprint(r.Sessions, r.Subscriptions, r.Messages, r.Deliveries, r.Retained, r.Notes, r.OrphanSessions, r.LSN)
		if want := fmt.Sprint(repaired.Sessions, repaired.Sessions, 2*repaired.Sessions, 2*repaired.Sessions, repaired.Sessions, repaired.Sessions, 0, 45); got != want {
			t.Errorf("got counts %s, want %s", got, want)
		}
	}
	states := func(r *Report) (s []string) {
		for _, seg := range r.Segments {
			s = append(s, seg.State)
		}
		return s
	}
	if repaired.Sessions != 31 {
		t.Errorf("got %d sessions, want 31", repaired.Sessions)
	}
	if got, want := strings.Join(states(&report)[:4], " "), "damaged damaged missing good"; got != want {
		t.Errorf("got segments %s, want %s", got, want)
	}
	if got, want := strings.Join(states(&again)[:4], " "), "healed healed healed good"; got != want || states(&again)[len(again.Segments)-1] != "last" {
		t.Errorf("checked again: got segments %s, want %s", got, want)
	}
}

func TestAReportSaysInWordsWhatWasLost(t *testing.T) {
	p, _ := worst(t)
	report, err := Check(t.Context(), *p.options())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	report.Text(&out)
	for _, want := range []string{
		"Store 01020300000000000000000000000010 in /log", "It was not closed", "Sessions 31, subscriptions 31, messages 62",
		"segment 00000001, offset 352, 294 bytes: frames are damaged", "Missing: LSN 2; all holes of this segment together held 2 ACK, 6 ENQ,",
		"Nothing is missing.", "segment 00000003, offset 0, 0 bytes: the file is missing", "Missing: LSN 14-20, with 6 ACK",
		"Deliveries that were acknowledged may be repeated: up to 8.", "Retained messages may be lost or be older ones: up to 8.",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "SESDEL") || strings.Contains(out.String(), "risen") {
		t.Errorf("sessions have not risen:\n%s", out.String())
	}
}

func TestACheckBesideTheOneWhoHasTheStore(t *testing.T) {
	o := Options{Dir: t.TempDir(), FS: vfs.OS, SegmentSize: 64 << 10}
	g := New(o)
	if err := g.Recover(t.Context(), func(*store.Record) error { return nil }); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for id := uint64(1); id <= 300; id++ {
		b := new(store.Batch)
		tellSession(b, id)
		if !g.Append(b, func(err error) { done <- err }) {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if id%50 > 0 {
			continue
		}
		report, err := Check(t.Context(), o)
		if err != nil || !report.Held || report.Holder == "" || len(report.Recovery.Holes) > 0 || report.Recovery.TornBytes > 0 ||
			report.Sessions != int(id) || !report.Spare && id == 300 {
			t.Errorf("session %d: got %+v, %v; want it held, whole and with %d sessions", id, report, err, id)
		}
	}
	if _, err := Repair(t.Context(), o); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("Repair of a store in use: got %v, want ErrLocked", err)
	}
	if err := g.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	report, err := Check(t.Context(), o)
	if err != nil || report.Held || !report.Recovery.Clean || report.Sessions != 300 {
		t.Errorf("closed: got %+v, %v; want 300 sessions, closed", report, err)
	}
}

func TestNobodyMakesAStoreByLookingForOne(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, FS: vfs.OS}
	for _, dir := range []string{dir, dir + "/not/there"} {
		o.Dir = dir
		_, check := Check(t.Context(), o)
		_, repair := Repair(t.Context(), o)
		dump := Dump(t.Context(), o, true, func(uint32, int64, uint64, *store.Record) error { return nil })
		for _, err := range []error{check, repair, dump} {
			if err == nil || !strings.Contains(err.Error(), dir) {
				t.Errorf("%s: got %v, want an error that names it", dir, err)
			}
		}
	}
	names, err := vfs.OS.ReadDir(dir)
	if err != nil || len(names) > 0 {
		t.Errorf("got %q in the directory, want nothing", names)
	}
}

func TestADumpHasAllRecordsOrThoseThatCount(t *testing.T) {
	p, m, s := newPaper(t, 8<<10), store.NewMemory(), newScribe(9)
	for range 900 {
		p.commit(300, func(b *store.Batch) { s.batch(b); m.Append(b, nil) })
	}
	var all [256]uint64
	lsn := uint64(0)
	err := Dump(t.Context(), *p.options(), false, func(seg uint32, off int64, at uint64, r *store.Record) error {
		if all[r.Kind]++; at < lsn {
			t.Errorf("LSN %d comes after %d", at, lsn)
		}
		lsn = at
		raw := make([]byte, len(r.Raw))
		if err := readFull(p.x.segment(seg).file, raw, off); err != nil || !slices.Equal(raw, r.Raw) {
			t.Errorf("segment %d, offset %d: %x is not there", seg, off, r.Raw)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var want [256]uint64
	for _, s := range p.x.segments {
		for kind, n := range s.sum.records {
			want[kind] += n
		}
	}
	if all != want {
		t.Errorf("got records %v, want %v", named(&all), named(&want))
	}
	same(t, "what counts", liveOf(t, p.options()), listedStore(t, m))
}

// liveOf folds a live dump, whose order is that of the files.
func liveOf(t *testing.T, o *Options) []string {
	t.Helper()
	var early, late store.Batch
	err := Dump(t.Context(), *o, true, func(_ uint32, _ int64, _ uint64, r *store.Record) error {
		switch r.Kind {
		case store.MSG, store.SES:
			early.Record(r)
		case store.META, store.RET, store.SUB, store.QIN, store.ENQ, store.REL:
			late.Record(r)
		default:
			t.Errorf("%v is in a live dump", r.Kind)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var both store.Batch
	var r store.Record
	add := func(r *store.Record) error { both.Record(r); return nil }
	if err := errors.Join(store.Each(early.Bytes(), &r, add), store.Each(late.Bytes(), &r, add)); err != nil {
		t.Fatal(err)
	}
	m := store.NewMemory()
	m.Append(&both, nil)
	return listedStore(t, m)
}

func TestADumpOfADamagedLogLeavesOutWhatCannotBeRead(t *testing.T) {
	p, lost := worst(t)
	before := files(t, p.fs, p.dir)
	same(t, "what counts", liveOf(t, p.options()), without(t, 40, lost...))
	same(t, "the files", files(t, p.fs, p.dir), before)
	stop := errors.New("stop")
	if err := Dump(t.Context(), *p.options(), false, func(uint32, int64, uint64, *store.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the error of the visit", err)
	}
}
