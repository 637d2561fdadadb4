package seglog

import (
	"context"
	"fmt"
	"slices"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// Dump visits the records of the log in o.Dir in the order in which they lie there, with the segment and the offset at which the
// record begins and the LSN of its frame. With live, it leaves out what does not count any more: of ENQ it tells the deliveries
// that are not over, each released one followed by its REL, and nothing of what only takes back. It changes nothing, takes no
// lock, and leaves out what cannot be read. Records live until the visit returns, whose error ends it.
func Dump(ctx context.Context, o Options, live bool, visit func(segment uint32, offset int64, lsn uint64, r *store.Record) error) error {
	o = o.filled()
	r, _, err := look(ctx, &o)
	if err != nil {
		return err
	}
	defer r.close()
	r.finish()
	d := dump{x: r.index, live: live, visit: visit}
	for _, p := range r.parts {
		if p.absent || p.seg.file == nil {
			continue
		}
		err := r.again(p, func(f *frame) error {
			if err := ctx.Err(); err != nil || f.typ != frameRecords {
				return err
			}
			return d.frame(p.seg.id, f)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dump is a Dump that goes on.
type dump struct {
	x     *index
	live  bool
	visit func(segment uint32, offset int64, lsn uint64, r *store.Record) error
	rec   store.Record
	rel   store.Record
}

func (d *dump) frame(seg uint32, f *frame) error {
	for off := 0; off < len(f.body); {
		n, err := store.Decode(f.body[off:], &d.rec)
		if err != nil {
			return err
		}
		at := place{seg, uint32(f.off+frameSize) + uint32(off), uint32(n)}
		if !d.live || d.counts(at) {
			if err := d.visit(seg, int64(at.off), f.lsn, &d.rec); err != nil {
				return err
			}
			if err := d.released(at, f.lsn); err != nil {
				return err
			}
		}
		off += n
	}
	return nil
}

// counts tells whether something of the record at this place counts, and takes out of it what does not.
func (d *dump) counts(at place) bool {
	switch d.rec.Kind {
	case store.ENQ:
		d.rec.Deliveries = append(d.rec.Deliveries[:0], d.x.remaining(&d.rec, at.seg)...)
		return len(d.rec.Deliveries) > 0
	case store.ACK, store.REL, store.QINDEL, store.SESDEL, store.UNSUB, store.RETDEL:
		return false
	}
	return d.rec.Kind > store.META || d.x.counted(&d.rec, at)
}

// released tells of the deliveries of an ENQ which were released.
func (d *dump) released(at place, lsn uint64) error {
	if !d.live || d.rec.Kind != store.ENQ {
		return nil
	}
	for i := range d.rec.Deliveries {
		to := &d.rec.Deliveries[i]
		if d.x.delivery(to).bits&bitsReleased == 0 {
			continue
		}
		d.rel = store.Record{Kind: store.REL, Version: recordVersion, Session: store.Session{ID: to.Session}, Seq: to.Seq}
		if err := d.visit(at.seg, int64(at.off), lsn, &d.rel); err != nil {
			return err
		}
	}
	return nil
}

// again visits once more the frames of a segment that were read.
func (r *replayer) again(p *part, visit func(*frame) error) error {
	s := newScanner(p.seg.file, r.who, p.seg.alloc, headerSize)
	for _, d := range append(slices.Clone(p.damages), damage{off: p.at}) {
		for s.at < d.off {
			f, ok, err := s.next()
			if err != nil {
				return fmt.Errorf("read %s: %w", p.seg.path, err)
			}
			if !ok {
				return fmt.Errorf("%s has changed at offset %d", p.seg.path, s.at)
			}
			if err := visit(&f); err != nil {
				return err
			}
		}
		s.at = max(s.at, d.off+d.bytes)
	}
	return nil
}
