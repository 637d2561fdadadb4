package seglog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// replayer reads a log from front to back into an index. It can stop where the log ends today and go on later.
type replayer struct {
	fs    vfs.FS
	dir   string
	who   identity
	write bool // open the files for writing as well
	views map[uint32]*view
	live  bool // somebody may be writing to the log: an end is where it goes on later, and files may go

	index      *index
	parts      []*part // the segments, in order
	lsn        uint64  // of the last frame
	begun      bool    // a frame was met: LSNs rise by one from here
	vanished   uint32  // segments up to this one were reclaimed
	skipped    bool    // some of them before they were read: the next LSN may be any higher one
	closed     bool    // the last frame says that the store was closed
	summaries  map[uint32]*summary
	frameCount uint64
	records    uint64
	bytes      int64
}

// part is a segment as it was found.
type part struct {
	seg     *segment
	created int64
	absent  bool // there is no file of it
	at      int64
	gap     int64  // where the last frame was not that should have been
	begun   bool   // its header was read
	frames  bool   // at least one of its frames was
	newest  int64  // offset of the last of them
	crc     uint32 // and its CRC
	damages []damage
	holes   []store.Hole // that were healed before
	cut     bool         // what is behind at was torn, and counts as not written
	rest    int64        // bytes behind at that are not zero
	broken  error        // of the disk, when it could not read some of it
}

func newReplayer(f vfs.FS, dir string, who identity) *replayer {
	r := &replayer{fs: f, dir: dir, who: who, index: newIndex(), summaries: map[uint32]*summary{}}
	r.index.beginReplay()
	return r
}

// read goes through the segments with these identifiers, from where it has stopped before.
func (r *replayer) read(ctx context.Context, ids []uint32) error {
	if len(ids) > 0 {
		r.vanished = max(r.vanished, ids[0]-1)
	}
	for i, id := range ids {
		last := i == len(ids)-1
		p := r.last()
		if p != nil && id < p.seg.id {
			continue
		}
		if p == nil || id > p.seg.id {
			if err := r.begin(id); err != nil {
				return err
			}
			if p = r.last(); p == nil || p.seg.id != id {
				continue // it was reclaimed a moment ago
			}
		}
		if err := r.part(ctx, p, last); err != nil {
			return err
		}
	}
	return nil
}

func (r *replayer) last() *part {
	if len(r.parts) == 0 {
		return nil
	}
	return r.parts[len(r.parts)-1]
}

// maxMissing is how many segments may be missing in a row. Each costs memory and a file, and the name of one stray file can
// claim any number.
const maxMissing = 4096

// begin opens a segment. Those between it and the one before are missing.
func (r *replayer) begin(id uint32) error {
	path := filepath.Join(r.dir, segmentName(id))
	file, err := r.open(id, path)
	if r.live && errors.Is(err, fs.ErrNotExist) {
		r.vanished = id
		return nil
	}
	if err != nil {
		return err
	}
	size, err := file.Size()
	if err != nil {
		file.Close()
		return err
	}
	if p := r.last(); p != nil {
		if missing := id - p.seg.id - 1; missing > maxMissing {
			file.Close()
			return fmt.Errorf("%s and %s cannot be of one log, from which %d segments are missing between them: move the one away "+
				"that does not belong here", p.seg.path, path, missing)
		}
		for miss := p.seg.id + 1; miss < id; miss++ {
			r.miss(miss)
		}
	} else if id > 1 {
		r.index.lost()
	}
	r.add(&part{seg: &segment{id: id, path: path, file: file, size: headerSize, alloc: size}})
	return nil
}

func (r *replayer) open(id uint32, path string) (vfs.File, error) {
	if v := r.views[id]; v != nil {
		return v, nil
	}
	return openSegment(r.fs, path, r.write)
}

// miss notes a segment that there is no file of.
func (r *replayer) miss(id uint32) {
	p := &part{seg: &segment{id: id, path: filepath.Join(r.dir, segmentName(id))}}
	if id <= r.vanished {
		r.skipped = true
	} else {
		p.absent = true
		p.damages = append(p.damages, damage{lsn: r.lsn, reason: "the file is missing"})
	}
	r.index.lost()
	r.add(p)
}

func (r *replayer) add(p *part) {
	p.seg.sum.segment = p.seg.id
	r.parts = append(r.parts, p)
	r.index.segments = append(r.index.segments, p.seg)
}

// part reads a segment to its end.
func (r *replayer) part(ctx context.Context, p *part, last bool) error {
	s := newScanner(p.seg.file, r.who, p.seg.alloc, p.at)
	defer p.heed(s)
	if !p.begun {
		if err := r.header(p, s); err != nil {
			return err
		}
	}
	for ended := false; !ended; {
		if err := r.frames(ctx, p); err != nil {
			return err
		}
		var err error
		if ended, err = r.gap(p, s, last); err != nil {
			return fmt.Errorf("read %s: %w", p.seg.path, err)
		}
	}
	return nil
}

// heed notes what the disk could not read for a scanner. What is not readable behind the last frame gap looks at as well.
func (p *part) heed(s *scanner) {
	if p.broken == nil {
		p.broken = s.broken
	}
}

// header reads a segment's header. One that cannot be believed is damage, and what follows it may be readable.
func (r *replayer) header(p *part, s *scanner) error {
	b, err := s.bytes(0, headerSize)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.seg.path, err)
	}
	h, err := parseHeader(b)
	if errors.Is(err, store.ErrNewer) {
		return fmt.Errorf("%s: %w", p.seg.path, err)
	}
	p.at, s.at, p.begun, p.created = headerSize, headerSize, true, h.created
	switch {
	case err != nil:
		r.badHeader(p, "its header is damaged")
	case h.who != r.who:
		r.badHeader(p, "it is of another store")
	case h.segment != uint64(p.seg.id):
		r.badHeader(p, fmt.Sprintf("its header says that it is segment %d", h.segment))
	}
	return nil
}

func (r *replayer) badHeader(p *part, reason string) {
	p.damages = append(p.damages, damage{bytes: headerSize, lsn: r.lsn, reason: reason})
}
