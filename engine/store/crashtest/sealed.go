package crashtest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
	"github.com/penstock-mqtt/penstock/engine/store/vfs"
	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// damageSealed damages files that are not written to any more. The store opens and tells of it; what the damage does not
// explain is there. Strict, it refuses and touches nothing.
func damageSealed(s *Subject, r *rand.Rand) error {
	t := begin(s, r)
	t.keeps = r.IntN(2) == 0 // then nothing is worth to be reclaimed, and it is known what each frame holds
	disk := faultfs.NewMem(noLimit)
	o := options(r, disk, seglog.SyncAlways)
	n, err := t.notedLife(r, disk, o, 2000, func(n *noted) bool { return len(n.segments()) > 3 })
	if err != nil {
		return err
	}
	disk = disk.Kill()
	before, err := filesOf(disk, storeDir)
	if err != nil {
		return err
	}
	n.trail.disk = disk
	if err := n.trail.note(t.written, nil); err != nil { // what was copied and removed since
		return err
	}
	var hurt []damage
	for range 1 + r.IntN(2) {
		if d, ok := n.draw(r); ok {
			hurt = append(hurt, d)
		}
	}
	for _, d := range hurt {
		if err := d.do(r, disk); err != nil && !errors.Is(err, errGone) {
			return err
		}
	}
	after, err := filesOf(disk, storeDir)
	if err != nil || maps.EqualFunc(before, after, bytes.Equal) {
		return err // zeroes where there were some
	}
	if err := t.openDamaged(r, disk, o, n, hurt); err != nil {
		return fmt.Errorf("%v, copies %v: %w", hurt, n.copied, err)
	}
	return nil
}

// segmentName is that of a file whose place in the log is known.
var segmentName = regexp.MustCompile(`^[0-9a-f]{8}\.seg$`)

// segments are the segments that there are, in order.
func (n *noted) segments() (out []string) {
	for _, name := range slices.Sorted(maps.Keys(n.trail.ends)) {
		if segmentName.MatchString(filepath.Base(name)) {
			out = append(out, name)
		}
	}
	return out
}

// draw draws a damage of a segment that is not the last.
func (n *noted) draw(r *rand.Rand) (d damage, ok bool) {
	segments := n.segments()
	if len(segments) < 2 {
		return d, false
	}
	i := r.IntN(len(segments) - 1)
	d = damage{file: segments[i], how: []string{flipped, zeroed, garbled, cut, removed}[r.IntN(5)]}
	size := n.trail.ends[d.file]
	if d.how == removed {
		d.to = size
		return d, i > 0 // that the oldest is missing cannot be known
	}
	if d.from = r.Int64N(size); r.IntN(8) == 0 {
		d.from = min(d.from, r.Int64N(200)) // its header, or what comes next
	}
	switch d.to = size; d.how {
	case flipped:
		d.to = d.from + 1
	case zeroed, garbled:
		d.to = min(size, d.from+1+r.Int64N(5000))
	}
	return d, true
}

// losses gives the batches that lie where the damage is, and those that may.
func (n *noted) losses(hurt []damage) (lost, doubtful map[uint64]bool) {
	lost, doubtful = map[uint64]bool{}, map[uint64]bool{}
	for _, d := range hurt {
		for _, e := range n.trail.extents {
			switch {
			case !e.folded && d.hits(e.file, e.at, e.end), !n.copied && !e.first && d.hits(e.file, e.from, e.to):
				lost[e.position] = true
			case d.hits(e.file, e.from, e.to):
				doubtful[e.position] = true
			}
		}
	}
	maps.DeleteFunc(doubtful, func(position uint64, _ bool) bool { return lost[position] })
	return lost, doubtful
}

// explains says what the damage does not explain of a state; empty: nothing.
func (n *noted) explains(got state, hurt []damage) string {
	lost, doubtful := n.losses(hurt)
	if n.copied {
		maps.Copy(lost, doubtful)
		return n.history.excused(got, lost)
	}
	maybe := slices.Sorted(maps.Keys(doubtful))
	diff := ""
	for subset := range 1 << len(maybe) {
		all := maps.Clone(lost)
		for i, position := range maybe {
			all[position] = subset>>i&1 > 0
		}
		if diff = got.differences(n.history.says(all).whole()); diff == "" {
			break
		}
	}
	return diff
}

// openDamaged opens the damaged store in all ways.
func (t *story) openDamaged(r *rand.Rand, disk *faultfs.Mem, o seglog.Options, n *noted, hurt []damage) error {
	err := t.refuses(disk.Kill(), o)
	if err != nil {
		return err
	}
	disk = disk.Kill()
	told := false // by one that came to its end: what it healed may be reclaimed since
	for range r.IntN(3) {
		var stats store.Stats
		if disk, stats, err = t.healsPartly(r, disk, o); err == nil && len(stats.Recovery.Holes) > 0 && !told {
			told, err = true, tells(disk, stats, n, hurt)
		}
		if err != nil {
			return err
		}
	}
	if !told && r.IntN(4) == 0 { // there is no room to heal, and it opens nevertheless
		disk.SetCapacity(0)
		got, stats, err := t.recovers(disk, o)
		if err != nil {
			return fmt.Errorf("on a full disk: %w", err)
		}
		if diff := n.explains(got, hurt); diff != "" {
			return violated("on a full disk: %s", diff)
		}
		if told, err = true, tells(disk, stats, n, hurt); err != nil {
			return fmt.Errorf("on a full disk: %w", err)
		}
		disk.SetCapacity(noLimit)
	}
	first, stats, err := t.recovers(disk, o)
	if err != nil {
		return err
	}
	if diff := n.explains(first, hurt); diff != "" {
		return violated("%s", diff)
	}
	if !told {
		if err := tells(disk, stats, n, hurt); err != nil {
			return err
		}
	}
	if r.IntN(2) == 0 {
		disk = disk.Kill()
	} else {
		disk = disk.Crash(r)
	}
	second, again, err := t.recovers(disk, o)
	if err != nil {
		return fmt.Errorf("opened again: %w", err)
	}
	if diff := second.differences(first); diff != "" {
		return violated("opened again: %s", diff)
	}
	if err := t.stillTells(disk, stats, again); err != nil {
		return err
	}
	return t.goesOn(disk, o, second)
}

// healsPartly cuts the power while a damaged store is opened, and gives the disk that is left. It may come to an end before,
// and tell something.
func (t *story) healsPartly(r *rand.Rand, disk *faultfs.Mem, o seglog.Options) (*faultfs.Mem, store.Stats, error) {
	disk.CutAfter(1 + r.Int64N(30))
	_, stats, err := t.recovers(disk, o)
	if err != nil {
		stats = store.Stats{}
		if unless(disk, err) != nil {
			return nil, stats, fmt.Errorf("opened for the first time: %w", err)
		}
	}
	if r.IntN(2) == 0 {
		return disk.Kill(), stats, nil
	}
	return disk.Crash(r), stats, nil
}

// stillTells sees whether the holes that were told before are told again, as long as the segments that they are in are there.
func (t *story) stillTells(disk *faultfs.Mem, before, again store.Stats) error {
	now := map[uint64]int{}
	for _, h := range again.Recovery.Holes {
		now[h.Segment]++
	}
	for _, h := range before.Recovery.Holes {
		if now[h.Segment]--; now[h.Segment] >= 0 {
			continue
		}
		if _, err := contents(disk, filepath.Join(storeDir, fmt.Sprintf("%08x.seg", h.Segment))); err == nil {
			return violated("opened again: a hole in segment %x is not told any more", h.Segment)
		}
	}
	return nil
}

// refuses opens a store strictly.
func (t *story) refuses(disk *faultfs.Mem, o seglog.Options) error {
	before, err := filesOf(disk, storeDir)
	if err != nil {
		return err
	}
	o.FS, o.Strict = disk, true
	st := t.Open(o)
	_, err = collect(st)
	if late := t.shut(st); late != nil {
		return violated("%v", late)
	}
	if err == nil {
		return violated("strict, it opens")
	}
	after, err := filesOf(disk, storeDir)
	if err != nil {
		return err
	}
	delete(after, filepath.Join(storeDir, "lock"))
	delete(before, filepath.Join(storeDir, "lock"))
	if !maps.EqualFunc(before, after, bytes.Equal) {
		return violated("strict, it refuses, and has changed files")
	}
	return nil
}

// recovers opens a store and closes it.
func (t *story) recovers(disk *faultfs.Mem, o seglog.Options) (state, store.Stats, error) {
	o.FS = disk
	st := t.Open(o)
	got, err := collect(st)
	var stats store.Stats
	if observed, ok := st.(store.Observed); ok {
		stats = observed.Stats()
	}
	if late := t.shut(st); late != nil && err == nil {
		err = violated("%v", late)
	}
	return got, stats, err
}

// tells sees whether an operator gets to know what is missing.
// A damaged file must be there still, once it is moved away.
func tells(disk vfs.FS, stats store.Stats, n *noted, hurt []damage) error {
	holes := stats.Recovery.Holes
	if len(holes) == 0 {
		return violated("tells of no hole")
	}
	missing := uint64(0)
	for _, h := range holes {
		if h.FirstLSN > 0 {
			missing += h.LastLSN - h.FirstLSN + 1
		}
		if filepath.Dir(h.File) == storeDir || h.File == "" {
			continue // there was no room to move it, or it is missing itself
		}
		if _, err := contents(disk, h.File); err != nil {
			return violated("the damaged file of a hole: %v", err)
		}
	}
	lost, doubtful := n.losses(hurt)
	least, most := len(lost), len(lost)+len(doubtful)+len(hurt) // a summary is a frame, too
	if missing < uint64(least) || !n.copied && missing > uint64(most) {
		return violated("tells that %d frames are missing, want %d to %d", missing, least, most)
	}
	return nil
}

// goesOn writes more into a store that was healed, until its segments were all left behind, and opens it once more.
func (t *story) goesOn(disk *faultfs.Mem, o seglog.Options, want state) error {
	o.FS = disk
	st := t.Open(o)
	if _, err := collect(st); err != nil {
		return fmt.Errorf("opened to go on: %w", err)
	}
	want = maps.Clone(want)
	told := make(chan error, 1)
	for i := range 100 {
		var b store.Batch
		value := bytes.Repeat([]byte{byte(i), 1}, 3000)
		b.Meta([]byte("going on"), value)
		want["META going on"] = string(b.Bytes())
		if !st.Append(&b, func(err error) { told <- err }) {
			if err := <-told; err != nil {
				return violated("batch %d after healing: %v", i, err)
			}
		}
	}
	if err := t.shut(st); err != nil {
		return violated("%v", err)
	}
	got, _, err := t.recovers(disk, o)
	if err != nil {
		return fmt.Errorf("opened when it went on: %w", err)
	}
	if diff := got.differences(want); diff != "" {
		return violated("when it went on: %s", diff)
	}
	return nil
}
