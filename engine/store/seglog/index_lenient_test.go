package seglog

import (
	"slices"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// A log whose beginning is not there is read leniently: what stands before what it refers to counts once that comes.

// lenientPaper is a paper whose first segment is number 3.
func lenientPaper(t *testing.T, frames ...func(b *store.Batch)) *replayer {
	p := newPaper(t, 1<<20)
	p.must(p.fs.Remove(p.path(1)))
	p.x.segments, p.first = nil, 3
	p.lsn = 100
	p.roll()
	for _, fill := range frames {
		p.commit(0, fill)
	}
	return p.replayed()
}

func folded(t *testing.T, fill func(b *store.Batch)) []string {
	m := store.NewMemory()
	var b store.Batch
	fill(&b)
	m.Append(&b, nil)
	return listedStore(t, m)
}

func TestGhostsComeToLifeWithTheirSession(t *testing.T) {
	r := lenientPaper(t,
		func(b *store.Batch) {
			b.Enqueue(7, []store.Delivery{{Session: 1, Seq: 9, QoS: 2, SubIDs: []uint32{3}}, {Session: 1, Seq: 8, QoS: 1}, {Session: 2, Seq: 1, QoS: 1}})
			b.Subscribe(1, &store.Subscription{Filter: []byte("f")})
			b.Subscribe(2, &store.Subscription{Filter: []byte("f")})
			b.Receive(1, 5)
			b.Receive(1, 6)
		},
		func(b *store.Batch) { b.Ack(1, 8); b.Release(1, 9); b.Complete(1, 6) },
		func(b *store.Batch) { b.Message(&store.Message{ID: 7}); b.Session(&store.Session{ID: 1}) },
	)
	same(t, "replayed", listed(t, r.index), folded(t, func(b *store.Batch) {
		b.Session(&store.Session{ID: 1})
		b.Subscribe(1, &store.Subscription{Filter: []byte("f")})
		b.Receive(1, 5)
		b.Message(&store.Message{ID: 7})
		b.Enqueue(7, []store.Delivery{{Session: 1, Seq: 9, QoS: 2, SubIDs: []uint32{3}}})
		b.Release(1, 9)
	}))
	wantSound(t, r.index)
}

func TestAMessageWaitsForADeliveryThatWasMovedBehindIt(t *testing.T) {
	r := lenientPaper(t,
		func(b *store.Batch) {
			b.Session(&store.Session{ID: 1})
			b.Message(&store.Message{ID: 7})
			b.Enqueue(7, []store.Delivery{{Session: 1, Seq: 1, QoS: 1}})
		},
		func(b *store.Batch) { b.Ack(1, 1) }, // no delivery is left, as far as this log says
		func(b *store.Batch) { b.Enqueue(7, []store.Delivery{{Session: 1, Seq: 2, QoS: 1}}) },
	)
	same(t, "replayed", listed(t, r.index), folded(t, func(b *store.Batch) {
		b.Session(&store.Session{ID: 1})
		b.Message(&store.Message{ID: 7})
		b.Enqueue(7, []store.Delivery{{Session: 1, Seq: 2, QoS: 1}})
	}))
	wantSound(t, r.index)
}

func TestASessionThatIsOverHasNoGhosts(t *testing.T) {
	r := lenientPaper(t,
		func(b *store.Batch) { b.Receive(1, 5); b.Subscribe(1, &store.Subscription{Filter: []byte("before")}) },
		func(b *store.Batch) { b.DropSession(1) },
		func(b *store.Batch) { b.Receive(1, 6); b.Subscribe(1, &store.Subscription{Filter: []byte("late")}) }, // who had not heard of it
		func(b *store.Batch) { b.Session(&store.Session{ID: 1}); b.Receive(1, 7) },
	)
	same(t, "replayed", listed(t, r.index), folded(t, func(b *store.Batch) { b.Session(&store.Session{ID: 1}); b.Receive(1, 7) }))
	wantSound(t, r.index)
}

func TestWhatRefersToNothingIsLeftOut(t *testing.T) {
	p := newPaper(t, 1<<20)
	p.commit(0, func(b *store.Batch) { tellSession(b, 1) })
	p.spoil(p.lsn)
	p.commit(0, func(b *store.Batch) {
		b.Receive(1, 9)
		b.Message(&store.Message{ID: 5})
		b.Enqueue(5, []store.Delivery{{Session: 1, Seq: 100}, {Session: 2, Seq: 1}})
		b.Session(&store.Session{ID: 2})
		b.Enqueue(101, []store.Delivery{{Session: 2, Seq: 2}})
	})
	p.commit(0, func(b *store.Batch) { b.Enqueue(5, []store.Delivery{{Session: 2, Seq: 3}}) })
	got, state := p.open(p.options())
	same(t, "opened", state, folded(t, func(b *store.Batch) {
		b.Session(&store.Session{ID: 2})
		b.Message(&store.Message{ID: 5})
		b.Enqueue(5, []store.Delivery{{Session: 2, Seq: 1}, {Session: 2, Seq: 3}})
	}))
	if want := (missing{sessions: 1, deliveries: 2}); got.missing != want {
		t.Errorf("got %+v left out, want %+v", got.missing, want)
	}
	wantSound(t, got.index)
}

func TestWhatStandsBehindAHoleWaitsForWhatTheHoleHasLost(t *testing.T) {
	p := newPaper(t, 1<<20)
	p.commit(0, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	p.spoil(p.lsn)
	p.commit(0, func(b *store.Batch) { b.Subscribe(1, &store.Subscription{Filter: []byte("f")}) })
	p.commit(0, func(b *store.Batch) { b.Session(&store.Session{ID: 1, Online: true}) }) // as sessions come and go
	report, err := Check(t.Context(), *p.options())
	if err != nil || report.Sessions != 1 || report.Subscriptions != 1 {
		t.Errorf("checked: got %+v, %v; want a session with a subscription", report, err)
	}
	_, state := p.open(p.options())
	same(t, "opened", state, folded(t, func(b *store.Batch) {
		b.Session(&store.Session{ID: 1, Online: true})
		b.Subscribe(1, &store.Subscription{Filter: []byte("f")})
	}))
}

func TestSetsOfSubscriptionIdentifiersAreKeptOnce(t *testing.T) {
	var s sets
	a, b := []uint32{1}, []uint32{1, 1 << 28}
	numbers := []uint32{s.number(a), s.number(b), s.number([]uint32{1}), s.number([]uint32{1 << 28, 1})}
	if want := []uint32{1, 2, 1, 3}; !slices.Equal(numbers, want) {
		t.Errorf("got numbers %d, want %d", numbers, want)
	}
	if !slices.Equal(s.of(2), b) || s.of(0) != nil {
		t.Errorf("got %d and %d, want %d and none", s.of(2), s.of(0), b)
	}
}
