package crashtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// breakDisk lets one operation after the other fail with EIO, on a store that is there already. Thorough, it is each in
// turn; else some of them.
func breakDisk(s *Subject, r *rand.Rand) error {
	mode := seglog.Sync(r.IntN(3))
	t, disk, err := grown(s, r, mode)
	if err != nil {
		return err
	}
	o := options(r, disk, mode)
	o.Interval = longer / 1000
	ops, err := t.countOps(r, disk.Kill(), o)
	if err != nil {
		return err
	}
	step := int64(1)
	if !s.Thorough {
		step = max(ops/8, 1)
	}
	for n := 1 + r.Int64N(step); n <= ops+3; n += step {
		f := faultfs.Fault{Op: faultfs.OpAny, Nth: n, Err: syscall.EIO, Stays: r.IntN(2) == 0, Short: r.IntN(2) == 0}
		if err := t.fail(r, disk.Kill(), o, f); err != nil {
			return fmt.Errorf("sync %v, operation %d fails, stays %v: %w", mode, n, f.Stays, err)
		}
	}
	return nil
}

// grown makes a store with some segments in it, closed.
func grown(s *Subject, r *rand.Rand, mode seglog.Sync) (*story, *faultfs.Mem, error) {
	t := begin(s, r)
	disk := faultfs.NewMem(noLimit)
	st, m, err := t.open(options(r, disk, mode))
	if err != nil {
		return nil, nil, err
	}
	w := newWriter(s, st, m, 8)
	if err := w.run(200, nil); err != nil {
		return nil, nil, err
	}
	if err := w.close(); err != nil {
		return nil, nil, err
	}
	t.written, t.confirmed, t.floor = m.position, m.position, m.position
	return t, disk, nil
}

const batchesOfFault = 60

// countOps is how many operations a run takes in which nothing fails.
func (t *story) countOps(r *rand.Rand, disk *faultfs.Mem, o seglog.Options) (int64, error) {
	fs := faultfs.NewInject(disk)
	o.FS = fs
	st, m, err := t.open(o)
	if err != nil {
		return 0, err
	}
	w := newWriter(t.Subject, st, m, 4)
	if err := w.run(batchesOfFault, nil); err != nil {
		return 0, err
	}
	return fs.Count(faultfs.OpAny), w.close()
}

// fail tells one life in which a fault strikes, and what is found after it. The story itself stays where it is.
func (t story) fail(r *rand.Rand, disk *faultfs.Mem, o seglog.Options, f faultfs.Fault) error {
	fs := faultfs.NewInject(disk)
	o.FS = fs
	fs.Arm(f)
	confirmed, floor := t.confirmed, t.floor
	st, m, err := t.open(o)
	if err == nil {
		t.reopened(m, r.Uint64())
		confirmed, floor, err = t.strike(st, m, o, fs)
		t.written = m.position
		if o.Sync == seglog.SyncAlways {
			floor = confirmed
		}
	} else if errors.Is(err, f.Err) {
		err = nil // it says so
	}
	n, last := fs.Hits(faultfs.OpAny)
	if err != nil {
		return fmt.Errorf("after %d errors, the last of %s: %w", n, last, err)
	}
	// The process ends; or the power does, too, and takes what the failed Sync could not write.
	after := []*faultfs.Mem{disk.Kill(), disk.Crash(r)}
	for i, floor := range []uint64{confirmed, floor} {
		t.floor = floor
		if err := t.opensTwice(r, after[i], o); err != nil {
			return fmt.Errorf("after %d errors, the last of %s, power cut %v: %w", n, last, i == 1, err)
		}
	}
	return nil
}

// strike writes until the fault shows, and sees that the store stands by it.
func (t *story) strike(st store.Store, m *model, o seglog.Options, fs *faultfs.Inject) (confirmed, floor uint64, err error) {
	w := newWriter(t.Subject, st, m, 4)
	before := fatal(fs)
	if o.Sync == seglog.SyncAlways {
		w.struck = func() bool {
			writes, _ := fs.Hits(faultfs.OpWrite)
			syncs, _ := fs.Hits(faultfs.OpSync)
			return writes+syncs > 0
		}
	}
	err = w.run(batchesOfFault, nil)
	if err == nil && fatal(fs) > before {
		err = t.failed(st)
	}
	_, floor, failure := w.stands()
	if err == nil && failure != nil {
		if err = t.failed(st); err == nil {
			for range 3 { // which must all be told that they fail
				w.window <- struct{}{}
				w.append()
			}
		}
	}
	if late := w.close(); err == nil {
		err = late
	}
	confirmed, _, _ = w.stands()
	return confirmed, floor, err
}

// fatal is how many operations have failed behind which nothing may be confirmed.
func fatal(fs *faultfs.Inject) (sum int64) {
	for _, o := range []faultfs.Op{faultfs.OpWrite, faultfs.OpSync, faultfs.OpSyncDir, faultfs.OpTruncate, faultfs.OpRename} {
		n, _ := fs.Hits(o)
		sum += n
	}
	return sum
}

// failed waits until a store says that it has failed.
func (t *story) failed(st store.Store) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); st.Pressure() != store.Failed; <-tick.C {
		if time.Since(began) > t.patience() {
			return violated("an operation has failed, and the pressure is %v", st.Pressure())
		}
	}
	return nil
}
