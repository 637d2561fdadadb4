package seglog

import (
	"fmt"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// TestRoomIsKeptForClientsThatComeBack looks at what a full log admits: messages come to an end first, then sessions and
// subscriptions, and what takes back last, before the oldest segment could not be copied on any more.
func TestRoomIsKeptForClientsThatComeBack(t *testing.T) {
	const size = 256 << 10
	c := &committer{segmentSize: size, x: newIndex()}
	oldest, head := &segment{id: 1, size: size, live: size * 3 / 4}, &segment{id: 2, size: size * 3 / 8, alloc: size}
	c.x.segments = []*segment{oldest, head}
	c.room.spares = []*segment{{alloc: size}}
	c.room.short = errQuota
	var most [3]int64
	for w := range most {
		for n := int64(0); n < 3*size && c.admits(n, weight(w)); n += 64 {
			most[w] = n
		}
	}
	if most[keeps] < size/8 || most[little] < most[keeps]+size/8 || most[frees] < most[little]+size/8 {
		t.Errorf("frames of so many bytes are admitted: got %d that take back, %d of sessions and %d of messages, want each an eighth of "+
			"a segment above the next", most[frees], most[little], most[keeps])
	}
	if left := c.left(most[frees]); left < oldest.live {
		t.Errorf("behind the largest frame that is admitted: got room for %d bytes, want it for the %d that count in the oldest segment", left, oldest.live)
	}
}

// TestBatchesThatDoNotFitTogetherAreTakenOneAfterTheOther takes batches of all weights and gives back those that would keep the
// first from being committed.
func TestBatchesThatDoNotFitTogetherAreTakenOneAfterTheOther(t *testing.T) {
	fill := map[byte]func(b *store.Batch, id uint64){
		'a': func(b *store.Batch, id uint64) { b.Ack(id, 1) },
		'r': func(b *store.Batch, id uint64) { b.Release(id, 1) },
		's': func(b *store.Batch, id uint64) { b.Session(&store.Session{ID: id}) },
		'm': func(b *store.Batch, id uint64) { b.Message(&store.Message{ID: id}) },
	}
	for _, c := range []struct {
		jobs string
		want []string
	}{
		{"aaa", []string{"aaa"}},
		{"sss", []string{"sss"}},
		{"m", []string{"m"}},
		{"mm", []string{"m", "m"}},
		{"arsm", []string{"ar", "s", "m"}},
		{"ssmamssa", []string{"ss", "m", "a", "m", "ss", "a"}},
	} {
		var k committer
		k.queue.init()
		k.queue.changed = func() {}
		k.queue.most = 1 << 20
		var bytes int64
		for i := range c.jobs {
			b := new(store.Batch)
			fill[c.jobs[i]](b, uint64(i+1))
			bytes += int64(len(b.Bytes()))
			k.queue.add(job{batch: b})
		}
		urgent, weight, _ := k.queue.waiting()
		var got []string
		for i := 0; i < len(c.jobs); {
			k.jobs, k.taken = k.queue.take(k.jobs[:0], 1<<20)
			for k.putBack() {
			}
			group := ""
			for _, j := range k.jobs {
				if err := decodes(&k, j.batch.Bytes(), uint64(i+1)); err != nil {
					t.Errorf("%s, batch %d: %v", c.jobs, i, err)
				}
				group += c.jobs[i : i+1]
				i++
			}
			got = append(got, group)
			urgent, weight, bytes = urgent-k.taken.urgent, weight-k.taken.weight, bytes-k.taken.bytes
			if u, w, b := k.queue.waiting(); u != urgent || w != weight || b != bytes {
				t.Errorf("%s, behind %q: got %d urgent ones of weight %d and %d bytes waiting, want %d of %d and %d", c.jobs, got, u, w, b, urgent, weight, bytes)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: got %q, want %q", c.jobs, got, c.want)
		}
		k.queue.shut()
	}
}

// decodes looks whether a batch is the one with a number.
func decodes(c *committer, b []byte, id uint64) error {
	if _, err := store.Decode(b, &c.rec); err != nil {
		return err
	}
	if got := max(c.rec.Session.ID, c.rec.Message.ID); c.rec.Kind == store.MSG && c.rec.Message.ID != id || c.rec.Kind != store.MSG && c.rec.Session.ID != id {
		return fmt.Errorf("got batch %d, want %d", got, id)
	}
	return nil
}
