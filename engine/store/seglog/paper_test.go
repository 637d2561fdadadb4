package seglog

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// paper is a log that a test writes by hand, frame by frame, with an index that goes along: a writer without goroutines, for
// tests of the reading side.
type paper struct {
	testing.TB
	fs     *faultfs.Mem
	dir    string
	who    identity
	x      *index
	lsn    uint64
	size   int64 // of a segment's file
	first  uint32
	behind uint32
	moved  int      // records of the next frame; -1: it does not say
	scan   *scanner // of the oldest segment, while it is carried
	frame  frame
	rest   int      // of the frame's body
	limbo  []uint32 // carried, until the next roll
	spans  []span   // of all frames
}

var paperID = identity{store: [16]byte{1, 2, 3, 15: 16}, marker: 0x8796a5b4c3d2e1f1}

func newPaper(t testing.TB, size int64) *paper {
	p := &paper{TB: t, fs: faultfs.NewMem(1 << 30), dir: "/log", who: paperID, x: newIndex(), size: size, first: 1, behind: 1}
	p.must(p.fs.MkdirAll(p.dir))
	p.must(writeIdentity(p.fs, p.dir, &known{who: p.who, created: 1_700_000_000}))
	p.roll()
	return p
}

func (p *paper) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *paper) head() *segment { return p.x.segments[len(p.x.segments)-1] }

// roll begins the next segment, and lets those go that were carried.
func (p *paper) roll() {
	p.Helper()
	s := &segment{id: p.first, alloc: p.size}
	if len(p.x.segments) > 0 {
		s.id = p.head().id + 1
	}
	s.path = filepath.Join(p.dir, segmentName(s.id))
	file, err := p.fs.Create(s.path, p.size)
	p.must(err)
	s.file, s.sum.segment = file, s.id
	b := appendHeader(nil, p.who, s.id, 1_700_000_000+int64(s.id))
	_, err = file.WriteAt(b, 0)
	p.must(err)
	s.size = headerSize
	var last *segment
	if len(p.x.segments) > 0 {
		last = p.head()
	}
	p.x.segments = append(p.x.segments, s)
	if last != nil {
		p.write(frameSummary, appendSummary(nil, &last.sum), 0)
	}
	for _, id := range p.limbo {
		gone := p.x.segments[0]
		if gone.id != id {
			p.Fatalf("segment %d goes before %d", id, gone.id)
		}
		if gone.live != 0 {
			p.Errorf("segment %d has %d live bytes when it goes, want none", id, gone.live)
		}
		p.x.segments = p.x.segments[1:]
		p.must(gone.file.Close())
		p.must(p.fs.Remove(gone.path))
	}
	p.limbo = p.limbo[:0]
}

// write writes a frame.
func (p *paper) write(typ frameType, body []byte, records int) (off int64) {
	p.Helper()
	b := append(beginFrame(nil), body...)
	markMoved(b, 0, p.moved)
	p.moved = 0
	p.lsn++
	endFrame(b, 0, p.who, typ, p.lsn, p.behind, records)
	s := p.head()
	off = s.size
	_, err := s.file.WriteAt(b, s.size)
	p.must(err)
	p.spans = append(p.spans, span{s.id, p.lsn, off, int64(len(b))})
	s.size += int64(len(b))
	s.alloc = max(s.alloc, s.size)
	if s.sum.frames == 0 {
		s.sum.first = p.lsn
	}
	s.sum.frames++
	s.sum.last, s.sum.bytes = p.lsn, s.size
	return off
}

// commit writes what fill writes as one frame, with about so many bytes of the oldest segment's records behind it.
func (p *paper) commit(carry int, fill func(b *store.Batch)) {
	p.Helper()
	var b store.Batch
	if fill != nil {
		fill(&b)
	}
	if p.head().size+frameSize+int64(len(b.Bytes())+2*carry) > p.size {
		p.roll()
	}
	at := place{seg: p.head().id, off: uint32(p.head().size + frameSize)}
	at = p.apply(b.Bytes(), at)
	own, n := len(b.Bytes()), b.Len()
	p.carry(&b, carry)
	p.moved = b.Len() - n
	p.apply(b.Bytes()[own:], at)
	p.x.endFrame()
	if b.Len() > 0 {
		p.write(frameRecords, b.Bytes(), b.Len())
	}
}

func (p *paper) apply(b []byte, at place) place {
	p.Helper()
	var r store.Record
	for len(b) > 0 {
		n, err := store.Decode(b, &r)
		p.must(err)
		at.len = uint32(n)
		p.x.apply(&r, at)
		p.head().sum.records[r.Kind]++
		at.off += at.len
		b = b[n:]
	}
	return at
}

// carry puts copies of the oldest segment's records into the batch.
func (p *paper) carry(b *store.Batch, bytes int) {
	p.Helper()
	if len(p.x.segments)-len(p.limbo) < 3 {
		return
	}
	oldest := p.x.segments[len(p.limbo)]
	if p.scan == nil {
		p.scan = newScanner(oldest.file, p.who, oldest.size, headerSize)
		p.rest = 0
	}
	var r store.Record
	for start := len(b.Bytes()); len(b.Bytes())-start < bytes; {
		if p.rest == 0 {
			f, ok, err := p.scan.next()
			p.must(err)
			if !ok {
				p.scan = nil
				p.limbo = append(p.limbo, oldest.id)
				return
			}
			if f.typ != frameRecords {
				continue
			}
			p.frame, p.rest = f, len(f.body)
			p.frame.body = slices.Clone(f.body)
		}
		off := len(p.frame.body) - p.rest
		n, err := store.Decode(p.frame.body[off:], &r)
		p.must(err)
		p.x.carry(&r, place{oldest.id, uint32(p.frame.off+frameSize) + uint32(off), uint32(n)}, b)
		p.rest -= n
	}
}

// replayed reads the paper's files into a fresh index.
func (p *paper) replayed() *replayer {
	p.Helper()
	r := newReplayer(p.fs, p.dir, p.who)
	ids, err := listSegments(p.fs, p.dir)
	p.must(err)
	p.must(r.read(context.Background(), ids))
	r.finish()
	p.Cleanup(r.close)
	return r
}

// restart goes on with what a replay has found.
func (p *paper) restart() {
	p.Helper()
	for _, s := range p.x.segments {
		p.must(s.file.Close())
	}
	for _, id := range p.limbo {
		if s := p.x.segment(id); s == nil || s.live != 0 {
			p.Errorf("segment %d in limbo: %+v", id, s)
		}
	}
	r := newReplayer(p.fs, p.dir, p.who)
	r.write = true
	ids, err := listSegments(p.fs, p.dir)
	p.must(err)
	p.must(r.read(context.Background(), ids))
	r.finish()
	r.index.replay = nil
	p.x, p.limbo, p.scan = r.index, nil, nil
	if r.lsn != p.lsn {
		p.Errorf("after a restart: got LSN %d, want %d", r.lsn, p.lsn)
	}
}

// listed is the state that an index knows, as text, in one order.
func listed(t testing.TB, x *index) []string {
	t.Helper()
	return list(t, func(visit func(*store.Record) error) error { return x.visit(context.Background(), visit) })
}

// listedStore is the same of a store.
func listedStore(t testing.TB, s store.Store) []string {
	t.Helper()
	return list(t, func(visit func(*store.Record) error) error { return s.Recover(context.Background(), visit) })
}

// list writes records down, brings those into one order whose order is free, and checks the rest of it.
func list(t testing.TB, each func(func(*store.Record) error) error) []string {
	t.Helper()
	type keyed struct {
		class   int
		session uint64
		seq     uint64
		text    string
	}
	var all []keyed
	classes := map[store.Kind]int{store.META: 0, store.RET: 1, store.MSG: 2, store.SES: 3, store.SUB: 4, store.QIN: 5, store.ENQ: 6, store.REL: 6}
	var b store.Batch
	err := each(func(r *store.Record) error {
		k := keyed{class: classes[r.Kind], session: r.Session.ID}
		switch r.Kind {
		case store.ENQ:
			k.session, k.seq = r.Deliveries[0].Session, r.Deliveries[0].Seq
		case store.REL:
			k.seq = r.Seq
		}
		b.Reset()
		b.Record(r)
		k.text = fmt.Sprintf("%v %x", r.Kind, b.Bytes())
		if n := len(all); n > 0 {
			last := all[n-1]
			if k.class < last.class && !(k.class == 3 && last.class > 2) || k.class > 3 && k.session != last.session ||
				k.class == 6 && last.class == 6 && k.seq < last.seq {
				t.Errorf("%s of session %d, seq %d comes after %+v", k.text, k.session, k.seq, last)
			}
		}
		all = append(all, k)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(all, func(a, b keyed) int {
		if a.session != b.session {
			return cmp.Compare(a.session, b.session)
		}
		if a.class != b.class {
			return cmp.Compare(a.class, b.class)
		}
		if a.class == 6 {
			return 0
		}
		return cmp.Compare(a.text, b.text)
	})
	var out []string
	for _, k := range all {
		out = append(out, k.text)
	}
	return out
}

// same fails when two listings differ.
func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Fatalf("%s: got %d records, want %d; the first that differs is %d:\n got %.200s\nwant %.200s", what, len(got), len(want), i, g, w)
		}
	}
}
