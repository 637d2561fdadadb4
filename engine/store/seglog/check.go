package seglog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
)

// Check reads the log in o.Dir and changes nothing. It takes no lock for it: a broker that has the store open goes on, and what that
// writes meanwhile may be missing from the report. Damage is told in the report; an error says that there is nothing to report
// about.
func Check(ctx context.Context, o Options) (Report, error) {
	o = o.filled()
	began := time.Now()
	r, k, err := look(ctx, &o)
	if err != nil {
		return Report{}, err
	}
	defer r.close()
	report := r.report(&k, r.finish())
	report.Recovery = r.recovery(r.torn())
	report.Recovery.Took = time.Since(began)
	report.Recovery.Holes, report.Earlier = nil, nil
	for _, p := range r.parts {
		report.Earlier = append(report.Earlier, p.holes...)
		for i := range p.damages {
			report.Recovery.Holes = append(report.Recovery.Holes, p.hole(i, began))
		}
	}
	if path, err := r.broken(); err != nil {
		report.Broken = fmt.Sprintf("%s: %v", path, err)
	}
	report.Held, report.Holder = r.live, holder(&o)
	if !report.Held {
		report.Holder = ""
	}
	return report, report.files(o.FS)
}

// look replays the log as it lies there. The files are open, for reading.
func look(ctx context.Context, o *Options) (*replayer, known, error) {
	for again := false; ; again = true {
		used := held(o)
		ids, err := listSegments(o.FS, o.Dir)
		if err != nil {
			return nil, known{}, err
		}
		k, err := identify(o.FS, o.Dir, ids)
		if err != nil {
			return nil, k, err
		}
		if k.fresh {
			return nil, k, noStore(o.Dir, nil)
		}
		r := newReplayer(o.FS, o.Dir, k.who)
		r.live = used
		err = r.read(ctx, ids)
		// Somebody may have opened the store since, and what looks like damage is what that has changed.
		if d, _ := r.damaged(); (err != nil || d != nil) && !again && ctx.Err() == nil && held(o) != r.live {
			r.close()
			continue
		}
		if err != nil {
			r.close()
			return nil, k, err
		}
		r.account()
		return r, k, nil
	}
}

// noStore is the error of a directory without a store, unless there is another one.
func noStore(dir string, err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("there is no store in %s", dir)
}

// held tells whether somebody has the store open. It has the lock itself for a moment, if it gets it; there is none in a directory
// that was never opened.
func held(o *Options) bool {
	names, err := o.FS.ReadDir(o.Dir)
	if err != nil || !slices.Contains(names, lockName) {
		return false
	}
	lock, err := o.FS.Lock(filepath.Join(o.Dir, lockName))
	if err == nil {
		_ = lock.Close()
	}
	return errors.Is(err, vfs.ErrLocked)
}

// holder is what the process that holds the lock has written into it.
func holder(o *Options) string {
	file, err := o.FS.Open(filepath.Join(o.Dir, lockName), false)
	if err != nil {
		return ""
	}
	defer file.Close()
	var b [24]byte
	n, _ := file.ReadAt(b[:], 0)
	return strings.TrimSpace(string(b[:n]))
}

// report is what a replay that is finished has found.
func (r *replayer) report(k *known, gone missing) Report {
	x := r.index
	var s store.Stats
	x.counts(&s)
	v := Report{
		Dir: r.dir, Store: fmt.Sprintf("%x", k.who.store), Made: time.Unix(k.created, 0), LiveBytes: x.live, LSN: r.lsn,
		Sessions: s.Sessions, Subscriptions: s.Subscriptions, Messages: s.Messages, Deliveries: s.Deliveries, Retained: s.Retained,
		Notes: len(x.notes), OrphanSessions: gone.sessions, OrphanDeliveries: gone.deliveries,
	}
	for _, p := range r.parts {
		v.Segments = append(v.Segments, p.report())
		if !p.absent {
			v.Bytes += p.seg.alloc
		}
	}
	if n := len(v.Segments); n > 0 && v.Segments[n-1].State == stateGood {
		v.Segments[n-1].State = stateLast
	}
	return v
}

func (p *part) report() SegmentReport {
	s := p.seg
	v := SegmentReport{
		ID: s.id, File: s.path, Created: time.Unix(p.created, 0), Bytes: s.alloc, Used: s.size, Live: s.live, First: s.sum.first,
		Last: s.sum.last, Frames: s.sum.frames, Records: named(&s.sum.records), State: stateGood,
	}
	switch {
	case p.absent:
		v.State, v.Bytes, v.Used = stateMissing, 0, 0
	case len(p.damages) > 0:
		v.State = stateDamaged
	case len(p.holes) > 0:
		v.State = stateHealed
	}
	return v
}

// hole is one of a segment's damages, where it lies.
func (p *part) hole(i int, found time.Time) store.Hole {
	file := p.seg.path
	if p.absent {
		file = ""
	}
	return p.damages[i].hole(p.seg.id, file, found)
}

// files adds what lies beside the segments.
func (v *Report) files(f vfs.FS) error {
	names, err := f.ReadDir(v.Dir)
	if err != nil {
		return err
	}
	for _, name := range spareNames {
		v.Spare = v.Spare || slices.Contains(names, name)
	}
	aside, err := f.ReadDir(filepath.Join(v.Dir, quarantineDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range aside {
		v.Quarantine = append(v.Quarantine, filepath.Join(v.Dir, quarantineDir, name))
	}
	return nil
}
