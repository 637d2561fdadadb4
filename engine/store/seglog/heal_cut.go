package seglog

import (
	"fmt"
	"path/filepath"
)

// cut takes off the end of the log what was torn: it is written over with zeroes, so that no later frame is ever taken for the one
// before it. When that is the first of all frames, somebody may want to see the file.
func (x *opening) cut() error {
	x.torn += x.r.torn()
	p := x.r.last()
	switch {
	case p == nil || !p.cut:
		return nil
	case p.frames:
		return x.wipe(p)
	}
	return x.removeEmpty(p)
}

func (x *opening) wipe(p *part) error {
	zeroes := make([]byte, min(p.rest, windowSize))
	for off, end := p.at, p.at+p.rest; off < end; {
		n, err := p.seg.file.WriteAt(zeroes[:min(int64(len(zeroes)), end-off)], off)
		if err != nil {
			return fmt.Errorf("cut %s: %w", p.seg.path, err)
		}
		off += int64(n)
	}
	return nil
}

// removeEmpty removes the only segment, which holds no frame: what is in it was torn.
func (x *opening) removeEmpty(p *part) error {
	r := x.r
	r.parts = r.parts[:len(r.parts)-1]
	r.index.segments = r.index.segments[:len(r.index.segments)-1]
	_ = p.seg.file.Close()
	if p.rest > 0 {
		aside, err := x.aside(p.seg.id)
		if err != nil {
			return err
		}
		x.log.Error("nothing in the store can be read", "file", p.seg.path, "moved", filepath.Join(x.dir, aside))
		if err := x.fs.Rename(p.seg.path, filepath.Join(x.dir, aside)); err != nil {
			return err
		}
		return x.fs.SyncDir(filepath.Join(x.dir, quarantineDir)) // that of the log is synced with the rest
	}
	return x.fs.Remove(p.seg.path)
}
