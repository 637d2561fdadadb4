package crash

import (
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// disk is a home whose store is a log on a disk in memory.
type disk struct {
	*home
	mem *faultfs.Mem
	bad *faultfs.Inject
	lag *Lag
	log seglog.Options
}

// newDisk starts a broker on an empty disk. Segments are small, so that many of them come and go.
func newDisk(t *testing.T, seed uint64, log seglog.Options) *disk {
	t.Helper()
	d := &disk{home: newHome(t, seed, 1+int(seed%3)), mem: faultfs.NewMem(1 << 40), log: log}
	d.log.Dir = "/data"
	if d.log.SegmentSize == 0 {
		d.log.SegmentSize = 256 << 10
	}
	d.open = func() *gate {
		o := d.log
		d.bad = faultfs.NewInject(d.mem)
		d.lag = NewLag(d.bad, time.Duration(1+d.rng.IntN(4))*time.Millisecond)
		d.stall = d.lag.Stall
		o.FS = d.lag
		return newGate(seglog.New(o))
	}
	return d
}

// powerCut is the end of everything that is not on the disk. The cut may come in the midst of what the log does.
func (d *disk) powerCut(f *Fleet, synced int64) {
	d.t.Helper()
	if d.rng.IntN(2) == 0 {
		d.mem.CutAfter(1 + d.rng.Int64N(20))
		select {
		case <-d.mem.Off():
		case <-time.After(50 * time.Millisecond): // nobody writes
		}
	}
	d.crash(f, synced, func() { d.mem = d.mem.Crash(d.rng); d.lag.Release() })
}

// killed is the end of the process alone.
func (d *disk) killed(f *Fleet) {
	d.t.Helper()
	d.crash(f, 0, func() { d.mem = d.mem.Kill(); d.lag.Release() })
}

// settled waits until the log has nothing left of any message, and that it had no reason to complain.
func (d *disk) settled() {
	d.t.Helper()
	d.idle()
	s := d.g.Stats()
	if s.Failure != "" || len(s.Recovery.Holes) > 0 {
		d.t.Errorf("the log says that it failed with %q and has lost %v", s.Failure, s.Recovery.Holes)
	}
}

func TestPowerCutsTakeNothingThatWasAcknowledged(t *testing.T) {
	seeded(t, func(t *testing.T, seed uint64) Counts {
		d := newDisk(t, seed, seglog.Options{})
		d.settle()
		f := Launch(NewPlan(seed), d.address)
		f.Ledger.Failing() // between the end of the power and that of the process
		for range 6 {
			d.pause()
			d.powerCut(f, 0)
		}
		c := verdict(t, f, d.forward)
		d.settled()
		return c
	})
}

// What the kernel has is not lost with the process, and is on the disk before anything is built upon it.
func TestKilledProcessesTakeNothingInAnyMode(t *testing.T) {
	for _, sync := range []seglog.Sync{seglog.SyncAlways, seglog.SyncInterval, seglog.SyncNone} {
		t.Run(sync.String(), func(t *testing.T) {
			seeded(t, func(t *testing.T, seed uint64) Counts {
				d := newDisk(t, seed, seglog.Options{Sync: sync, Interval: 50 * time.Millisecond})
				d.settle()
				f := Launch(NewPlan(seed), d.address)
				f.Ledger.Failing() // between the end of the disk and that of the process
				for range 3 {
					d.pause()
					d.killed(f)
				}
				c := verdict(t, f, d.forward)
				d.settled()
				return c
			})
		})
	}
}

// A disk that has promised what it does not keep loses messages, and the clients notice: the tests above can fail.
func TestTheClientsNoticeADiskThatLies(t *testing.T) {
	seeded(t, func(t *testing.T, seed uint64) Counts {
		plan := NewPlan(seed)
		plan.Patience = rig.Patience / 10
		var kinds map[Kind]int
		var counts Counts
		for range 5 { // luck: what was not synced may survive
			d := newDisk(t, seed, seglog.Options{})
			d.mem.Lie(faultfs.Lies{Sync: true, SyncDir: true})
			d.settle()
			f := Launch(plan, d.address)
			for range 3 {
				d.pause()
				d.powerCut(f, 0)
			}
			f.Drain()
			kinds = map[Kind]int{}
			for _, fault := range f.End() {
				kinds[fault.Kind]++
			}
			counts.Add(f.Ledger.Counts())
			d.b.Stop()
			if kinds[Lost]+kinds[Ended] > 0 {
				return counts
			}
		}
		t.Errorf("a disk that keeps nothing: got the faults %v, want messages or sessions that were lost", kinds)
		return counts
	})
}
