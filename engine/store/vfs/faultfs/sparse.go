package faultfs

import "io"

const page = 4096

// sparse is contents in memory of which only the pages that were written take room.
type sparse struct {
	pages map[int64]*[page]byte
	size  int64
}

// has gives a page that was written, or nil.
func (s *sparse) has(at int64) *[page]byte { return s.pages[at] }

// put gives a page to write to; fill brings a new one up to date.
func (s *sparse) put(at int64, fill func(*[page]byte)) *[page]byte {
	p := s.pages[at]
	if p == nil {
		p = new([page]byte)
		if fill != nil {
			fill(p)
		}
		if s.pages == nil {
			s.pages = map[int64]*[page]byte{}
		}
		s.pages[at] = p
	}
	return p
}

// each visits the pages that off…off+size lies in, with what of them.
func each(off, size int64, visit func(at int64, from, to int64)) {
	for end := off + size; off < end; {
		at := off / page
		to := min(end, (at+1)*page)
		visit(at, off-at*page, to-at*page)
		off = to
	}
}

func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	n := min(int64(len(p)), max(s.size-off, 0))
	each(off, n, func(at, from, to int64) {
		dst := p[at*page+from-off:][:to-from]
		if src := s.has(at); src != nil {
			copy(dst, src[from:to])
		} else {
			clear(dst)
		}
	})
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

func (s *sparse) WriteAt(p []byte, off int64) (int, error) {
	each(off, int64(len(p)), func(at, from, to int64) { copy(s.put(at, nil)[from:to], p[at*page+from-off:]) })
	s.size = max(s.size, off+int64(len(p)))
	return len(p), nil
}

// Truncate leaves nothing behind the new end.
func (s *sparse) Truncate(size int64) error {
	s.size = size
	for at, p := range s.pages {
		switch {
		case at*page >= size:
			delete(s.pages, at)
		case (at+1)*page > size:
			clear(p[size-at*page:])
		}
	}
	return nil
}

func (s *sparse) Size() (int64, error) { return s.size, nil }
func (s *sparse) Sync() error          { return nil }
func (s *sparse) Close() error         { return nil }
