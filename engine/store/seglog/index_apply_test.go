package seglog

import (
	"strings"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// at applies records as if they stood in a segment, from an offset on, and gives their places.
func at(t testing.TB, x *index, seg, off uint32, fill func(b *store.Batch)) (places []place) {
	t.Helper()
	var b store.Batch
	fill(&b)
	var r store.Record
	for rest := b.Bytes(); len(rest) > 0; {
		n, err := store.Decode(rest, &r)
		if err != nil {
			t.Fatal(err)
		}
		p := place{seg, off, uint32(n)}
		x.apply(&r, p)
		places = append(places, p)
		off, rest = off+uint32(n), rest[n:]
	}
	x.endFrame()
	return places
}

// carried is what carry gives of records at places.
func carried(t testing.TB, x *index, places []place, fill func(b *store.Batch)) string {
	t.Helper()
	var b, out store.Batch
	fill(&b)
	var r store.Record
	rest := b.Bytes()
	for _, p := range places {
		n, err := store.Decode(rest, &r)
		if err != nil {
			t.Fatal(err)
		}
		x.carry(&r, p, &out)
		rest = rest[n:]
	}
	var kinds []string
	if err := store.Each(out.Bytes(), &r, func(r *store.Record) error {
		text := r.Kind.String()
		for range r.Deliveries {
			text += "+"
		}
		kinds = append(kinds, text)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(kinds, " ")
}

func newTestIndex() *index {
	x := newIndex()
	for id := uint32(1); id <= 9; id++ {
		x.segments = append(x.segments, &segment{id: id})
	}
	return x
}

func TestCarryTakesARecordFromExactlyItsPlace(t *testing.T) {
	x := newTestIndex()
	fill := func(b *store.Batch) {
		b.Session(&store.Session{ID: 1})
		b.Session(&store.Session{ID: 1, Expiry: 9}) // the one that counts
		b.Subscribe(1, &store.Subscription{Filter: []byte("f")})
		b.Subscribe(1, &store.Subscription{Filter: []byte("f"), Options: 1})
		b.Retain(&store.Message{Topic: []byte("t")})
		b.Retain(&store.Message{Topic: []byte("t"), Payload: []byte("later")})
		b.Meta([]byte("k"), []byte("v"))
		b.Meta([]byte("k"), nil)
		b.Message(&store.Message{ID: 5})
		b.Message(&store.Message{ID: 5, Topic: []byte("an ID is given once")})
		b.Enqueue(5, []store.Delivery{{Session: 1, Seq: 1}, {Session: 1, Seq: 2}, {Session: 9, Seq: 3}})
		b.Ack(1, 1)
		b.Release(1, 2)
		b.Receive(1, 7)
	}
	places := at(t, x, 1, 100, fill)
	if got, want := carried(t, x, places, fill), "SES SUB RET MSG ENQ+ REL QIN"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	before := x.live
	moved := at(t, x, 4, 500, fill)
	if got := carried(t, x, places, fill); got != "" {
		t.Errorf("once it has moved: got %s, want nothing", got)
	}
	if got, want := carried(t, x, moved, fill), "SES SUB RET MSG ENQ+ REL QIN"; got != want {
		t.Errorf("from the new place: got %s, want %s", got, want)
	}
	if x.live != before || x.segments[0].live != 0 || x.segments[3].live != before {
		t.Errorf("got %d live bytes, %d of them in the old segment, want %d and none", x.live, x.segments[0].live, before)
	}
	at(t, x, 5, 0, func(b *store.Batch) { b.DropSession(1); b.Unretain([]byte("t")) })
	if got := carried(t, x, moved, fill); got != "" || x.live != 0 || x.segments[3].live != 0 {
		t.Errorf("when all is over: got %s, %d live bytes; want nothing", got, x.live)
	}
}

func TestAnEnqueueMovesByItsDeliveries(t *testing.T) {
	x := newTestIndex()
	at(t, x, 1, 0, func(b *store.Batch) {
		for id := uint64(1); id <= 3; id++ {
			b.Session(&store.Session{ID: id})
		}
		b.Message(&store.Message{ID: 5})
	})
	first := func(b *store.Batch) { b.Enqueue(5, []store.Delivery{{Session: 1, Seq: 1}, {Session: 2, Seq: 1}}) }
	at(t, x, 1, 0, func(b *store.Batch) { b.Message(&store.Message{ID: 5}); first(b) })
	second := func(b *store.Batch) { b.Enqueue(5, []store.Delivery{{Session: 3, Seq: 1}, {Session: 2, Seq: 1}}) }
	places := at(t, x, 2, 0, func(b *store.Batch) { b.Ack(1, 1); second(b) })
	if got := carried(t, x, []place{{1, 0, 9}}, first); got != "" {
		t.Errorf("the first: got %s, want nothing: one is over, one has moved", got)
	}
	if got := carried(t, x, places[1:], second); got != "ENQ++" {
		t.Errorf("the second: got %s, want both", got)
	}
}

func TestUnknownRecordsAreCarriedAndCountOnce(t *testing.T) {
	x := newTestIndex()
	fill := func(b *store.Batch) { b.Record(&store.Record{Kind: 100, Raw: []byte{100, 1, 2, 'a', 'b'}}) }
	places := at(t, x, 1, 0, fill)
	var b, out store.Batch
	fill(&b)
	var r store.Record
	if _, err := store.Decode(b.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	x.carry(&r, places[0], &out)
	at(t, x, 2, 0, func(b *store.Batch) { b.Record(&r) })
	if string(out.Bytes()) != string(b.Bytes()) || x.segments[0].live != 0 || x.segments[1].live != 5 || x.live != 5 {
		t.Errorf("got %x, live %d, %d and %d; want %x, live 5, 0 and 5", out.Bytes(), x.live, x.segments[0].live, x.segments[1].live, b.Bytes())
	}
}

func TestTheIndexTakesAMessageWithoutAllocating(t *testing.T) {
	x := newTestIndex()
	at(t, x, 1, 0, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	var b store.Batch
	var r store.Record
	seq := uint64(0)
	cycle := func() {
		seq++
		b.Reset()
		b.Message(&store.Message{ID: seq, Topic: []byte("t")})
		b.Enqueue(seq, []store.Delivery{{Session: 1, Seq: seq, QoS: 1}})
		if seq > 20 {
			b.Ack(1, seq-20)
		}
		p := place{seg: 1, off: 100, len: 10}
		for rest := b.Bytes(); len(rest) > 0; {
			n, err := store.Decode(rest, &r)
			if err != nil {
				t.Fatal(err)
			}
			x.apply(&r, p)
			rest = rest[n:]
		}
		x.endFrame()
	}
	for range 100 {
		cycle()
	}
	if got := testing.AllocsPerRun(1000, cycle); got > 0 {
		t.Errorf("got %v allocations a message, want none", got)
	}
	if len(x.messages) != 20 || x.deliveries != 20 {
		t.Errorf("got %d messages, %d deliveries; want 20", len(x.messages), x.deliveries)
	}
}

// BenchmarkApply takes in a message for one of many sessions and the end of an older one: three records.
func BenchmarkApply(b *testing.B) {
	const sessions, queued = 100_000, 1_000_000
	x := newTestIndex()
	var batch store.Batch
	for id := uint64(1); id <= sessions; id++ {
		batch.Session(&store.Session{ID: id})
	}
	var r store.Record
	take := func() {
		p := place{seg: 1, off: 100, len: 10}
		for rest := batch.Bytes(); len(rest) > 0; {
			n, _ := store.Decode(rest, &r)
			x.apply(&r, p)
			rest = rest[n:]
		}
		x.endFrame()
		batch.Reset()
	}
	take()
	payload := make([]byte, 200)
	id := uint64(0)
	step := func() {
		id++
		session := id*7919%sessions + 1
		batch.Message(&store.Message{ID: id, Topic: []byte("t"), Payload: payload})
		batch.Enqueue(id, []store.Delivery{{Session: session, Seq: id, QoS: 1}})
		if old := id - queued; id > queued {
			batch.Ack(old*7919%sessions+1, old)
		}
		take()
	}
	for range queued {
		step()
	}
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/3, "ns/record")
}
