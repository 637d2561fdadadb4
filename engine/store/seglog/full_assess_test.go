package seglog

import (
	"errors"
	"math"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/engine/store/vfs/faultfs"
)

// judged is a log that nobody runs, for questions about room. Its last segment is half full, and two files are made ahead.
func judged(size int64) *committer {
	o := Options{Dir: "/log", FS: faultfs.NewMem(1 << 30), SegmentSize: size}.filled()
	c := &committer{o: &o, segmentSize: size, x: newIndex()}
	c.x.segments = []*segment{{id: 1, size: size / 2, alloc: size}}
	c.room = room{free: 100 * size, disk: size, ahead: 2 * size, chores: make(chan struct{}, 1)}
	for _, name := range spareNames[:2] {
		c.room.spares = append(c.room.spares, &segment{path: name, alloc: size})
	}
	c.queue.most, c.queue.changed = math.MaxInt64, c.room.chore
	return c
}

func TestALogIsFullUntilThereIsClearlyMoreRoom(t *testing.T) {
	const size = 16 << 10
	c := judged(size)
	for i, s := range []struct {
		free  int64
		short error
		full  bool
	}{
		{free: 10 * size},
		{free: size},
		{free: size / 2},
		{free: size/2 - 1, full: true},
		{free: size / 2, full: true},
		{free: size - 1, full: true},
		{free: size},
		{free: size - 1},
		{free: 10 * size, short: syscall.EMFILE, full: true}, // which has nothing to do with room
		{free: 10 * size},
		{free: size / 2, short: syscall.ENOSPC, full: true},
		{free: size / 2, full: true},
		{free: size},
	} {
		c.room.free, c.room.short = s.free, s.short
		if c.assess(); c.full.Load() != s.full || (c.room.why != "") != s.full {
			t.Errorf("step %d, %d bytes free, %v: got full %v %q, want %v", i, s.free, s.short, c.full.Load(), c.room.why, s.full)
		}
	}
}

func TestALogIsFullBeforeWhatWaitsDoesNotFit(t *testing.T) {
	const size = 16 << 10
	c := judged(size)
	c.room.free = size
	c.assess()
	fits := c.queue.most
	if fits < size || fits > 4*size {
		t.Fatalf("got room for %d bytes of batches, want some of the %d that there are", fits, 7*size/2)
	}
	steps := []struct {
		bytes int64
		full  bool
	}{{fits, false}, {fits + 1, true}, {fits, true}, {fits/2 + 1, true}, {fits / 2, false}, {fits, false}}
	for i, s := range steps {
		c.queue.bytes = s.bytes
		c.queue.weigh()
		if got := c.pressure().String(); (got == "full") != s.full {
			t.Errorf("step %d, %d bytes wait: got %s, want full: %v", i, s.bytes, got, s.full)
		}
	}
	if len(c.room.chores) != 1 {
		t.Error("the janitor was not told, want it to look why")
	}
}

func TestALogIsFullForWantOfALargeFileOnlyIfABatchWaitsForIt(t *testing.T) {
	c := judged(16 << 10)
	c.lack(nil, errQuota) // reclaim wanted one
	if c.full.Load() {
		t.Errorf("got full %q, want not", c.room.why)
	}
	c.beginWait(1 << 20)
	if !c.full.Load() {
		t.Error("a batch waits for the file: got not full, want full")
	}
	c.endWait()
	if c.full.Load() {
		t.Errorf("it waits no more: got full %q, want not", c.room.why)
	}
}

func TestALogIsFullNoLongerThanItsReason(t *testing.T) {
	c := judged(16 << 10)
	c.giveBack(&segment{alloc: 16 << 10, path: "x"}, syscall.ENOSPC) // nothing may come that is written then
	if !c.full.Load() {
		t.Fatal("got not full, want full")
	}
	if in := c.look(); c.full.Load() || in != 0 {
		t.Errorf("with much room: got full %q, look again in %v; want neither", c.room.why, in)
	}
	c.room.short = errors.New("no file for a large frame")
	c.assess()
	c.makeAhead() // all that is wanted is there
	if c.full.Load() {
		t.Errorf("nothing is wanted: got full %q, want not", c.room.why)
	}
}

func TestThatALogIsFullIsToldLaterIfItStaysSo(t *testing.T) {
	c := judged(16 << 10)
	c.room.told, c.room.toldAt = false, time.Now()
	c.room.free = 0
	c.assess()
	if in := c.tell(); c.room.told || in <= 0 || in > tellEvery {
		t.Errorf("a moment after the last time: got told %v, again in %v; want later", c.room.told, in)
	}
	c.room.toldAt = time.Now().Add(-tellEvery)
	if in := c.tell(); !c.room.told || in != 0 {
		t.Errorf("a while after: got told %v, again in %v; want told", c.room.told, in)
	}
}
