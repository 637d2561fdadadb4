package crashtest

import (
	"fmt"
	"math/rand/v2"

	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// tearTail damages the end of what a killed process has written, again and again. What is whole in front of the damage is
// there, and nothing else.
func tearTail(s *Subject, r *rand.Rand) error {
	t := begin(s, r)
	disk := faultfs.NewMem(noLimit)
	mode := seglog.Sync(r.IntN(3))
	for life := range 4 {
		o := options(r, disk, mode)
		o.Interval = longer
		trail, durable, err := t.notedLife(r, disk, o, 5+r.IntN(150))
		if err != nil {
			return fmt.Errorf("sync %v, life %d: %w", mode, life, err)
		}
		disk = disk.Kill()
		d, low, high := trail.tear(r, mode, durable)
		if err := d.do(r, disk); err != nil {
			return err
		}
		t.floor, t.confirmed, t.written = low, low, high
		if err := t.opensTwice(r, disk.Kill(), o); err != nil {
			return fmt.Errorf("sync %v, life %d, %v: %w", mode, life, d, err)
		}
		disk = disk.Kill()
	}
	return nil
}

// notedLife opens the store and writes so many batches, one at a time, noting where each goes. The store stays open: its
// process is to be killed.
func (t *story) notedLife(r *rand.Rand, disk *faultfs.Mem, o seglog.Options, batches int) (trail *trail, durable uint64, err error) {
	seed := r.Uint64()
	st, m, err := t.open(o)
	if err != nil {
		return nil, 0, err
	}
	t.reopened(m, seed)
	w := newWriter(t.Subject, st, m, 1)
	defer func() {
		disk.Cut()
		if late := w.close(); err == nil {
			err = late
		}
	}()
	if trail, err = follow(disk); err != nil {
		return nil, 0, err
	}
	for range batches {
		batch, err := w.one()
		if err == nil {
			err = trail.note(w.m.position, batch)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	t.written = w.m.position
	_, durable, _ = w.stands()
	return trail, durable, nil
}

// tear draws a damage of the last file, and gives the positions between which it leaves the store: it may have struck the
// frame of a batch, or only what went along with it.
func (t *trail) tear(r *rand.Rand, mode seglog.Sync, durable uint64) (d damage, low, high uint64) {
	last := t.extents[len(t.extents)-1]
	var own []extent // of the batches in the last file
	for _, e := range t.extents {
		if e.file == last.file {
			own = append(own, e)
		}
	}
	begins, kind, position := own[0].from, r.IntN(5), own[0].position-1
	if own[0].folded {
		begins, position = own[0].to, own[0].position
		own = own[1:]
	}
	if len(own) == 0 {
		kind = 0
	}
	d = damage{file: last.file}
	switch kind {
	case 0: // behind the end
		d.how, d.from = garbled, last.to+64+r.Int64N(3000)
		d.to = d.from + 1 + r.Int64N(3000)
	case 1:
		d.how, d.from, d.to = zeroed, begins+r.Int64N(last.to-begins), last.to
	case 2:
		d.how, d.from, d.to = garbled, begins+r.Int64N(last.to-begins), last.to+r.Int64N(2000)
	case 3:
		d.how, d.from, d.to = cut, begins+r.Int64N(last.to-begins), last.to
	default:
		// Of frames that were not brought to the disk any may be damaged, also before another that is there.
		e := last
		if mode != seglog.SyncAlways {
			e = own[r.IntN(len(own))]
		}
		if e.position <= durable {
			e = last
		}
		d.how, d.from = flipped, e.at+r.Int64N(e.end-e.at)
		d.to = d.from + 1
	}
	low, high = position, position
	for _, e := range own {
		if d.from >= e.to {
			low = e.position
		}
		if d.from >= e.end {
			high = e.position
		}
	}
	return d, low, high
}
