package seglog

import (
	"errors"
	"io/fs"
)

// account works out, once everything was read, what the damages have cost: a summary tells of a segment how many records of
// each kind it held, and what was not read of those is lost.
func (r *replayer) account() {
	for i, p := range r.parts {
		s := r.summaries[p.seg.id]
		if s == nil {
			continue
		}
		if p.absent {
			r.limit(i, s)
		}
		holes := 0
		for j := range p.damages {
			if d := &p.damages[j]; d.last > 0 {
				holes++
				if d.first == 0 {
					d.first = min(s.first, d.last)
				}
			}
		}
		var lost [256]uint64
		for kind, n := range s.records {
			lost[kind] = n - min(n, p.seg.sum.records[kind])
		}
		for j := range p.damages {
			if d := &p.damages[j]; d.last > 0 {
				d.records, d.estimated = &lost, holes > 1 || len(p.holes) > 0
			}
		}
	}
	for _, p := range r.parts {
		for j := range p.damages {
			if d := &p.damages[j]; d.last > 0 && d.first == 0 {
				d.first = d.last // at least this one
			}
		}
	}
}

// limit tells the missing segments of which i is the last apart from those before, and from the end of one that is there.
func (r *replayer) limit(i int, s *summary) {
	d := &r.parts[i].damages[0]
	first := d.first
	d.first, d.last = s.first, s.last
	before := i - 1
	for i = before; i >= 0 && r.parts[i].absent; i-- {
		if d := &r.parts[i].damages[0]; d.last >= s.first {
			d.last, d.lsn = s.first-1, s.first-1
		}
	}
	if i == before && i >= 0 && first > 0 && first < s.first {
		p := r.parts[i]
		p.damages = append(p.damages, damage{off: p.at, bytes: p.rest, first: first, last: s.first - 1, lsn: s.first - 1,
			reason: "frames are missing at its end"})
	}
}

// damaged is the first damage; nil: there is none.
func (r *replayer) damaged() (*damage, *part) {
	for _, p := range r.parts {
		if len(p.damages) > 0 {
			return &p.damages[0], p
		}
	}
	return nil, nil
}

// broken is the file and the error when not one frame could be read, and the disk said that it cannot read.
func (r *replayer) broken() (path string, err error) {
	for _, p := range r.parts {
		if r.frameCount == 0 && p.broken != nil {
			return p.seg.path, bare(p.broken)
		}
	}
	return "", nil
}

// bare is an error without the name of the file.
func bare(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// closeFiles closes the files, but not the views, which are read again.
func (r *replayer) closeFiles() {
	for _, p := range r.parts {
		if _, ok := p.seg.file.(*view); !ok && p.seg.file != nil {
			_ = p.seg.file.Close()
			p.seg.file = nil
		}
	}
}

// close closes the files.
func (r *replayer) close() {
	for _, p := range r.parts {
		if p.seg.file != nil {
			_ = p.seg.file.Close()
			p.seg.file = nil
		}
	}
}
