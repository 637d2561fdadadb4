package seglog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// Warm reads the log that another process still writes to, without taking hold of it, so that Recover has only the rest to
// read. It may be called again, and goes on. Its error says that it has helped nothing, and harms nothing. It must not be called
// while the log is open, or while Recover runs.
func (g *Log) Warm(ctx context.Context) error {
	g.life.Lock()
	defer g.life.Unlock()
	if g.open.Load() != nil {
		return errors.New("the log is open")
	}
	r, err := warm(ctx, &g.o)
	if err != nil {
		return err
	}
	g.o.warmed = r
	return nil
}

// warm reads what is there, from the beginning or from where it stopped before.
func warm(ctx context.Context, o *Options) (*replayer, error) {
	ids, err := listSegments(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	k, err := identify(o.FS, o.Dir, ids)
	if err != nil {
		return nil, err
	}
	if k.write {
		return nil, fmt.Errorf("there is no store in %s, or it is damaged", o.Dir)
	}
	r := o.takeWarmed()
	if r == nil || r.resume(k.who, ids) != nil {
		r = newReplayer(o.FS, o.Dir, k.who)
		r.live = true
	}
	err = r.read(ctx, ids)
	if d, p := r.damaged(); err == nil && d != nil {
		err = fmt.Errorf("%s is damaged at offset %d", p.seg.path, d.off)
	}
	r.close()
	if err != nil {
		return nil, err
	}
	return r, nil
}

// takeWarmed gives what Warm has read, once.
func (o *Options) takeWarmed() *replayer {
	r := o.warmed
	o.warmed = nil
	return r
}

var errResume = errors.New("the log is not the one that was read before")

// resume opens the segments that were read before and are still there, for more to be read. They must be the same: a process
// between may have cut or healed them.
func (r *replayer) resume(who identity, ids []uint32) error {
	p := r.last()
	if who != r.who || p == nil || !slices.Contains(ids, p.seg.id) {
		return errResume
	}
	for _, p := range r.parts {
		if p.absent || p.seg.id < ids[0] {
			continue
		}
		if err := r.reopen(p); err != nil {
			return err
		}
	}
	return nil
}

func (r *replayer) reopen(p *part) error {
	file, err := r.fs.Open(p.seg.path, r.write)
	if err != nil {
		return err
	}
	p.seg.file = file
	if p.seg.alloc, err = file.Size(); err != nil {
		return err
	}
	if same, err := r.same(p, file); err != nil || !same {
		return errors.Join(errResume, err)
	}
	return nil
}

// same tells whether a file is the one that was read: its header says when it was made, and its last frame is where it was.
func (r *replayer) same(p *part, file vfs.File) (bool, error) {
	s := newScanner(file, r.who, p.seg.alloc, p.newest)
	b, err := s.bytes(0, headerSize)
	if err != nil {
		return false, err
	}
	if h, err := parseHeader(b); err != nil || h.created != p.created || h.who != r.who {
		return false, nil
	}
	if !p.frames {
		return true, nil
	}
	f, ok, err := s.next()
	return ok && f.lsn == p.seg.sum.last && f.crc == p.crc && f.end() == p.at, err
}
