package seglog

import (
	"errors"
	"fmt"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// follows tells whether a frame is the next of the log. A hole stands for frames that are missing, or for none.
func (r *replayer) follows(f *frame) bool {
	switch {
	case f.typ == frameHole:
		return f.lsn >= r.lsn
	case r.skipped:
		return f.lsn > r.lsn
	case !r.begun:
		return f.lsn == 1 || len(r.parts) == 1 && r.last().seg.id > 1 && f.off == headerSize
	}
	return f.lsn == r.lsn+1
}

// readable tells whether all of a frame can be read. A frame counts as a whole, so that is seen before any of it counts.
// One that a newer version has written is an error.
func (r *replayer) readable(f *frame) (bool, error) {
	switch f.typ {
	case frameRecords:
		n := uint32(0)
		for b := f.body; len(b) > 0; n++ {
			size, err := store.Decode(b, &r.rec)
			if errors.Is(err, store.ErrNewer) {
				return false, err
			}
			if err != nil {
				return false, nil
			}
			b = b[size:]
		}
		return n == f.records, nil
	case frameSummary:
		_, err := parseSummary(f.body)
		return err == nil, nil
	case frameHole:
		_, err := parseHole(f.body, r.dir)
		return err == nil, nil
	}
	if f.typ&frameMustUnderstand != 0 {
		return false, fmt.Errorf("%w: frame type %d", store.ErrNewer, f.typ)
	}
	return true, nil
}

// frame takes in a frame.
func (r *replayer) frame(p *part, f *frame) {
	r.closed = f.typ == frameClosed
	switch f.typ {
	case frameRecords:
		r.apply(p, f)
	case frameSummary:
		if s, err := parseSummary(f.body); err == nil {
			r.summaries[s.segment] = &s
		}
	case frameHole:
		if h, err := parseHole(f.body, r.dir); err == nil {
			p.holes = append(p.holes, h)
		}
		r.index.lost()
	}
	if n := len(p.damages); n > 0 && !p.frames && f.typ != frameHole {
		p.damages[n-1].lsn = f.lsn - 1
	}
	sum := &p.seg.sum
	if sum.frames == 0 {
		sum.first = f.lsn
	}
	sum.frames++
	sum.last, sum.bytes = f.lsn, f.end()
	p.seg.size, p.frames, p.newest, p.crc = f.end(), true, f.off, f.crc
	r.lsn, r.begun, r.skipped = f.lsn, true, false
	r.frames++
	r.bytes += f.size()
}

func (r *replayer) apply(p *part, f *frame) {
	at := place{seg: p.seg.id}
	for off := 0; off < len(f.body); off += int(at.len) {
		n, err := store.Decode(f.body[off:], &r.rec)
		if err != nil {
			panic(err) // it was readable
		}
		at.off, at.len = uint32(f.off+frameSize)+uint32(off), uint32(n)
		r.index.apply(&r.rec, at)
		p.seg.sum.records[r.rec.Kind]++
	}
	r.records += uint64(f.records)
	r.index.endFrame()
}
