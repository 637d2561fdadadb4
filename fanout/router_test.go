package fanout

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/penstock-mqtt/penstock/trie"
)

type world struct {
	index  *trie.Index
	groups *Groups
	slots  *Slots
	r      *Router
}

func newWorld(loops int) *world {
	w := &world{index: trie.NewIndex(), groups: NewGroups(), slots: NewSlots()}
	w.r = NewRouter(w.index, w.groups, w.slots, loops)
	return w
}

func (w *world) session(loop uint32) Target {
	n, gen := w.slots.Take(loop)
	return Target{Slot: n, Gen: gen}
}

func (w *world) subscribe(filter string, t Target) { w.index.Subscribe([]byte(filter), t.Sub()) }

func TestReceiversAreGroupedByLoop(t *testing.T) {
	w := newWorld(3)
	var want [3][]uint32
	for i := range 300 {
		s := w.session(uint32(i % 3))
		w.subscribe("a/b", s)
		want[i%3] = append(want[i%3], s.Slot)
	}
	p := w.r.Plan([]byte("a/b"))
	for i := range want {
		var got []uint32
		for _, x := range p.ByLoop[i] {
			got = append(got, x.Slot)
		}
		slices.Sort(got)
		if !slices.Equal(got, want[i]) {
			t.Errorf("loop %d: got %v, want %v", i, got, want[i])
		}
	}
	if w.r.Plan([]byte("a/b")) != p {
		t.Error("the plan was not remembered")
	}
	if !w.r.Plan([]byte("nobody")).Empty() {
		t.Error("a topic without subscribers: the plan is not empty")
	}
}

func TestAMoveRegroupsRememberedPlans(t *testing.T) {
	w := newWorld(2)
	s := w.session(0)
	w.subscribe("a", s)
	old := w.r.Plan([]byte("a"))
	w.slots.Move(s.Slot, 1)
	if old.Fresh(w.slots) {
		t.Error("the plan says it is fresh after a move")
	}
	p := w.r.Plan([]byte("a"))
	if len(p.ByLoop[0]) != 0 || len(p.ByLoop[1]) != 1 {
		t.Errorf("after the move: got %v", p.ByLoop)
	}
}

// Overlapping subscriptions give one copy: the highest QoS, all identifiers, No Local only if all have it.
func TestOverlappingSubscriptionsMerge(t *testing.T) {
	w := newWorld(1)
	s := w.session(0)
	with := func(qos, flags uint8, id uint32) Target {
		x := s
		x.QoS, x.Flags, x.ID = qos, flags, id
		return x
	}
	w.subscribe("a/+", with(0, NoLocal, 1))
	w.subscribe("a/#", with(2, 0, 2))
	w.subscribe("a/b", with(1, RetainAsPublished, 0))
	p := w.r.Plan([]byte("a/b"))
	if len(p.ByLoop[0]) != 1 {
		t.Fatalf("got %d copies, want 1", len(p.ByLoop[0]))
	}
	got := p.ByLoop[0][0]
	ids := slices.Sorted(slices.Values(p.Aside(got).IDs))
	if got.QoS != 2 || got.Flags&NoLocal != 0 || got.Flags&RetainAsPublished == 0 || !slices.Equal(ids, []uint32{1, 2}) {
		t.Errorf("got %+v with identifiers %v", got, ids)
	}
	own, ok := p.Own(got)
	if !ok || own.QoS != 2 || own.ID != 2 || p.Aside(own) != nil {
		t.Errorf("of its own message: got %+v %v, want QoS 2 with identifier 2", own, ok)
	}
}

func TestNoLocalOnlyGetsNothingOfItsOwn(t *testing.T) {
	w := newWorld(1)
	s := w.session(0)
	s.Flags = NoLocal
	w.subscribe("a", s)
	p := w.r.Plan([]byte("a"))
	if _, ok := p.Own(p.ByLoop[0][0]); ok {
		t.Error("a No Local subscription gets its own message")
	}
}

// The router agrees with a plain reading of the rules over random subscriptions.
func TestRouterAgreesWithNaiveTwin(t *testing.T) {
	levels := []string{"a", "b", "+", "#"}
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(2)
		type sub struct {
			filter string
			t      Target
		}
		var subs []sub
		var sessions []Target
		for range 6 {
			sessions = append(sessions, w.session(rnd.Uint32N(2)))
		}
		for range 20 {
			f := levels[rnd.IntN(3)]
			if rnd.IntN(3) > 0 {
				f += "/" + levels[rnd.IntN(4)]
			}
			s := sessions[rnd.IntN(len(sessions))]
			s.QoS, s.ID = uint8(rnd.IntN(3)), rnd.Uint32N(4)
			w.subscribe(f, s)
			subs = slices.DeleteFunc(subs, func(o sub) bool { return o.filter == f && o.t.Slot == s.Slot })
			subs = append(subs, sub{f, s})
		}
		for _, topic := range []string{"a", "b", "a/b", "b/b", "a/c", "$a/b"} {
			want := map[uint32]string{}
			best := map[uint32]Target{}
			ids := map[uint32][]uint32{}
			for _, x := range subs {
				if trie.Matches([]byte(x.filter), []byte(topic)) {
					b := best[x.t.Slot]
					b.QoS = max(b.QoS, x.t.QoS)
					best[x.t.Slot] = b
					if x.t.ID != 0 {
						ids[x.t.Slot] = append(ids[x.t.Slot], x.t.ID)
					}
				}
			}
			for slot, b := range best {
				want[slot] = fmt.Sprint(b.QoS, slices.Sorted(slices.Values(ids[slot])))
			}
			got := map[uint32]string{}
			p := w.r.Plan([]byte(topic))
			for loop, targets := range p.ByLoop {
				for _, x := range targets {
					if w.slots.Owner(x.Slot) != uint32(loop) {
						t.Errorf("slot %d is with the wrong loop", x.Slot)
					}
					var list []uint32
					if many := p.Aside(x); many != nil {
						list = many.IDs
					} else if x.ID != 0 {
						list = []uint32{x.ID}
					}
					got[x.Slot] = fmt.Sprint(x.QoS, slices.Sorted(slices.Values(list)))
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("seed %d, topic %s: got %v, want %v", seed, topic, got, want)
			}
		}
	}
}

func TestSlotsAreUsedAgainInTurnWithANewGeneration(t *testing.T) {
	s := NewSlots()
	a, genA := s.Take(0)
	b, _ := s.Take(1)
	s.SetFlags(a, SlotOnline, 0)
	s.SetName(a, 7)
	if s.NextSeq(a) != 1 || s.NextSeq(a) != 2 {
		t.Error("sequence numbers do not count from 1")
	}
	s.Free(a)
	s.Free(b)
	c, genC := s.Take(2)
	if c != a || genC == genA || s.Flags(c) != 0 || s.Owner(c) != 2 || s.Name(c) != 0 || s.NextSeq(c) != 1 {
		t.Errorf("taken again: slot %d gen %d flags %d owner %d", c, genC, s.Flags(c), s.Owner(c))
	}
	if got := s.Len(); got != 1 {
		t.Errorf("in use: got %d, want 1", got)
	}
	if gen := s.Renew(c); gen == genC || s.Gen(c) != gen {
		t.Error("a renewed slot has its old generation")
	}
}

func TestSlotsGrowUnderReaders(t *testing.T) {
	s := NewSlots()
	var wg sync.WaitGroup
	for loop := range uint32(4) {
		wg.Go(func() {
			for range 3 * slotChunk {
				n, gen := s.Take(loop)
				if s.Owner(n) != loop || s.Gen(n) != gen {
					t.Error("somebody else's slot")
					return
				}
			}
		})
	}
	wg.Wait()
	if got := s.Len(); got != 4*3*slotChunk {
		t.Errorf("got %d", got)
	}
}

func TestOnlyTheFirstPushWakes(t *testing.T) {
	var q Inbox
	wake, waiting := q.Push([]Item{{Slot: 1}, {Slot: 2}})
	if !wake || waiting != 2 {
		t.Errorf("first push: wake %v, waiting %d", wake, waiting)
	}
	if q.PushOne(Item{Slot: 3}) {
		t.Error("the second push wakes again")
	}
	items := q.Drain(nil)
	for i, it := range items {
		if it.Slot != uint32(i+1) {
			t.Errorf("item %d: got %d", i, it.Slot)
		}
	}
	if len(items) != 3 || q.Len() != 0 || !q.PushOne(Item{}) {
		t.Error("after a drain the next push has to wake")
	}
}
