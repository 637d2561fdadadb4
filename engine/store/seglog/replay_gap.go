package seglog

// gap is called where the next frame should be and is not. It says whether the segment is over. Behind damage it notes what is missing
// and goes to the next frame.
func (r *replayer) gap(p *part, s *scanner, last bool) (ended bool, err error) {
	s.window = s.window[:0] // a disk that fails may give less than it did
	next, found, err := s.find(p.at, r.lsn)
	if err != nil {
		return false, err
	}
	if !found {
		return true, r.tail(p, s, last)
	}
	again := p.gap == p.at
	if p.gap = p.at; again && next.off == p.at && r.follows(&next) { // it was there before, and was not read
		r.unreadable(p, &next)
		p.at = next.end()
		return false, nil
	}
	if r.live {
		// A frame that is there says that those before it are: maybe now the missing one is.
		s.window = nil
		if f, ok, err := s.frame(p.at); err != nil || ok && r.follows(&f) {
			return false, err
		}
	}
	d := damage{off: p.at, bytes: next.off - p.at, lsn: next.lsn - 1, reason: "frames are damaged"}
	if next.lsn > r.lsn+1 {
		d.first, d.last = r.lsn+1, next.lsn-1
	}
	if !r.begun && r.parts[0].seg.id > 1 {
		d.first = 0 // nobody knows how much there was before
	}
	if d.last > 0 && last && d.bytes > 0 && p.mayBeTorn() {
		if lost, err := r.neverDurable(s, next, d.first); err != nil || lost {
			if err == nil {
				p.rest, err = s.rest(p.at)
			}
			p.tear()
			return true, err
		}
	}
	r.hurt(p, d)
	r.pass(next.lsn - 1)
	p.at = next.off
	return false, nil
}

// unreadable is called at a frame that is the next one, and holds, but what is in it cannot be read.
func (r *replayer) unreadable(p *part, f *frame) {
	d := damage{off: f.off, bytes: f.size(), first: f.lsn, last: f.lsn, lsn: f.lsn, reason: "a frame holds what cannot be read"}
	if f.typ == frameHole {
		if d.first = r.lsn + 1; d.first > d.last {
			d.first, d.last = 0, 0
		}
	}
	r.index.lost()
	p.damages = append(p.damages, d)
	r.pass(f.lsn)
}

// pass goes on behind damage, as if the frame with this LSN had been read.
func (r *replayer) pass(lsn uint64) { r.lsn, r.begun, r.skipped = lsn, true, false }

// hurt notes a damage at the place that it belongs to. LSNs that are missing between two segments were in the file that is missing
// there, or at the end of the one before, unless what is at the beginning of this one cannot be read.
func (r *replayer) hurt(p *part, d damage) {
	if d.last > 0 {
		r.index.lost()
	}
	if !p.frames && d.last > 0 && len(r.parts) > 1 {
		before := r.parts[len(r.parts)-2]
		switch {
		case before.absent:
			r.absent(d)
			d.first, d.last = 0, 0
		case d.bytes == 0 && len(p.damages) == 0:
			d.off, d.bytes, d.reason = before.at, before.rest, "frames are missing at its end"
			if d.bytes > 0 {
				d.reason = "frames are damaged at its end"
			}
			before.damages = append(before.damages, d)
			return
		}
	}
	if n := len(p.damages); n > 0 && !p.frames { // with the header
		d.off, d.bytes, d.reason = 0, d.bytes+p.damages[0].bytes, p.damages[0].reason
		p.damages = p.damages[:0]
	}
	if d.bytes > 0 || d.last > 0 {
		p.damages = append(p.damages, d)
	}
}

// absent notes what was in the files that are missing before the last one. A summary in that may tell it more exactly; without, any
// of them may have held all.
func (r *replayer) absent(d damage) {
	for i := len(r.parts) - 2; i >= 0 && r.parts[i].absent; i-- {
		gone := &r.parts[i].damages[0]
		gone.first, gone.last, gone.lsn = d.first, d.last, d.last
	}
}

// tail is called behind the last frame of a segment that can be read.
func (r *replayer) tail(p *part, s *scanner, last bool) (err error) {
	if p.rest, err = s.rest(p.at); err != nil || r.live || !last {
		return err // the next segment tells whether something is missing
	}
	if !p.mayBeTorn() {
		return r.beheaded(p, s)
	}
	if p.rest == 0 {
		p.tear()
		return nil
	}
	lsn, durable, err := s.heads(p.at, r.lsn)
	if err != nil || durable <= r.lsn {
		p.tear()
		return err
	}
	r.hurt(p, damage{off: p.at, bytes: p.rest, first: r.lsn + 1, last: lsn, lsn: lsn, reason: "frames are damaged at its end"})
	r.lsn = lsn
	return nil
}

// mayBeTorn tells whether what cannot be read at the end of a last segment may be a write that was not finished. What a segment begins
// with, the header and in all but the first the summary, was on the disk before the segment had its name: where that is not
// readable the disk has lost it, and whatever stood behind it may have been acknowledged.
func (p *part) mayBeTorn() bool {
	return p.frames || p.seg.id == 1 && len(p.damages) == 0
}

// beheaded notes the loss of a last segment of which the beginning and all frames cannot be read. At least one frame was there, and
// nobody knows how many.
func (r *replayer) beheaded(p *part, s *scanner) error {
	lsn, _, err := s.heads(p.at, r.lsn)
	if err != nil {
		return err
	}
	d := damage{off: p.at, bytes: p.rest, first: r.lsn + 1, last: max(lsn, r.lsn+1), reason: "its beginning is damaged"}
	if len(p.damages) > 0 { // with the header
		d.off, d.bytes, d.reason = 0, p.at+p.rest, p.damages[0].reason
	}
	d.lsn = d.last
	if n := len(r.parts); n > 1 && r.parts[n-2].absent {
		r.absent(d) // any of them may have held all
	}
	r.index.lost()
	p.damages = []damage{d}
	r.lsn = d.last
	return nil
}

// tear says that what is behind the last frame was torn.
func (p *part) tear() { p.cut = true }

// torn is how many bytes at the end of the log were torn.
func (r *replayer) torn() int64 {
	if p := r.last(); p != nil && p.cut {
		return p.rest
	}
	return 0
}

// neverDurable tells whether no readable frame from next on knew that the frame first was on the disk. Then the power was cut before
// it was, and everything from there on was never acknowledged under SyncAlways: the log ends before it. If some frame knew
// it, the disk has lost it since.
func (r *replayer) neverDurable(s *scanner, next frame, first uint64) (bool, error) {
	for {
		if next.durable() >= first {
			return false, nil
		}
		f, ok, err := s.find(next.end(), next.lsn)
		if err != nil || !ok {
			return err == nil, err
		}
		next = f
	}
}
