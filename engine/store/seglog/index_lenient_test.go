package seglog

import (
	"slices"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// A log whose beginning is not there is read leniently: what stands before what it refers to counts once that comes.

// telling is a frame of a lenientPaper.
type telling struct {
	fill  func(b *store.Batch)
	moved func(records int) int
}

func own(fill func(b *store.Batch)) telling   { return telling{fill, func(int) int { return 0 }} }
func moved(fill func(b *store.Batch)) telling { return telling{fill, func(n int) int { return n }} }

// untold is one that says nothing about what was moved.
func untold(fill func(b *store.Batch)) telling { return telling{fill, func(int) int { return -1 }} }

// lenientPaper is a paper whose first segment is number 3.
func lenientPaper(t *testing.T, frames ...telling) *replayer {
	p := newPaper(t, 1<<20)
	p.must(p.fs.Remove(p.path(1)))
	p.x.segments, p.first = nil, 3
	p.lsn = 100
	p.roll()
	for _, f := range frames {
		p.tell(f)
	}
	return p.replayed()
}

func (p *paper) tell(f telling) uint64 {
	var b store.Batch
	f.fill(&b)
	p.moved = f.moved(b.Len())
	p.write(frameRecords, b.Bytes(), b.Len())
	return p.lsn
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
		own(func(b *store.Batch) {
			b.Enqueue(7, []store.Delivery{{Session: 1, Seq: 9, QoS: 2, SubIDs: []uint32{3}}, {Session: 1, Seq: 8, QoS: 1}, {Session: 2, Seq: 1, QoS: 1}})
			b.Subscribe(1, &store.Subscription{Filter: []byte("f")})
			b.Subscribe(2, &store.Subscription{Filter: []byte("f")})
			b.Receive(1, 5)
			b.Receive(1, 6)
		}),
		own(func(b *store.Batch) { b.Ack(1, 8); b.Release(1, 9); b.Complete(1, 6) }),
		own(func(b *store.Batch) { b.Message(&store.Message{ID: 7}); b.Session(&store.Session{ID: 1}) }),
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
		own(func(b *store.Batch) {
			b.Session(&store.Session{ID: 1})
			b.Message(&store.Message{ID: 8}) // all its deliveries stand behind it
			b.Enqueue(8, []store.Delivery{{Session: 1, Seq: 3, QoS: 1}})
			b.Ack(1, 3)
		}),
		moved(func(b *store.Batch) {
			b.Message(&store.Message{ID: 7})
			b.Enqueue(7, []store.Delivery{{Session: 1, Seq: 1, QoS: 1}})
		}),
		own(func(b *store.Batch) { b.Ack(1, 1) }), // no delivery is left, as far as this log says
		moved(func(b *store.Batch) { b.Enqueue(7, []store.Delivery{{Session: 1, Seq: 2, QoS: 1}}) }),
		own(func(b *store.Batch) { b.Enqueue(8, []store.Delivery{{Session: 1, Seq: 4, QoS: 1}}) }), // which was over by then
	)
	same(t, "replayed", listed(t, r.index), folded(t, func(b *store.Batch) {
		b.Session(&store.Session{ID: 1})
		b.Message(&store.Message{ID: 7})
		b.Enqueue(7, []store.Delivery{{Session: 1, Seq: 2, QoS: 1}})
	}))
	wantSound(t, r.index)
}

// What is said of a message in this order makes sense only if the frames after the first may hold what was moved.
func TestAMessageWaitsWhereNobodyKnowsWhatWasMoved(t *testing.T) {
	for name, kind := range map[string]func(func(b *store.Batch)) telling{
		"not told":            untold,
		"too many":            func(fill func(b *store.Batch)) telling { return telling{fill, func(int) int { return movedMost }} },
		"more than there are": func(fill func(b *store.Batch)) telling { return telling{fill, func(n int) int { return n + 5 }} },
		"the last one":        func(fill func(b *store.Batch)) telling { return telling{fill, func(int) int { return 1 }} },
	} {
		r := lenientPaper(t, own(func(b *store.Batch) { b.Session(&store.Session{ID: 1}) }),
			kind(func(b *store.Batch) { b.Meta([]byte("own"), []byte("1")); b.Message(&store.Message{ID: 7}) }),
			own(func(b *store.Batch) { b.Enqueue(7, []store.Delivery{{Session: 1, Seq: 2, QoS: 1}}) }))
		if _, ok := r.index.message(7); !ok {
			t.Errorf("%s: the message is gone, want it kept until its delivery came", name)
		}
		wantSound(t, r.index)
	}
}

// A message that was met before anything was lost may be moved afterwards, and a delivery that was lost with the rest behind it.
func TestAMessageThatIsMovedBehindAHoleWaits(t *testing.T) {
	p := newPaper(t, 1<<20)
	p.tell(own(func(b *store.Batch) {
		b.Session(&store.Session{ID: 1})
		b.Message(&store.Message{ID: 7})
		b.Enqueue(7, []store.Delivery{{Session: 1, Seq: 1, QoS: 1}})
	}))
	gone := p.tell(own(func(b *store.Batch) { b.Enqueue(7, []store.Delivery{{Session: 1, Seq: 2, QoS: 1}}) }))
	p.roll()
	p.tell(moved(func(b *store.Batch) { b.Message(&store.Message{ID: 7}) }))
	p.tell(own(func(b *store.Batch) { b.Ack(1, 1) }))
	p.tell(moved(func(b *store.Batch) { b.Enqueue(7, []store.Delivery{{Session: 1, Seq: 2, QoS: 1}}) }))
	p.spoil(gone)
	r := p.replayed()
	same(t, "replayed", listed(t, r.index), folded(t, func(b *store.Batch) {
		b.Session(&store.Session{ID: 1})
		b.Message(&store.Message{ID: 7})
		b.Enqueue(7, []store.Delivery{{Session: 1, Seq: 2, QoS: 1}})
	}))
	wantSound(t, r.index)
}

// Most messages of a log are over. A replay that is lenient does not keep them for as long as it lasts.
func TestALenientReplayKeepsNoMessagesThatAreOver(t *testing.T) {
	p := newPaper(t, 1<<20)
	p.must(p.fs.Remove(p.path(1)))
	p.x.segments, p.first, p.lsn = nil, 3, 100
	p.roll()
	p.tell(own(func(b *store.Batch) { b.Session(&store.Session{ID: 1}) }))
	for id := uint64(1); id <= 100; id++ {
		p.tell(own(func(b *store.Batch) {
			b.Message(&store.Message{ID: id})
			b.Enqueue(id, []store.Delivery{{Session: 1, Seq: id, QoS: 1}})
		}))
		p.tell(own(func(b *store.Batch) { b.Ack(1, id) }))
	}
	r := newReplayer(p.fs, p.dir, p.who)
	t.Cleanup(r.close)
	p.must(r.read(t.Context(), []uint32{3}))
	if !r.index.lenient() || len(r.index.messages) != 0 {
		t.Errorf("lenient %v with %d messages before the end, want a lenient replay with none", r.index.lenient(), len(r.index.messages))
	}
}

func TestASessionThatIsOverHasNoGhosts(t *testing.T) {
	r := lenientPaper(t,
		own(func(b *store.Batch) { b.Receive(1, 5); b.Subscribe(1, &store.Subscription{Filter: []byte("before")}) }),
		own(func(b *store.Batch) { b.DropSession(1) }),
		own(func(b *store.Batch) { b.Receive(1, 6); b.Subscribe(1, &store.Subscription{Filter: []byte("late")}) }), // who had not heard of it
		own(func(b *store.Batch) { b.Session(&store.Session{ID: 1}); b.Receive(1, 7) }),
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
