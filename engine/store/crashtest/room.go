package crashtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// runOutOfRoom lets a store run into a full disk. It says so, loses nothing, and goes on by itself when there is room again.
func runOutOfRoom(s *Subject, r *rand.Rand) error {
	if r.IntN(2) == 0 {
		return s.missRoomOnce(r)
	}
	return s.fillDisk(r)
}

// missRoomOnce refuses room to some operation.
func (s *Subject) missRoomOnce(r *rand.Rand) error {
	mode := seglog.Sync(r.IntN(3))
	t, disk, err := grown(s, r, mode)
	if err != nil {
		return err
	}
	fs := faultfs.NewInject(disk)
	o := options(r, fs, mode)
	st, m, err := t.open(o)
	if err != nil {
		return err
	}
	t.reopened(m, r.Uint64())
	f := faultfs.Fault{Op: []faultfs.Op{faultfs.OpWrite, faultfs.OpCreate}[r.IntN(2)], Nth: 1 + r.Int64N(30), Err: syscall.ENOSPC, Short: true}
	fs.Arm(f)
	w := newWriter(s, st, m, 4)
	for hits := int64(0); err == nil && hits == 0 && w.m.position < t.written+150; hits, _ = fs.Hits(f.Op) {
		err = w.run(1+r.IntN(10), nil)
	}
	if err == nil {
		err = w.run(r.IntN(20), nil)
	}
	if err == nil {
		err = w.settle(nil)
	}
	if late := w.close(); err == nil {
		err = late
	}
	if err == nil {
		err = t.allCommitted(w)
	}
	if err == nil {
		err = t.opensTwice(r, disk.Kill(), o)
	}
	if err != nil {
		return fmt.Errorf("sync %v, %v %d finds no room: %w", mode, f.Op, f.Nth, err)
	}
	return nil
}

// allCommitted holds the story to all that a writer has written.
func (t *story) allCommitted(w *writer) error {
	confirmed, _, failure := w.stands()
	t.written, t.confirmed, t.floor = w.m.position, confirmed, confirmed
	if failure != nil || confirmed != t.written {
		return violated("confirmed %d of %d batches, then %v", confirmed, t.written, failure)
	}
	return nil
}

// fillDisk gives a store a small disk, and more of it whenever it says that it is full. Now and then its process ends or its
// power is cut while it is full: it opens on a full disk, too.
func (s *Subject) fillDisk(r *rand.Rand) error {
	t := begin(s, r)
	t.overtakes = true
	mode := seglog.Sync(r.IntN(3))
	disk := faultfs.NewMem(int64(4+r.IntN(8)) * 128 << 10)
	disk.SetThin(r.IntN(2) == 0)
	for life := range 3 {
		o := options(r, disk, mode)
		if r.IntN(3) == 0 {
			o.Quota = int64(6+r.IntN(20)) * o.SegmentSize
		}
		if err := t.fullLife(r, disk, o); err != nil {
			return fmt.Errorf("sync %v, life %d, quota %d: %w", mode, life, o.Quota, err)
		}
		if r.IntN(2) == 0 {
			disk = disk.Kill()
		} else {
			disk, t.confirmed = disk.Crash(r), t.floor
		}
	}
	return nil
}

// fullLife is one life on a disk that grows. It ends in time, or when the disk is full and nobody gives more.
func (t *story) fullLife(r *rand.Rand, disk *faultfs.Mem, o seglog.Options) error {
	seed, inTime, cut := r.Uint64(), o.Quota == 0 && r.IntN(2) == 0, r.IntN(2) == 0 // a quota stays as it is
	durable := t.floor
	t.floor = t.confirmed
	st, m, err := t.open(o)
	t.floor = durable
	if err != nil {
		return err
	}
	t.reopened(m, seed)
	w := newWriter(t.Subject, st, m, 4)
	stop, finished, given := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() { given <- t.giveRoom(disk, st, finished, stop, inTime) }()
	err = w.run(150, stop)
	if err == nil {
		err = w.settle(stop)
	}
	close(finished)
	if late := <-given; err == nil {
		err = late
	}
	select {
	case <-stop:
		inTime = false
	default:
		inTime = true
	}
	if cut && !inTime {
		disk.Cut()
	}
	if late := w.closeFull(inTime || cut); err == nil {
		err = late
	}
	disk.Cut()
	confirmed, floor, failure := w.stands()
	if inTime || o.Sync == seglog.SyncAlways {
		floor = confirmed
	}
	t.written, t.floor = w.m.position, max(t.floor, floor)
	t.confirmed = max(t.floor, confirmed)
	if err == nil && inTime && (failure != nil || confirmed != t.written) {
		err = violated("confirmed %d of %d batches, then %v", confirmed, t.written, failure)
	}
	return err
}

// giveRoom waits for the store to say that it is full, and makes the disk larger, until the writer has finished. In a life that
// does not end in time, it closes stop instead.
func (t *story) giveRoom(disk *faultfs.Mem, st store.Store, finished <-chan struct{}, stop chan<- struct{}, inTime bool) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-finished:
			return nil
		case <-tick.C:
		}
		if st.Pressure() != store.Full {
			continue
		}
		if !inTime {
			close(stop)
			return nil
		}
		_, size, err := disk.Space(storeDir)
		if err != nil {
			return err
		}
		disk.SetCapacity(size + 64<<10)
	}
}

// closeFull closes a store that may be full: then it need not come to an end before its time is over, and what waits fails
// with ErrClosed.
func (w *writer) closeFull(hasRoom bool) error {
	if hasRoom {
		return w.close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	ended := make(chan struct{})
	go func() { _ = w.st.Close(ctx); close(ended) }()
	if err := w.within("Close of a full store", ended); err != nil {
		return violated("%v", err)
	}
	if _, _, failure := w.stands(); failure != nil && !errors.Is(failure, store.ErrClosed) {
		return violated("a batch that there was no room for has failed with %v, want ErrClosed", failure)
	}
	return w.close()
}
