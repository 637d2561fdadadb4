package seglog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// opened is what opening a directory gives the committer to go on with.
type opened struct {
	who      identity
	lock     io.Closer
	index    *index // its segments are open for writing; none when the store is new
	lsn      uint64 // of the last frame
	recovery store.Recovery

	known    known
	replayed *replayer
	missing  missing
	fixed    []store.Hole // of Recovery.Holes: those that were found now
}

// open takes hold of the directory, makes it when it is not there, reads the log, cuts a torn tail off and heals or refuses
// what is damaged. Nothing is left open when it fails.
func open(ctx context.Context, o *Options) (*opened, error) {
	x := opening{ctx: ctx, o: o, fs: o.FS, dir: o.Dir, log: o.Logger, began: time.Now()}
	if x.fs == nil {
		x.fs = vfs.OS
	}
	if x.log == nil {
		x.log = slog.New(slog.DiscardHandler)
	}
	if err := x.fs.MkdirAll(x.dir); err != nil {
		return nil, err
	}
	lock, err := takeLock(ctx, x.fs, filepath.Join(x.dir, lockName))
	if err != nil {
		return nil, err
	}
	p, err := x.open()
	if err != nil {
		if x.r != nil {
			x.r.close()
		}
		for _, v := range x.views {
			_ = v.Close()
		}
		_ = lock.Close()
		return nil, err
	}
	p.lock = lock
	return p, nil
}

// lockPatience is how long open waits for a lock: a check of the directory, or a process that ends, has it for a moment.
const lockPatience = 200 * time.Millisecond

func takeLock(ctx context.Context, f vfs.FS, name string) (io.Closer, error) {
	tick := time.NewTicker(lockPatience / 10)
	defer tick.Stop()
	for began := time.Now(); ; {
		lock, err := f.Lock(name)
		if !errors.Is(err, vfs.ErrLocked) || time.Since(began) > lockPatience {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// opening is an open that goes on, once the directory is locked.
type opening struct {
	ctx   context.Context
	o     *Options
	fs    vfs.FS
	dir   string
	log   *slog.Logger
	began time.Time

	who   known
	r     *replayer
	views map[uint32]*view
	torn  int64
}

func (x *opening) open() (*opened, error) {
	if err := sweep(x.fs, x.dir); err != nil {
		return nil, err
	}
	if !x.o.Strict { // it may yet refuse, and then has changed nothing
		removeStale(x.fs, x.dir)
	}
	ids, err := listSegments(x.fs, x.dir)
	if err != nil {
		return nil, err
	}
	if err := x.identify(ids); err != nil {
		return nil, err
	}
	found, err := x.readAndHeal(ids)
	if err != nil {
		return nil, err
	}
	if err := x.cut(); err != nil {
		return nil, err
	}
	p := &opened{who: x.who.who, known: x.who, index: x.r.index, lsn: x.r.lsn, replayed: x.r}
	p.missing = x.r.finish()
	if err := x.writeAgain(); err != nil {
		return nil, err
	}
	if err := x.sync(); err != nil {
		return nil, err
	}
	p.recovery = x.r.recovery(x.torn)
	p.fixed = found
	x.tell(p)
	p.recovery.Took = time.Since(x.began)
	return p, nil
}

// identify finds out which store this is.
func (x *opening) identify(ids []uint32) (err error) {
	if x.who, err = identify(x.fs, x.dir, ids); err != nil {
		return err
	}
	if x.who.fresh || x.who.created == 0 {
		x.who.created = x.began.Unix()
	}
	if x.who.doubt != "" {
		x.log.Warn("the store is not sure of its identity", "dir", x.dir, "reason", x.who.doubt)
	}
	return nil
}

// writeDown writes down which store this is, where that is not.
func (x *opening) writeDown() error {
	if !x.who.write {
		return nil
	}
	x.who.write = false
	return writeIdentity(x.fs, x.dir, &x.who)
}

// mayStart refuses a log of which not one frame could be read because the disk fails: it may be a cable, and the next thing to happen
// would be that an empty store is begun beside files that are whole. Repair is for who knows better.
func (x *opening) mayStart() error {
	path, err := x.r.broken()
	if err == nil || x.o.repair {
		return nil
	}
	return fmt.Errorf("%s cannot be read, and nothing else of the store: %w; nothing was changed. If the disk is lost, "+
		"penstock store repair %s sets the files aside and begins an empty store", path, err, x.dir)
}

// rounds is how often a log is healed and read again at most. Once is enough, unless the disk loses what was just written.
const rounds = 3

// readAndHeal replays the log. What is damaged is healed, and then everything is read once more, as it lies in the files now.
func (x *opening) readAndHeal(ids []uint32) (found []store.Hole, err error) {
	for round := 1; ; round++ {
		if err := x.replay(ids); err != nil {
			return found, err
		}
		x.r.account()
		if err := x.mayStart(); err != nil {
			return found, err
		}
		d, p := x.r.damaged()
		switch {
		case d == nil:
			return found, x.writeDown()
		case x.o.Strict:
			return nil, fmt.Errorf("%s is damaged at offset %d (%s); see: penstock store check %s", p.seg.path, d.off, d.reason, x.dir)
		case round > rounds:
			return nil, fmt.Errorf("%s is damaged at offset %d (%s), and again after it was healed", p.seg.path, d.off, d.reason)
		}
		if err := x.writeDown(); err != nil {
			return found, err
		}
		holes, err := x.heal()
		if found = append(found, holes...); err != nil {
			return found, err
		}
		for _, p := range x.r.parts {
			if p.cut && len(p.damages) > 0 {
				x.torn += p.rest // of which the healed file has nothing
			}
		}
		x.r.closeFiles()
		if ids, err = listSegments(x.fs, x.dir); err != nil {
			return found, err
		}
		for id := range x.views {
			if !slices.Contains(ids, id) { // its file is missing
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
	}
}

// replay reads all segments, or goes on where Warm has stopped.
func (x *opening) replay(ids []uint32) error {
	if r := x.o.takeWarmed(); r != nil {
		x.r, r.write, r.live = r, true, false
		err := r.resume(x.who.who, ids)
		if err == nil {
			err = r.read(x.ctx, ids)
		}
		if d, _ := r.damaged(); err == nil && d == nil || x.ctx.Err() != nil {
			return err
		}
		x.log.Info("the store is read from its beginning", "dir", x.dir, "err", err)
		r.close()
	}
	x.r = newReplayer(x.fs, x.dir, x.who.who)
	x.r.write, x.r.views = true, x.views
	return x.r.read(x.ctx, ids)
}

// recovery is what replay has found. Holes are those that were healed, now or before, and those that could not be.
func (r *replayer) recovery(torn int64) store.Recovery {
	v := store.Recovery{Bytes: r.bytes, Frames: r.frameCount, Records: r.records, Clean: torn == 0 && (r.closed || r.frameCount == 0), TornBytes: torn}
	for _, p := range r.parts {
		v.Holes = append(v.Holes, p.holes...)
		for i := range p.damages {
			v.Holes = append(v.Holes, p.hole(i, time.Now()))
		}
	}
	return v
}

// finish ends the replay, once nothing more is read.
func (r *replayer) finish() missing {
	for len(r.parts) > 0 && r.parts[0].seg.id <= r.vanished {
		r.parts = r.parts[1:]
	}
	return r.index.endReplay(r.vanished + 1)
}

// sync makes durable what was read: it may have been in the kernel alone, and what comes is built upon it.
func (x *opening) sync() error {
	for _, s := range x.r.index.segments {
		if err := s.file.Sync(); err != nil {
			return fmt.Errorf("sync %s: %w", s.path, err)
		}
	}
	return x.fs.SyncDir(x.dir)
}

// visit gives the live state in the order of store.Store's Recover.
func (p *opened) visit(ctx context.Context, visit func(*store.Record) error) error {
	return p.index.visit(ctx, visit)
}
