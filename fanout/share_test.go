package fanout

import "testing"

// members makes a group of sessions with the given flags, one each, all on loop 0 unless said otherwise.
func members(w *world, flags ...uint32) (*Group, []Target) {
	var g *Group
	var list []Target
	for _, f := range flags {
		t := w.session(0)
		w.slots.SetFlags(t.Slot, f, 0)
		g, _, _ = w.groups.Join("$share/g/t", t)
		list = append(list, t)
	}
	return g, list
}

func choose(t *testing.T, w *world, g *Group, c Choice, n int) map[uint32]int {
	t.Helper()
	c.Except = NoSlot
	got := map[uint32]int{}
	for range n {
		m, ok := g.Choose(w.slots, c)
		if !ok {
			t.Fatal("nobody was chosen")
		}
		got[m.Slot]++
	}
	return got
}

func TestEachStrategyChoosesItsWay(t *testing.T) {
	w := newWorld(2)
	g, list := members(w, SlotOnline, SlotOnline, SlotOnline)
	w.slots.Move(list[2].Slot, 1)

	got := choose(t, w, g, Choice{Strategy: RoundRobin}, 30)
	for _, m := range list {
		if got[m.Slot] != 10 {
			t.Errorf("round robin over 30: got %v", got)
		}
	}
	if got := choose(t, w, g, Choice{Strategy: Random}, 300); len(got) != 3 {
		t.Errorf("random over 300: got %v", got)
	}
	if got := choose(t, w, g, Choice{Strategy: Sticky}, 30); len(got) != 1 {
		t.Errorf("sticky: got %v", got)
	}
	for hash := range uint64(3) {
		if got := choose(t, w, g, Choice{Strategy: HashClient, ClientHash: hash}, 10); got[list[hash].Slot] != 10 {
			t.Errorf("hash by client %d: got %v", hash, got)
		}
		if got := choose(t, w, g, Choice{Strategy: HashTopic, TopicHash: hash}, 10); got[list[hash].Slot] != 10 {
			t.Errorf("hash by topic %d: got %v", hash, got)
		}
	}
	if got := choose(t, w, g, Choice{Strategy: LocalFirst, Loop: 1}, 10); got[list[2].Slot] != 10 {
		t.Errorf("local first on loop 1: got %v", got)
	}
	if got := choose(t, w, g, Choice{Strategy: LocalFirst, Loop: 0}, 10); got[list[0].Slot] != 5 || got[list[1].Slot] != 5 {
		t.Errorf("local first on loop 0: got %v", got)
	}
}

// A free window comes before a full one, online before offline, whatever the strategy.
func TestAvailabilityComesBeforeStrategy(t *testing.T) {
	for s := RoundRobin; s <= LocalFirst; s++ {
		w := newWorld(1)
		g, list := members(w, 0, SlotOnline|SlotBusy, SlotOnline)
		for _, want := range []int{2, 1} {
			if got := choose(t, w, g, Choice{Strategy: s}, 5); got[list[want].Slot] != 5 {
				t.Errorf("%v: got %v, want all on member %d", s, got, want)
			}
			w.slots.SetFlags(list[want].Slot, 0, SlotOnline|SlotBusy) // it goes
		}
		choose(t, w, g, Choice{Strategy: s}, 5) // nobody is online: it goes to one who is not
		if _, ok := g.Choose(w.slots, Choice{Strategy: s, Except: NoSlot, OnlineOnly: true}); ok {
			t.Errorf("%v: an offline member was chosen where only online ones may", s)
		}
	}
}

func TestAGroupEndsWithItsLastMember(t *testing.T) {
	w := newWorld(1)
	g, list := members(w, SlotOnline, SlotOnline)
	if _, existed, created := w.groups.Join(g.Name, list[0]); !existed || created {
		t.Error("joining twice is not a replacement")
	}
	if _, ok, emptied := w.groups.Leave(g.Name, list[0].Slot); !ok || emptied {
		t.Error("the first of two left and the group ended")
	}
	if m, _ := g.Choose(w.slots, Choice{Except: NoSlot}); m.Slot != list[1].Slot {
		t.Error("a member that left was chosen")
	}
	if _, ok := g.Choose(w.slots, Choice{Except: list[1].Slot}); ok {
		t.Error("the one that is not to get it was chosen")
	}
	_, ok, emptied := w.groups.Leave(g.Name, list[1].Slot)
	if !ok || !emptied || w.groups.Len() != 0 {
		t.Error("the last member left and the group is there")
	}
	w.groups.Retire(g)
	if again, _, created := w.groups.Join(g.Name, list[0]); !created || again == g || again.Ref() != g.Ref() {
		t.Error("a group made anew should take the free number")
	}
	if _, ok, _ := w.groups.Leave("$share/x/y", 1); ok {
		t.Error("somebody left a group that does not exist")
	}
}

func TestStrategiesHaveNames(t *testing.T) {
	for s := RoundRobin; s <= LocalFirst; s++ {
		if got, err := ParseStrategy(s.String()); err != nil || got != s {
			t.Errorf("%v: got %v %v", s, got, err)
		}
	}
	if _, err := ParseStrategy("nearest"); err == nil {
		t.Error("an unknown strategy was taken")
	}
}
