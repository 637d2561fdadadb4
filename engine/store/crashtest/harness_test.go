package crashtest

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// What follows shows that the harness finds what is wrong, and nothing where nothing is.

func TestStoreThatKeepsItsPromisesPasses(t *testing.T) {
	s := &Subject{Open: newTiny(flaws{})}
	r := Run(s, []string{"power", "tail", "eio", "full"}, 1, 2, time.Second)
	t.Log("\n" + r.String())
	for _, v := range r.Violations {
		t.Errorf("%v", v)
	}
}

// found tells stories until one finds something.
func found(t *testing.T, s *Subject, round func(*Subject, *rand.Rand) error) {
	t.Helper()
	const most = 200
	for seed := range uint64(most) {
		if err := tell(s, round, seed); err != nil {
			t.Logf("seed %d: %v", seed, err)
			return
		}
	}
	t.Errorf("%d rounds have found nothing, want a violation", most)
}

func cutPowerIn(mode seglog.Sync) func(*Subject, *rand.Rand) error {
	return func(s *Subject, r *rand.Rand) error { return cutPowerOf(s, r, mode, faultfs.Lies{}) }
}

func TestFlawsAreFound(t *testing.T) {
	for _, c := range []struct {
		name  string
		flaws flaws
		round func(*Subject, *rand.Rand) error
	}{
		{"a commit is not brought to the disk", flaws{noSync: true}, cutPower},
		{"the name of a file is not brought to the disk", flaws{noSyncDir: true}, cutPower},
		{"a file is removed before its copy is there", flaws{earlyRemove: true}, cutPowerIn(seglog.SyncAlways)},
		{"a file is named before it is on the disk", flaws{lateSnapshot: true}, cutPowerIn(seglog.SyncNone)},
		{"a commit is told before it is written", flaws{earlyDone: true}, cutPower},
		{"frames have no checksum", flaws{noChecksum: true}, tearTail},
		{"what lies behind the end stays there", flaws{staleTail: true}, tearTail},
		{"a Sync that failed is tried again", flaws{syncAgain: true}, breakDisk},
		{"a Sync that failed is believed by the next process", flaws{believesCache: true}, breakDisk},
		{"errors of the disk are not looked at", flaws{deaf: true}, breakDisk},
		{"what there is no room for is dropped", flaws{dropsWhenFull: true}, runOutOfRoom},
		{"no room is a failure for good", flaws{failsWhenFull: true}, runOutOfRoom},
		{"a frame that found no room stays half", flaws{noRoomLost: true}, runOutOfRoom},
		{"copies lack what was released", flaws{forgetsREL: true}, cutPower},
		{"dones are told in another order", flaws{mixesUp: true}, cutPower},
		{"a failed commit is told to nobody", flaws{silent: true}, cutPower},
		{"Close waits for ever", flaws{hangs: true}, cutPower},
		{"another message is loaded", flaws{wrongLoad: true}, cutPower},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found(t, &Subject{Open: newTiny(c.flaws), Patience: time.Second}, c.round)
		})
	}
}

func TestDisksThatLieAreFound(t *testing.T) {
	for _, c := range []struct {
		name string
		mode seglog.Sync
		lies faultfs.Lies
	}{
		{"always, no Sync", seglog.SyncAlways, faultfs.Lies{Sync: true}},
		{"always, no SyncDir", seglog.SyncAlways, faultfs.Lies{SyncDir: true}},
		{"interval, no Sync", seglog.SyncInterval, faultfs.Lies{Sync: true}},
		{"none, no Sync", seglog.SyncNone, faultfs.Lies{Sync: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found(t, &Subject{Open: log, Patience: time.Second}, func(s *Subject, r *rand.Rand) error { return cutPowerOf(s, r, c.mode, c.lies) })
		})
	}
}

func TestProcessThatSyncsNothingIsFound(t *testing.T) {
	s := &Subject{Open: log, Dir: t.TempDir, Child: child0()}
	found(t, s, func(s *Subject, r *rand.Rand) error { return s.killProcessOf(r, errand{Volatile: true, Fragile: true}) })
}

// Only where images are asked for: they take root, and time.
func TestImageOfAProcessThatSyncsNothingIsFound(t *testing.T) {
	if !*images || ImagesWork() != nil {
		return
	}
	s := &Subject{Open: log, Dir: t.TempDir, Child: child0()}
	found(t, s, func(s *Subject, r *rand.Rand) error { return s.cutImageOf(r, errand{Fragile: true}) })
}

// spoiled is a store whose Recover tells something else.
type spoiled struct {
	*seglog.Log
	spoil func(all []store.Record) []store.Record
	stats func(*store.Stats)
}

func (s *spoiled) Recover(ctx context.Context, visit func(*store.Record) error) error {
	var keep store.Batch
	err := s.Log.Recover(ctx, func(r *store.Record) error { keep.Record(r); return nil })
	if err != nil {
		return err
	}
	var all []store.Record
	for b := keep.Bytes(); len(b) > 0; {
		var r store.Record
		n, err := store.Decode(b, &r)
		if err != nil {
			return err
		}
		all = append(all, r)
		b = b[n:]
	}
	if s.spoil != nil {
		all = s.spoil(all)
	}
	for i := range all {
		if err := visit(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *spoiled) Stats() store.Stats {
	stats := s.Log.Stats()
	if s.stats != nil {
		s.stats(&stats)
	}
	return stats
}

// last finds the last record of a kind.
func last(all []store.Record, kind store.Kind) int {
	for i := range slices.Backward(all) {
		if all[i].Kind == kind {
			return i
		}
	}
	return -1
}

func without(kind store.Kind) func([]store.Record) []store.Record {
	return func(all []store.Record) []store.Record {
		if i := last(all, kind); i >= 0 {
			all = slices.Delete(all, i, i+1)
		}
		return all
	}
}

func TestSpoiledStatesAreFound(t *testing.T) {
	risen := func(all []store.Record) []store.Record {
		if i := last(all, store.RET); i >= 0 {
			r := all[i]
			r.Message.Topic = []byte("retained/never")
			all = slices.Insert(all, i, r)
		}
		return all
	}
	swapped := func(all []store.Record) []store.Record {
		if i := last(all, store.ENQ); i > 0 && all[i-1].Kind == store.ENQ {
			all[i], all[i-1] = all[i-1], all[i]
		}
		return all
	}
	changed := func(all []store.Record) []store.Record {
		if i := last(all, store.SES); i >= 0 {
			all[i].Session.Sent++
		}
		return all
	}
	for _, c := range []struct {
		name  string
		spoil func([]store.Record) []store.Record
		stats func(*store.Stats)
		loose bool // Strict is not heard
		round func(*Subject, *rand.Rand) error
	}{
		{name: "a delivery is missing", spoil: without(store.ENQ), round: cutPower},
		{name: "a release is missing", spoil: without(store.REL), round: cutPower},
		{name: "a subscription is missing", spoil: without(store.SUB), round: tearTail},
		{name: "a session is another one", spoil: changed, round: tearTail},
		{name: "a retained message has risen", spoil: risen, round: cutPower},
		{name: "a queue is out of order", spoil: swapped, round: cutPower},
		{name: "beside damage, a retained message is missing", spoil: without(store.RET), round: damageSealed},
		{name: "beside damage, a retained message has risen", spoil: risen, round: damageSealed},
		{name: "beside damage, a session is another one", spoil: changed, round: damageSealed},
		{name: "damage is not told", stats: func(s *store.Stats) { s.Recovery.Holes = nil }, round: damageSealed},
		{name: "damage is told too small", stats: func(s *store.Stats) {
			for i := range s.Recovery.Holes {
				s.Recovery.Holes[i].FirstLSN, s.Recovery.Holes[i].LastLSN = 0, 0
			}
		}, round: damageSealed},
		{name: "strict is as any", loose: true, round: damageSealed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found(t, &Subject{Open: func(o seglog.Options) store.Store {
				o.Strict = o.Strict && !c.loose
				return &spoiled{Log: seglog.New(o), spoil: c.spoil, stats: c.stats}
			}}, c.round)
		})
	}
}
