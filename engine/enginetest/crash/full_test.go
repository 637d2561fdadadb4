package crash

import (
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

// A subscriber who stays away fills the disk. Who publishes is told, everybody else goes on, and so does the broker as soon as
// there is room again, by whomever.
func TestAFullDiskIsSaidAndPassesByItself(t *testing.T) {
	for _, c := range []struct {
		name string
		thin bool // the disk promises no room ahead
		free func(d *disk, f *Fleet)
	}{
		{"the subscriber comes back", false, func(_ *disk, f *Fleet) { f.Release() }},
		{"the process is killed, then the subscriber comes back", false, func(d *disk, f *Fleet) { d.killed(f); f.Release() }},
		{"the disk grows", false, func(d *disk, _ *Fleet) { d.mem.SetCapacity(4 * small) }},
		{"the process is killed, then the disk grows", false, func(d *disk, f *Fleet) { d.killed(f); d.mem.SetCapacity(4 * small) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			seeded(t, func(t *testing.T, seed uint64) Counts {
				d := newDisk(t, seed, seglog.Options{SegmentSize: 256 << 10}) // the least that there is by default
				d.mem.SetCapacity(small)
				d.mem.SetThin(c.thin)
				d.settle()
				plan := NewPlan(seed)
				plan.Hoarders, plan.Publishers, plan.Size = 1, 4, 2000
				f := Launch(plan, d.address)
				f.Ledger.Filling()
				d.fills(f)
				d.goesOn(f)
				c.free(d, f)
				d.recovers(f)
				f.Release()
				counts := verdict(t, f, nil)
				d.settled()
				return counts
			})
		})
	}
}

// small is a disk that is full soon.
const small = 6 << 20

// fills waits until publishers of either version are refused.
func (d *disk) fills(f *Fleet) {
	d.t.Helper()
	if !rig.Eventually(func() bool {
		return f.Ledger.Counts().Refused > 0 && d.b.Stats().ClosedByBroker[mqtt.QuotaExceeded.String()] > 0
	}) {
		d.t.Errorf("publishers to a full disk: %d refused, connections closed %v; the log says %+v", f.Ledger.Counts().Refused, d.b.Stats().ClosedByBroker, d.g.Stats())
	}
}

// goesOn looks whether what takes no room goes on while the disk is full.
func (d *disk) goesOn(f *Fleet) {
	d.t.Helper()
	if !rig.Eventually(func() bool { return f.Ledger.Owes("listener") == 0 }) {
		d.t.Errorf("on a full disk a subscriber who listens waits for %d messages", f.Ledger.Owes("listener"))
	}
	p := f.visitor("probe", mqtt.V5)
	defer p.hangUp()
	if !p.settle(f.Ledger.subscribe(p.s, "q/0", 0), "q/0", func(any) {}) {
		d.t.Error("on a full disk the SUBSCRIBE of a session that nobody keeps has no answer")
	}
	p.send((&mqtt.Publish{Topic: []byte("q/0"), Payload: []byte("at most once")}).AppendTo(nil, p.v))
	heard := 0
	if !p.ping(func(any) { heard++ }) || heard != 1 {
		d.t.Errorf("on a full disk a message at QoS 0 came %d times, want once", heard)
	}
}

// recovers waits until the disk is not full any more and publishers go on, without a restart.
func (d *disk) recovers(f *Fleet) {
	d.t.Helper()
	before := f.Ledger.Counts().Acked
	if !rig.Eventually(func() bool { return f.Ledger.Counts().Acked > before+50 && d.g.Pressure() != store.Full }) {
		d.t.Errorf("there is room again and %d messages were acknowledged since, want more than 50; the log says %+v", f.Ledger.Counts().Acked-before, d.g.Stats())
	}
}
