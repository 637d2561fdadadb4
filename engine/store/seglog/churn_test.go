package seglog_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

// churn writes what a busy broker writes over a long time: messages that are acknowledged out of order, some of them very
// late, sessions that come, go and change, retained topics that are overwritten.
type churn struct {
	r        *rand.Rand
	next     uint64
	sessions map[uint64]*churned
	window   int  // how many deliveries a session has open, about
	full     bool // nothing may be added
}

type churned struct {
	seq  uint64
	open []uint64
}

func newChurn(seed uint64, window int) *churn {
	return &churn{r: rand.New(rand.NewPCG(seed, 1)), sessions: map[uint64]*churned{}, window: window}
}

func (c *churn) fill(b *store.Batch) {
	b.Reset()
	if c.full {
		b.Complete(c.any(), 100) // somebody waits for that
	}
	for range 1 + c.r.IntN(6) {
		c.step(b)
	}
}

func (c *churn) step(b *store.Batch) {
	switch n := c.r.IntN(100); {
	case c.full:
		c.acknowledge(b)
	case n < 2 && len(c.sessions) < 40 || len(c.sessions) < 5:
		c.next++
		c.sessions[c.next] = &churned{}
		b.Session(&store.Session{ID: c.next, ClientID: fmt.Append(nil, "client ", c.next), Expiry: 60})
		b.Subscribe(c.next, &store.Subscription{Filter: []byte("a/#"), Options: 1})
	case n < 3 && len(c.sessions) > 5:
		id := c.any()
		delete(c.sessions, id)
		b.DropSession(id)
	case n < 6:
		b.Session(&store.Session{ID: c.any(), ClientID: []byte("again"), Expiry: c.r.Uint32N(100)})
	case n < 10:
		b.Retain(&store.Message{Topic: fmt.Append(nil, "t/", c.r.IntN(60)), Payload: make([]byte, c.r.IntN(300)), Retain: true})
	case n < 11:
		b.Unretain(fmt.Append(nil, "t/", c.r.IntN(60)))
	case n < 14:
		id, pid := c.any(), uint16(1+c.r.IntN(20))
		if c.r.IntN(2) == 0 {
			b.Receive(id, pid)
		} else {
			b.Complete(id, pid)
		}
	case n < 16:
		b.Subscribe(c.any(), &store.Subscription{Filter: fmt.Append(nil, "f/", c.r.IntN(10)), ID: c.r.Uint32N(9)})
	case n < 17:
		b.Unsubscribe(c.any(), fmt.Append(nil, "f/", c.r.IntN(10)))
	case n < 20:
		b.Meta(fmt.Append(nil, "key ", c.r.IntN(4)), fmt.Append(nil, "value ", c.r.IntN(1000)))
	case n < 60:
		c.send(b)
	default:
		c.acknowledge(b)
	}
}

func (c *churn) any() uint64 {
	ids := slices.Sorted(maps.Keys(c.sessions))
	return ids[c.r.IntN(len(ids))]
}

func (c *churn) send(b *store.Batch) {
	c.next++
	b.Message(&store.Message{ID: c.next, Topic: []byte("a/b/c"), Payload: make([]byte, c.r.IntN(500)), QoS: 1})
	var to []store.Delivery
	for range 1 + c.r.IntN(4) {
		id := c.any()
		s := c.sessions[id]
		s.seq++
		s.open = append(s.open, s.seq)
		to = append(to, store.Delivery{Session: id, Seq: s.seq, QoS: 2, SubIDs: []uint32{1, uint32(id)}[:c.r.IntN(3)]})
	}
	b.Enqueue(c.next, to)
}

// acknowledge ends deliveries near the front of a queue, now and then leaving one open for good.
func (c *churn) acknowledge(b *store.Batch) {
	id := c.any()
	s := c.sessions[id]
	for n := min(len(s.open)-c.r.IntN(1+c.window), 20); n > 0; n-- {
		i := c.r.IntN(min(8, len(s.open)))
		if c.r.IntN(5) == 0 {
			b.Release(id, s.open[i])
		}
		if c.r.IntN(200) > 0 {
			b.Ack(id, s.open[i])
		}
		s.open = slices.Delete(s.open, i, i+1)
	}
}

func TestALongChurnKeepsItsStateInBoundedSpace(t *testing.T) {
	for _, o := range []seglog.Options{{Sync: seglog.SyncAlways}, {Sync: seglog.SyncNone}} {
		t.Run(o.Sync.String(), func(t *testing.T) {
			t.Parallel()
			o.Dir, o.SegmentSize, o.Logger = t.TempDir(), small, logger(t)
			twin := store.NewMemory()
			w := newChurn(3, 4)
			reclaimed, copied, written := uint64(0), uint64(0), uint64(0)
			for round := range 4 {
				g := seglog.New(o)
				state(t, g)
				var batches [8]store.Batch
				var done [8]chan error
				for i := range 1000 {
					b := &batches[i%8]
					if done[i%8] != nil {
						if err := answer(t, done[i%8]); err != nil {
							t.Fatal(err)
						}
					}
					w.fill(b)
					twin.Append(b, nil)
					done[i%8] = appended(g, b)
				}
				for i := range done {
					if err := answer(t, done[i]); err != nil {
						t.Fatal(err)
					}
				}
				bounded := func() bool { s := g.Stats(); return s.Bytes <= 2*s.LiveBytes+9*small }
				await(t, fmt.Sprintf("round %d: files of at most twice the live bytes and 9 segments, they are %+v", round, g.Stats()), bounded)
				s := g.Stats()
				reclaimed, copied, written = reclaimed+s.Reclaimed, copied+s.CopiedBytes, written+s.WrittenBytes
				shut(t, g)
				again := seglog.New(o)
				compare(t, round, state(t, again), state(t, twin))
				shut(t, again)
			}
			if reclaimed < 10 {
				t.Errorf("got %d segments reclaimed, want many", reclaimed)
			}
			t.Logf("%d segments reclaimed, %d of %d bytes written were copies", reclaimed, copied, written)
		})
	}
}

func compare(t *testing.T, round int, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	gone, risen := without(want, got), without(got, want)
	t.Fatalf("round %d: recovered %d records, want %d; %d are missing, %d ought not to be there: first missing %q, first risen %q",
		round, len(got), len(want), len(gone), len(risen), first(gone), first(risen))
}

// without is what of a is not in b.
func without(a, b []string) (left []string) {
	in := map[string]int{}
	for _, s := range b {
		in[s]++
	}
	for _, s := range a {
		if in[s]--; in[s] < 0 {
			left = append(left, s)
		}
	}
	return left
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

func TestAQueueThatIsEmptiedGivesItsRoomBack(t *testing.T) {
	o := seglog.Options{Dir: t.TempDir(), SegmentSize: small, Sync: seglog.SyncNone, Logger: logger(t)}
	g := recovered(t, o)
	commit(t, g, func(b *store.Batch) { b.Session(&store.Session{ID: 1}) })
	for id := uint64(1); id <= 2000; id++ {
		commit(t, g, publish(id))
	}
	commit(t, g, func(b *store.Batch) { b.DropSession(1) }) // and nothing more
	await(t, "a few files", func() bool { return g.Stats().Bytes <= 8*small })
	shut(t, g)
	if got := state(t, g); len(got) > 0 {
		t.Errorf("recovered %d records, want none", len(got))
	}
	shut(t, g)
}

func TestCompactLeavesNoGarbageWorthASegment(t *testing.T) {
	o := seglog.Options{Dir: t.TempDir(), SegmentSize: small, Sync: seglog.SyncNone, Logger: logger(t)}
	g := recovered(t, o)
	commit(t, g, func(b *store.Batch) {
		for id := uint64(1); id <= 100; id++ {
			b.Session(&store.Session{ID: id, ClientID: make([]byte, 400)})
		}
	})
	commit(t, g, func(b *store.Batch) {
		for id := uint64(1); id <= 45; id++ { // less garbage than what is live
			b.DropSession(id)
		}
	})
	shut(t, g)
	want := state(t, g)
	shut(t, g)
	before, after, err := seglog.Compact(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if after.Bytes >= before.Bytes || after.Bytes > after.LiveBytes+2*small {
		t.Errorf("got %d bytes of files, %d live, want fewer than the %d before, and no garbage worth a segment", after.Bytes, after.LiveBytes,
			before.Bytes)
	}
	compare(t, 0, state(t, g), want)
	if s := g.Stats(); !s.Recovery.Clean || s.Recovery.TornBytes > 0 {
		t.Errorf("got %+v, want a log that was closed", s.Recovery)
	}
	shut(t, g)
	if _, again, err := seglog.Compact(context.Background(), o); err != nil || again.Bytes > after.Bytes+100 {
		t.Errorf("again: got %d bytes, %v, want about %d", again.Bytes, err, after.Bytes)
	}
}
