package crashtest

import (
	"fmt"
	"math/rand/v2"

	"github.com/penstock-mqtt/penstock/engine/store"
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
		n, err := t.notedLife(r, disk, o, 5+r.IntN(150), nil)
		if err != nil {
			return fmt.Errorf("sync %v, life %d: %w", mode, life, err)
		}
		disk = disk.Kill()
		d, low, high := n.tear(r, mode)
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

// noted is what is known about a life whose batches were written one at a time.
type noted struct {
	trail   *trail
	history history
	durable uint64 // the position that was on the disk in any case
	copied  bool   // records were moved on, so that not all that lies in a file is known
}

// notedLife opens the store and writes so many batches, or until enough says so, noting where each goes. The store stays open
// until its process is killed.
func (t *story) notedLife(r *rand.Rand, disk *faultfs.Mem, o seglog.Options, batches int, enough func(*noted) bool) (n *noted, err error) {
	seed := r.Uint64()
	st, m, err := t.open(o)
	if err != nil {
		return nil, err
	}
	t.reopened(m, seed)
	w := newWriter(t.Subject, st, m, 1)
	defer func() {
		disk.Cut()
		if late := w.close(); err == nil {
			err = late
		}
	}()
	n = &noted{}
	if n.trail, err = follow(disk); err != nil {
		return nil, err
	}
	for range batches {
		batch, err := w.one()
		if err == nil {
			err = n.trail.note(w.m.position, batch)
		}
		if err == nil {
			err = n.history.note(w.m.position, batch)
		}
		if err != nil {
			return nil, err
		}
		if enough != nil && enough(n) {
			break
		}
	}
	if observed, ok := st.(store.Observed); ok {
		n.copied = observed.Stats().CopiedBytes > 0
	}
	t.written = w.m.position
	_, n.durable, _ = w.stands()
	return n, nil
}

// tear draws a damage of the last file, and gives the positions between which it leaves the store: it may have struck the
// frame of a batch, or only what went along with it.
func (n *noted) tear(r *rand.Rand, mode seglog.Sync) (d damage, low, high uint64) {
	last := n.trail.extents[len(n.trail.extents)-1]
	var own []extent // of the batches in the last file
	for _, e := range n.trail.extents {
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
		if r.IntN(8) == 0 {
			d.from = min(d.from, begins+r.Int64N(100))
		}
	default:
		// Of frames that were not brought to the disk any may be damaged, also before another that is there.
		e := last
		if mode != seglog.SyncAlways {
			e = own[r.IntN(len(own))]
		}
		if e.position <= n.durable {
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
