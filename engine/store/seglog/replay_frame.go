package seglog

import (
	"context"
	"fmt"
)

// frames takes in the frames of a segment from where the replay stands, up to the first place where there is none that follows.
func (r *replayer) frames(ctx context.Context, p *part) error {
	a := r.runAhead(newScanner(p.seg.file, r.who, p.seg.alloc, p.at))
	defer a.stop()
	for t := range a.full {
		if err := ctx.Err(); err != nil {
			return err
		}
		for i := range t.frames {
			h := &t.frames[i]
			if !r.follows(&h.frame) {
				return nil
			}
			if h.newer != nil {
				return fmt.Errorf("%s, offset %d: %w", p.seg.path, h.off, h.newer)
			}
			if h.readable {
				r.frame(p, h, t.briefs[h.from:h.to])
			} else {
				r.unreadable(p, &h.frame)
			}
			p.at = h.end()
		}
		if t.err != nil {
			return fmt.Errorf("read %s: %w", p.seg.path, t.err)
		}
		a.spent <- t
	}
	return nil
}

// follows tells whether a frame is the next of the log. A hole stands for frames that are missing, or for none.
func (r *replayer) follows(f *frame) bool {
	switch {
	case f.typ == frameHole:
		return f.lsn >= r.lsn
	case r.skipped:
		return f.lsn > r.lsn
	case !r.begun:
		return f.lsn == 1 || r.last().seg.id > 1 && f.off == headerSize
	}
	return f.lsn == r.lsn+1
}

// frame takes in a frame.
func (r *replayer) frame(p *part, h *heard, briefs []brief) {
	sum := &p.seg.sum
	r.closed = h.typ == frameClosed
	switch h.typ {
	case frameRecords:
		for i := range briefs {
			sum.records[briefs[i].kind]++
		}
		sum.records[briefDelivery] = 0
		r.index.take(briefs, p.seg.id)
		r.index.endFrame()
		r.records += uint64(h.records)
	case frameSummary:
		r.summaries[h.summary.segment] = h.summary
	case frameHole:
		p.holes = append(p.holes, *h.hole)
		r.index.lost()
	}
	if n := len(p.damages); n > 0 && !p.frames && h.typ != frameHole {
		p.damages[n-1].lsn = h.lsn - 1
	}
	if sum.frames == 0 {
		sum.first = h.lsn
	}
	sum.frames++
	sum.last, sum.bytes = h.lsn, h.end()
	p.seg.size, p.frames, p.newest, p.crc = h.end(), true, h.off, h.crc
	r.lsn, r.begun, r.skipped = h.lsn, true, false
	r.frameCount++
	r.bytes += h.size()
}
