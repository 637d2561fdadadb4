package seglog

import (
	"runtime"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// heapBytes is what is in use.
func heapBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// frameOf takes records in as a frame.
func (x *index) frameOf(fill func(b *store.Batch)) {
	var b store.Batch
	var r store.Record
	fill(&b)
	at := place{seg: 1, off: headerSize}
	for rest := b.Bytes(); len(rest) > 0; {
		n, err := store.Decode(rest, &r)
		if err != nil {
			panic(err)
		}
		at.len = uint32(n)
		x.apply(&r, at)
		at.off += at.len
		rest = rest[n:]
	}
	x.endFrame()
}

// send has messages from one to another sent to session 1.
func (x *index) send(from, to uint64) {
	x.frameOf(func(b *store.Batch) {
		for id := from; id < to; id++ {
			b.Message(&store.Message{ID: id})
			b.Enqueue(id, []store.Delivery{{Session: 1, Seq: id, QoS: 1}})
		}
	})
}

func TestAnIndexGivesTheRoomOfADrainedQueueBack(t *testing.T) {
	const many, few, step = 100_000, 1_000, 50
	x := newIndex()
	x.segments = []*segment{{id: 1}}
	before := heapBytes()
	x.frameOf(func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	for id := uint64(1); id <= many; id += step {
		x.send(id, id+step)
	}
	full := heapBytes() - before
	for id := uint64(1); id <= many-few; id += step {
		x.send(many+id, many+id+1) // some come while it is drained, and go soon
		x.frameOf(func(b *store.Batch) {
			for n := id; n < id+step; n++ {
				b.Ack(1, n)
			}
			if id > step {
				b.Ack(1, many+id-step)
			}
		})
	}
	empty := heapBytes() - before
	t.Logf("%d KiB with %d messages, %d KiB with %d", full>>10, many, empty>>10, len(x.messages))
	if empty > full/8 {
		t.Errorf("got %d bytes of %d in use after the queue was drained, want few", empty, full)
	}
	if len(x.messages) != few+1 {
		t.Errorf("got %d messages, want %d", len(x.messages), few+1)
	}
	wantSound(t, x)
}
