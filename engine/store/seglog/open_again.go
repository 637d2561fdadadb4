package seglog

import "fmt"

// writeAgain writes over what is at the end of the log, with the same bytes, as far as no frame knows that it is on the disk.
// A Sync that fails leaves pages in the kernel's memory that it takes for written: the next process reads them, and its Sync says
// that all is well, but they never come to the disk, and a power cut would leave a hole before what was built upon them. The segments
// before the last one were synced when they were left.
func (x *opening) writeAgain() error {
	p := x.r.last()
	if p == nil || x.views[p.seg.id] != nil {
		return nil
	}
	type start struct {
		lsn uint64
		off int64
	}
	var unsure []start
	s := newScanner(p.seg.file, x.r.who, p.at, headerSize)
	for s.at < p.at {
		f, ok, err := s.next()
		if err != nil {
			return fmt.Errorf("read %s: %w", p.seg.path, err)
		}
		if !ok {
			break // it was readable a moment ago: somebody else sees to what is not
		}
		unsure = append(unsure, start{f.lsn, f.off})
		for len(unsure) > 0 && unsure[0].lsn <= f.durable() {
			unsure = unsure[1:]
		}
	}
	if len(unsure) == 0 {
		return nil
	}
	buf := make([]byte, min(windowSize, p.at-unsure[0].off))
	for off := unsure[0].off; off < p.at; {
		b := buf[:min(int64(len(buf)), p.at-off)]
		if err := readFull(p.seg.file, b, off); err != nil {
			return fmt.Errorf("read %s: %w", p.seg.path, err)
		}
		switch _, err := p.seg.file.WriteAt(b, off); {
		case isNoRoom(err):
			return nil // of a file system that writes nothing in place
		case err != nil:
			return fmt.Errorf("write %s again: %w", p.seg.path, err)
		}
		off += int64(len(b))
	}
	return nil
}
