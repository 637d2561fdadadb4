package seglog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// twice opens what a fuzzer has written, and again: whatever it is, it opens unless a newer version wrote it, and what was found
// and healed once is found just so a second time.
func twice(t *testing.T, p *paper) *opened {
	t.Helper()
	got, err := open(t.Context(), p.options())
	if errors.Is(err, store.ErrNewer) {
		return nil
	}
	if err != nil {
		t.Fatalf("open: got %v, want nil", err)
	}
	state := listed(t, got.index)
	wantSound(t, got.index)
	got.letGo()
	report, err := Check(t.Context(), *p.options())
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Recovery.Holes) > 0 || report.Recovery.TornBytes > 0 || report.LSN != got.lsn {
		t.Errorf("checked: got LSN %d, %d torn bytes and holes %s; want LSN %d and nothing else", report.LSN, report.Recovery.TornBytes,
			holesText(report.Recovery.Holes), got.lsn)
	}
	again, twin := p.open(p.options())
	same(t, "opened again", twin, state)
	if again.lsn != got.lsn || again.recovery.TornBytes > 0 || len(again.fixed) > 0 || len(again.recovery.Holes) != len(got.recovery.Holes) {
		t.Errorf("opened again: got LSN %d, %+v; want %d, as %+v", again.lsn, again.recovery, got.lsn, got.recovery)
	}
	return got
}

// wantSound checks that the parts of an index agree with each other.
func wantSound(t *testing.T, x *index) {
	t.Helper()
	refs := map[uint64]uint32{}
	live, deliveries, subs := map[uint32]int64{}, 0, 0
	for _, s := range x.sessions {
		live[s.at.seg] += int64(s.at.len)
		s.subs.all(func(_ uint64, at place) { subs++; live[at.seg] += int64(at.len) })
		s.incoming.all(func(_ uint16, seg uint32) { live[seg] += incomingBytes })
		s.queue.all(func(d *delivery) bool { deliveries++; refs[d.message]++; live[d.seg] += deliveryBytes; return true })
	}
	for id, m := range x.messages {
		if live[m.at.seg] += int64(m.at.len); m.refs&^refMoved != refs[id] || m.at.len == 0 || m.unnamed() {
			t.Errorf("message %d: got %+v, want it at a place, for %d deliveries", id, m, refs[id])
		}
	}
	for _, m := range []map[uint64]place{x.notes, x.retained} {
		for _, at := range m {
			live[at.seg] += int64(at.len)
		}
	}
	if deliveries != x.deliveries || subs != x.subscriptions {
		t.Errorf("got %d deliveries and %d subscriptions, counted %d and %d", deliveries, subs, x.deliveries, x.subscriptions)
	}
	var sum int64
	for _, s := range x.segments {
		if sum += s.live; s.live < live[s.id] { // more: of records of unknown kinds
			t.Errorf("segment %d: got %d live bytes, want at least %d", s.id, s.live, live[s.id])
		}
	}
	if sum != x.live {
		t.Errorf("got %d live bytes, %d in the segments", x.live, sum)
	}
}

// Arbitrary bytes are a segment, alone or the first of two, behind a header or instead of one.
func FuzzSegment(f *testing.F) {
	sample := told(f, 3)
	whole := content(f, sample.fs, sample.path(1))[:sample.head().size]
	f.Add(whole, true, false)
	f.Add(whole[headerSize:], false, true)
	f.Add(append(slices.Clone(whole[headerSize:]), whole[headerSize:]...), false, false)
	f.Add([]byte{}, false, true)
	f.Fuzz(func(t *testing.T, in []byte, header, more bool) {
		p := newPaper(t, 4<<10)
		start := int64(headerSize)
		if header {
			start = 0
		}
		_, err := p.head().file.WriteAt(in, start)
		p.must(err)
		if more {
			p.lsn += 5
			p.roll()
			p.commit(0, func(b *store.Batch) { tellSession(b, 1000) })
		}
		twice(t, p)
	})
}

// A script writes frames that hold together, each with some odd number, and damages some.
func FuzzFrames(f *testing.F) {
	var b store.Batch
	tellSession(&b, 1)
	f.Add([]byte{0, 0, 0, 0, 1, 0, 2, 0, 3, 0x15, 4, 0}, b.Bytes())
	f.Add([]byte{1, 1, 2, 2, 3, 3, 0x40, 7, 9, 9, 0, 0, 0x80, 5}, b.Bytes())
	f.Fuzz(func(t *testing.T, script, body []byte) {
		p := newPaper(t, 2<<10)
		for len(script) >= 2 && p.head().id < 8 {
			op, n := script[0], script[1]
			script = script[2:]
			if p.behind = uint32(n>>4) % 5; p.lsn > 1<<40 {
				return
			}
			cut := body[:min(len(body), int(n)*4)]
			switch op % 8 {
			case 0, 1:
				p.commit(0, func(b *store.Batch) { tellSession(b, uint64(n)+1) })
			case 2:
				p.write(frameRecords, cut, int(n))
			case 3:
				p.write(frameType(n%8), cut, 0)
			case 4:
				p.lsn += uint64(n)
			case 5:
				p.lsn -= min(p.lsn-1, uint64(n))
			case 6:
				p.roll()
			case 7:
				if i := int(n) % max(1, len(p.spans)); i < len(p.spans) && exists(t, p.fs, p.path(p.spans[i].seg)) {
					s := p.spans[i]
					p.flip(s.seg, s.off+int64(n)%s.size)
				}
			}
			if op&0x40 != 0 && p.head().id > 2 && exists(t, p.fs, p.path(p.head().id-1)) {
				p.must(p.fs.Remove(p.path(p.head().id - 1)))
			}
		}
		if got := twice(t, p); got != nil && got.lsn > p.lsn+1<<20 {
			t.Errorf("got LSN %d, want about %d", got.lsn, p.lsn)
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(appendHeader(nil, paperID, 1, 1_700_000_000), false)
	f.Add([]byte(headerMagic), true)
	f.Fuzz(func(t *testing.T, in []byte, seal bool) {
		if seal && len(in) >= headerSize {
			in = sealed(in)
		}
		h, err := parseHeader(in)
		if err != nil {
			if !errors.Is(err, errHeader) && !errors.Is(err, store.ErrNewer) {
				t.Errorf("%x: got %v", in, err)
			}
			return
		}
		again, err := parseHeader(appendHeader(nil, h.who, uint32(h.segment), h.created))
		if h.segment == uint64(uint32(h.segment)) && (err != nil || again != h) {
			t.Errorf("%x: got %+v, written again %+v, %v", in, h, again, err)
		}
	})
}

func FuzzBodies(f *testing.F) {
	s := summary{segment: 3, frames: 2, bytes: 100, first: 1, last: 2}
	s.records[store.MSG], s.records[200] = 5, 1
	f.Add(appendSummary(nil, &s))
	f.Add(appendHole(nil, 3, &damage{off: 1, bytes: 2, first: 3, last: 4, reason: "why", records: &s.records, estimated: true}, unix(5), "file"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if s, err := parseSummary(in); err == nil {
			if again, err := parseSummary(appendSummary(nil, &s)); err != nil || again != s {
				t.Errorf("%x: summary written again is %+v, %v; want %+v", in, again, err, s)
			}
		}
		if h, err := parseHole(in, "dir"); err == nil && h.Bytes >= 0 && h.Offset >= 0 {
			d := damage{off: h.Offset, bytes: h.Bytes, first: h.FirstLSN, last: h.LastLSN, reason: h.Reason, estimated: h.Estimated}
			again, err := parseHole(appendHole(nil, uint32(h.Segment), &d, h.Found, ""), "dir")
			if err != nil || again.Offset != h.Offset || again.LastLSN != h.LastLSN || again.Reason != h.Reason || !again.Found.Equal(h.Found) {
				t.Errorf("%x: hole written again is %+v, %v; want %+v", in, again, err, h)
			}
		}
	})
}

// The scanner finds in a small window what a look at all the bytes finds.
func FuzzScanner(f *testing.F) {
	var log []byte
	for lsn := range uint64(4) {
		start := len(log)
		log = append(beginFrame(log), make([]byte, 50*lsn)...)
		endFrame(log, start, paperID, frameRecords, lsn+1, 1, 0)
		log = append(log, byte(lsn), 0)
	}
	f.Add(log, uint16(64), uint16(0), uint64(0))
	f.Add(log[9:], uint16(37), uint16(3), uint64(2))
	f.Fuzz(func(t *testing.T, in []byte, step, from uint16, after uint64) {
		disk := faultfs.NewMem(1 << 24)
		file, err := disk.Create("/f", int64(len(in)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(in, 0); err != nil {
			t.Fatal(err)
		}
		s := newScanner(file, paperID, int64(len(in)), int64(from))
		s.step = max(int64(step), frameSize)
		f, ok, err := s.find(int64(from), after)
		off, n := naiveFind(in, int(from), after)
		if err != nil || ok != (off >= 0) || ok && (f.off != int64(off) || len(f.body) != n || string(f.body) != string(in[off+frameSize:][:n])) {
			t.Errorf("find: got %v at %d, %d bytes, %v; want %d, %d bytes", ok, f.off, len(f.body), err, off, n)
		}
		rest, err := s.rest(int64(from))
		want := 0
		for i := int(from); i < len(in); i++ {
			if in[i] != 0 {
				want = i + 1 - int(from)
			}
		}
		if err != nil || rest != int64(want) {
			t.Errorf("rest: got %d, %v; want %d", rest, err, want)
		}
	})
}

func naiveFind(b []byte, from int, after uint64) (off, n int) {
	for off := from; off+frameSize <= len(b); off++ {
		h, ok := parseFrame(b[off:], paperID)
		if ok && int64(h.length) <= int64(len(b)-off-frameSize) && h.lsn > after &&
			crc32.Checksum(b[off+frameCRCFrom:off+int(h.size())], castagnoli) == h.crc {
			return off, int(h.length)
		}
	}
	return -1, 0
}

// An index that sees everything agrees with the fold, whatever the records say.
func FuzzIndexAgainstFold(f *testing.F) {
	var b store.Batch
	for id := uint64(1); id <= 3; id++ {
		tellSession(&b, id)
	}
	b.DropSession(2)
	f.Add(b.Bytes(), 3)
	f.Add(b.Bytes(), 1000)
	s := newScribe(5)
	b.Reset()
	for range 60 {
		s.batch(&b)
	}
	f.Add(b.Bytes(), 7)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		p, m := newPaper(t, 1<<20), store.NewMemory()
		var r store.Record
		var b store.Batch
		n := 0
		commit := func() {
			p.commit(0, func(all *store.Batch) {
				store.Each(b.Bytes(), &r, func(r *store.Record) error { all.Record(r); return nil })
				m.Append(all, nil)
			})
			b.Reset()
		}
		store.Each(in, &r, func(r *store.Record) error {
			if n++; r.Kind <= store.META {
				b.Record(r)
			}
			if n%max(cut, 1) == 0 {
				commit()
			}
			return nil
		})
		commit()
		want := listedStore(t, m)
		wantSound(t, p.x)
		replayed := p.replayed()
		same(t, "replayed", listed(t, replayed.index), want)
		wantSound(t, replayed.index)
		p.x.replay = replayed.index.replay // which knows the subscription identifiers
		if g, w := counted(p.x), counted(replayed.index); g != w {
			t.Errorf("got %s, replayed %s", g, w)
		}
	})
}

// Frames end where the file does, however long they say that they are.
func TestAFrameThatClaimsMoreThanThereIsIsNone(t *testing.T) {
	p := told(t, 2)
	s := p.of(1)
	for _, length := range []uint32{1 << 31, 1<<32 - 1, 1 << 20} {
		p.change(p.path(1), s.off+8, func(b []byte) { binary.LittleEndian.PutUint32(b, length) }, 4)
		scan := newScanner(p.head().file, p.who, p.size, headerSize)
		if f, ok, err := scan.next(); ok || err != nil {
			t.Errorf("length %d: got %+v, %v; want none", length, f.frameHead, err)
		}
		if cap(scan.window) > windowSize {
			t.Errorf("length %d: got a window of %d", length, cap(scan.window))
		}
	}
}
