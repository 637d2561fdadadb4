package crashtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

const (
	storeDir = "/store"
	noLimit  = 1 << 40
	longer   = time.Hour // than any round
)

// options draws how a store in memory is kept. Its segments are small, so that they are reclaimed all the time.
func options(r *rand.Rand, fs vfs.FS, mode seglog.Sync) seglog.Options {
	o := seglog.Options{Dir: storeDir, FS: fs, Sync: mode, Interval: time.Duration(1+r.IntN(5)) * time.Millisecond, SegmentSize: 64 << 10 << r.IntN(2)}
	if r.IntN(8) == 0 {
		o.Gather = time.Millisecond
	}
	return o
}

// begin begins a story on an empty store.
func begin(s *Subject, r *rand.Rand) *story {
	return &story{Subject: s, script: script{big: 128 << 10, legs: []leg{{Seed: r.Uint64()}}}}
}

// cutPower lets a store live several lives, each of which ends with its power, or only its process, being cut at any
// operation, be it in the opening.
func cutPower(s *Subject, r *rand.Rand) error {
	return cutPowerOf(s, r, seglog.Sync(r.IntN(3)), faultfs.Lies{})
}

func cutPowerOf(s *Subject, r *rand.Rand, mode seglog.Sync, lies faultfs.Lies) error {
	t := begin(s, r)
	disk := faultfs.NewMem(noLimit)
	disk.Lie(lies)
	for life := range 3 + r.IntN(4) {
		o := options(r, disk, mode)
		if err := t.live(r, disk, o); err != nil {
			return fmt.Errorf("sync %v, life %d: %w", mode, life, err)
		}
		// Whatever the disk has become, it opens.
		for range 2 {
			if err := t.opensTwice(r, disk.Crash(r), o); err != nil {
				return fmt.Errorf("sync %v, behind life %d: %w", mode, life, err)
			}
		}
		if r.IntN(3) == 0 {
			disk = disk.Kill() // which takes nothing that was confirmed, in each mode
		} else {
			disk, t.confirmed = disk.Crash(r), t.floor
		}
	}
	return nil
}

// live opens the store, writes to it and cuts its power in the midst of that.
func (t *story) live(r *rand.Rand, disk *faultfs.Mem, o seglog.Options) error {
	seed := r.Uint64()
	disk.CutAfter(1 + r.Int64N([]int64{10, 100, 1000, 3000}[r.IntN(4)]))
	durable := t.floor
	t.floor = t.confirmed
	st, m, err := t.open(o)
	t.floor = durable
	if err != nil {
		return unless(disk, err)
	}
	t.reopened(m, seed)
	w := newWriter(t.Subject, st, m, 1+r.IntN(12))
	if err := w.run(50+r.IntN(500), disk.Off()); err != nil {
		return err
	}
	inTime := r.IntN(2) == 0
	if !inTime {
		disk.Cut()
	}
	err = w.close()
	inTime = inTime && !off(disk)
	disk.Cut()
	t.written = w.m.position
	confirmed, floor, failure := w.stands()
	if inTime || o.Sync == seglog.SyncAlways {
		floor = confirmed
	}
	t.floor = max(t.floor, floor)
	t.confirmed = max(t.floor, confirmed)
	switch {
	case err != nil:
		return err
	case inTime && (failure != nil || confirmed != t.written):
		return violated("closed with %v, and confirmed %d of %d batches", failure, confirmed, t.written)
	}
	return nil
}

// opensTwice opens what a cut has left, and what that opening has left, which must be the same.
func (t *story) opensTwice(r *rand.Rand, disk *faultfs.Mem, o seglog.Options) error {
	o.FS = disk
	st, first, err := t.open(o)
	if err != nil {
		return err
	}
	closes := r.IntN(2) == 0
	if closes {
		if err := t.shut(st); err != nil {
			return violated("%v", err)
		}
		if r.IntN(2) == 0 {
			disk = disk.Crash(r)
		}
	} else {
		disk = disk.Kill()
		_ = t.shut(st)
	}
	o.FS = disk
	st, second, err := t.open(o)
	if err != nil {
		return fmt.Errorf("opened again: %w", err)
	}
	if first.position != second.position {
		err = violated("opened again: recovered position %d, want %d as before", second.position, first.position)
	}
	if late := t.shut(st); err == nil && late != nil {
		err = violated("%v", late)
	}
	return err
}

// unless gives an error that the lack of power does not explain.
func unless(disk *faultfs.Mem, err error) error {
	if off(disk) && errors.Is(err, faultfs.ErrPower) {
		return nil
	}
	return err
}

func off(disk *faultfs.Mem) bool {
	select {
	case <-disk.Off():
		return true
	default:
		return false
	}
}
