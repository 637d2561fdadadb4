package crashtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// warmer is a store that can read what another process still writes.
type warmer interface{ Warm(context.Context) error }

// handOver lets the next process read along while the present one writes, and then take over: after its end, its death, or when
// yet another one has been there between. What it recovers is what one that has not read along would.
func handOver(s *Subject, r *rand.Rand) error {
	t := begin(s, r)
	disk := faultfs.NewMem(noLimit)
	o := options(r, disk, seglog.Sync(r.IntN(3)))
	for life := range 3 {
		if err := t.warmedLife(r, disk, o); err != nil {
			return fmt.Errorf("sync %v, life %d: %w", o.Sync, life, err)
		}
	}
	return nil
}

func (t *story) warmedLife(r *rand.Rand, disk *faultfs.Mem, o seglog.Options) error {
	plug := faultfs.NewInject(disk)
	present := o
	present.FS = pieces{plug}
	seed := r.Uint64()
	st, m, err := t.open(present)
	if err != nil {
		return err
	}
	t.reopened(m, seed)
	next := t.Open(o)
	stop, warmed := make(chan struct{}), make(chan struct{})
	go func() { defer close(warmed); keepWarm(next, stop) }()
	w := newWriter(t.Subject, st, m, 4)
	err = w.run(r.IntN(400), nil)
	early := r.IntN(2) == 0 // it does not read along to the end
	if early {
		close(stop)
		<-warmed
		if err == nil {
			err = w.run(r.IntN(200), nil)
		}
	}
	dies := r.IntN(2) == 0
	if dies {
		plug.Arm(faultfs.Fault{Nth: 1, Err: syscall.EIO, Stays: true})
	}
	if late := w.close(); err == nil {
		err = late
	}
	if !early {
		close(stop)
		<-warmed
	}
	if err == nil && !dies {
		err = t.allCommitted(w)
	}
	confirmed, _, _ := w.stands()
	t.written, t.confirmed, t.floor = w.m.position, confirmed, confirmed
	if err == nil && r.IntN(3) == 0 {
		err = t.between(r, o)
	}
	if err != nil {
		return err
	}
	return t.takenOver(r, next)
}

// keepWarm reads along until it is told to stop; that it may help nothing is its right.
func keepWarm(st store.Store, stop <-chan struct{}) {
	for {
		_ = st.(warmer).Warm(context.Background())
		select {
		case <-stop:
			return
		default:
		}
	}
}

// between is a process that comes and goes before the one that has read along takes over.
func (t *story) between(r *rand.Rand, o seglog.Options) error {
	seed := r.Uint64()
	st, m, err := t.open(o)
	if err != nil {
		return err
	}
	t.reopened(m, seed)
	w := newWriter(t.Subject, st, m, 4)
	err = w.run(r.IntN(100), nil)
	if late := w.close(); err == nil {
		err = late
	}
	if err == nil {
		err = t.allCommitted(w)
	}
	return err
}

// takenOver opens the store that has read along, and goes on with it a little.
func (t *story) takenOver(r *rand.Rand, next store.Store) error {
	seed := r.Uint64()
	got, err := collect(next)
	if err != nil {
		return fmt.Errorf("warmed up: %w", err)
	}
	m, err := t.explain(got)
	if err == nil {
		t.reopened(m, seed)
		w := newWriter(t.Subject, next, m, 4)
		if err = w.run(r.IntN(100), nil); err == nil {
			err = w.settle(nil)
		}
		if late := w.close(); err == nil {
			err = late
		}
		if err == nil {
			err = t.allCommitted(w)
		}
	} else if late := t.shut(next); late != nil {
		return violated("%v", late)
	}
	if err != nil {
		return fmt.Errorf("warmed up: %w", err)
	}
	return nil
}

// pieces is a file system that writes a little at a time, so that who reads along sees what is half written.
type pieces struct{ vfs.FS }

func (p pieces) Create(name string, size int64) (vfs.File, error) {
	f, err := p.FS.Create(name, size)
	if err != nil {
		return nil, err
	}
	return piecesFile{f}, nil
}

func (p pieces) Open(name string, write bool) (vfs.File, error) {
	f, err := p.FS.Open(name, write)
	if err != nil {
		return nil, err
	}
	return piecesFile{f}, nil
}

type piecesFile struct{ vfs.File }

func (f piecesFile) WriteAt(b []byte, off int64) (n int, err error) {
	for n < len(b) && err == nil {
		var k int
		k, err = f.File.WriteAt(b[n:min(n+1500, len(b))], off+int64(n))
		n += k
	}
	return n, err
}
