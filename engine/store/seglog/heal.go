package seglog

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// heal writes each damaged segment anew: a good header, all frames that can be read, as they are, and where some are missing a
// frame that says so. The damaged file goes to the quarantine. At no time is there neither of both: the new file is on the
// disk before the old one is moved, and sweep takes the last step if the process ends before it. Where there is no room for the
// new file, there is a view instead, and the damaged one stays.
func (x *opening) heal() (holes []store.Hole, err error) {
	for _, p := range x.r.parts {
		if len(p.damages) == 0 {
			continue
		}
		name, err := "", error(nil)
		if !p.absent {
			name, err = x.aside(p.seg.id)
		}
		if err == nil {
			err = x.rewrite(p, name)
		}
		if err == nil {
			x.closeView(p.seg.id)
		}
		if isNoRoom(err) {
			name = filepath.Base(p.seg.path)
			x.log.Error("there is no room to heal a segment of the store: what can be read of it counts, and it stays as it is",
				"file", p.seg.path, "err", err)
			err = x.view(p, name)
		}
		if err != nil {
			return holes, fmt.Errorf("heal %s: %w", p.seg.path, err)
		}
		for i := range p.damages {
			h := p.damages[i].hole(p.seg.id, "", x.began)
			if name != "" {
				h.File = filepath.Join(x.dir, name)
			}
			x.shout(p, &h)
			holes = append(holes, h)
		}
	}
	return holes, nil
}

// view has the segment read through its view from now on. One that is damaged again is a view of the one before.
func (x *opening) view(p *part, name string) error {
	pieces, _ := x.pieces(p, name)
	var file vfs.File
	if v := x.views[p.seg.id]; v != nil {
		file = v
	} else if !p.absent {
		var err error
		if file, err = x.fs.Open(p.seg.path, true); err != nil {
			return err
		}
	}
	if x.views == nil {
		x.views = map[uint32]*view{}
	}
	x.views[p.seg.id] = newView(pieces, file)
	return nil
}

// closeView ends the view of a segment, if there is one.
func (x *opening) closeView(id uint32) {
	if v := x.views[id]; v != nil {
		_ = v.Close()
		delete(x.views, id)
	}
}

// aside is a name in the quarantine that is free, from the directory of the log.
func (x *opening) aside(id uint32) (string, error) {
	if err := x.fs.MkdirAll(filepath.Join(x.dir, quarantineDir)); err != nil {
		return "", err
	}
	names, err := x.fs.ReadDir(filepath.Join(x.dir, quarantineDir))
	if err != nil {
		return "", err
	}
	for at := x.began.Unix(); ; at++ {
		if name := fmt.Sprintf("%08x-%d%s", id, at, segmentSuffix); !slices.Contains(names, name) {
			return filepath.Join(quarantineDir, name), nil
		}
	}
}

// rewrite writes a segment anew and moves the old one aside.
func (x *opening) rewrite(p *part, aside string) error {
	tmp := p.seg.path + tmpSuffix
	if p.absent { // under a name that sweep does not make it a segment for: there is no original that says that it is whole
		tmp = filepath.Join(x.dir, "missing-"+filepath.Base(tmp))
	}
	pieces, size := x.pieces(p, aside)
	alloc := size
	if p == x.r.last() {
		alloc = max(size, p.seg.alloc) // it goes on being written to
	}
	file, err := x.fs.Create(tmp, alloc)
	if isNoRoom(err) && alloc > size {
		file, err = x.fs.Create(tmp, size)
	}
	if err != nil {
		return err
	}
	err = x.fill(file, p.seg.file, pieces)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = x.fs.SyncDir(x.dir)
	}
	if err != nil {
		_ = x.fs.Remove(tmp)
		return err
	}
	if aside != "" {
		if err := x.fs.Rename(p.seg.path, filepath.Join(x.dir, aside)); err != nil {
			return err
		}
	}
	if err := x.fs.Rename(tmp, p.seg.path); err != nil {
		return err
	}
	if aside != "" {
		if err := x.fs.SyncDir(filepath.Join(x.dir, quarantineDir)); err != nil {
			return err
		}
	}
	return x.fs.SyncDir(x.dir)
}

// piece is a part of a healed segment: bytes that are new, or a range of the old file.
type piece struct {
	b        []byte
	from, to int64
}

func (p *piece) size() int64 { return int64(len(p.b)) + p.to - p.from }

// pieces puts together what a healed segment consists of.
func (x *opening) pieces(p *part, aside string) (all []piece, size int64) {
	b := appendHeader(nil, x.who.who, p.seg.id, x.began.Unix())
	at := int64(headerSize)
	for i := range p.damages {
		d := &p.damages[i]
		if d.off > at {
			all = append(all, piece{b: b}, piece{from: at, to: d.off})
			b = nil
		}
		start := len(b)
		b = appendHole(beginFrame(b), p.seg.id, d, x.began, aside)
		endFrame(b, start, x.who.who, frameHole, d.lsn, 0, 0)
		at = max(at, d.off+d.bytes)
	}
	all = append(all, piece{b: b})
	if at < p.at {
		all = append(all, piece{from: at, to: p.at})
	}
	for _, e := range all {
		size += e.size()
	}
	return all, size
}

// fill writes the pieces one after the other.
func (x *opening) fill(dst, src vfs.File, pieces []piece) error {
	var off int64
	buf := make([]byte, windowSize)
	for _, e := range pieces {
		if _, err := dst.WriteAt(e.b, off); err != nil {
			return err
		}
		off += int64(len(e.b))
		for e.from < e.to {
			b := buf[:min(int64(len(buf)), e.to-e.from)]
			if _, err := readPages(src, b, e.from); err != nil {
				return err
			}
			if _, err := dst.WriteAt(b, off); err != nil {
				return err
			}
			off += int64(len(b))
			e.from += int64(len(b))
		}
	}
	return nil
}
