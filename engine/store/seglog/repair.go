package seglog

import (
	"context"
	"slices"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// Repair does what opening the log does without Strict: it takes the lock, cuts a torn tail off, moves damaged segments to the
// quarantine and writes what is readable of them anew. The report is of the log as it is then, with the holes that were healed
// now in Recovery.
func Repair(ctx context.Context, o Options) (Report, error) {
	o = o.filled()
	o.Strict, o.repair = false, true
	ids, err := listSegments(o.FS, o.Dir)
	if err != nil {
		return Report{}, err
	}
	if k, err := identify(o.FS, o.Dir, ids); err != nil || k.fresh {
		return Report{}, noStore(o.Dir, err)
	}
	p, err := open(ctx, &o)
	if err != nil {
		return Report{}, err
	}
	defer p.letGo()
	report := p.replayed.report(&p.known, p.missing)
	report.Recovery = p.recovery
	report.Recovery.Holes = p.fixed
	for _, h := range p.recovery.Holes {
		if !slices.ContainsFunc(p.fixed, func(now store.Hole) bool { return sameHole(&h, &now) }) {
			report.Earlier = append(report.Earlier, h)
		}
	}
	return report, report.files(o.FS)
}

// sameHole tells whether two accounts are of one hole: one was written to the file, which keeps whole seconds.
func sameHole(a, b *store.Hole) bool {
	return a.Segment == b.Segment && a.Offset == b.Offset && a.FirstLSN == b.FirstLSN && a.Found.Unix() == b.Found.Unix()
}
