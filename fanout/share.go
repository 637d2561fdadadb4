package fanout

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
)

// Strategy chooses the member of a shared subscription that gets a message.
type Strategy uint8

// The strategies. All of them take an online member with a free window first, then any online member, and an offline
// one only if nobody is online.
const (
	RoundRobin Strategy = iota // each in turn
	Random                     // any
	Sticky                     // the same one as long as it can take messages
	HashClient                 // by the publisher's client identifier
	HashTopic                  // by the topic name
	LocalFirst                 // round robin among the members of the publisher's loop, else among all
)

var strategyNames = []string{"round_robin", "random", "sticky", "hash_client", "hash_topic", "local_first"}

// String is the name used in configuration.
func (s Strategy) String() string { return strategyNames[s] }

// ParseStrategy reads a strategy's name.
func ParseStrategy(name string) (Strategy, error) {
	for i, n := range strategyNames {
		if n == name {
			return Strategy(i), nil
		}
	}
	return 0, fmt.Errorf("unknown strategy %q, want one of %v", name, strategyNames)
}

// Group is one shared subscription: a share name and a filter, and the sessions that are members.
type Group struct {
	Name  string // the whole filter, $share/name/filter
	id    uint32
	aside Aside

	mu      sync.Mutex
	members []Target
	where   map[uint32]int // slot -> position in members
	next    uint32
	sticky  uint32
}

// Groups is the table of shared subscriptions. The index holds a group's number with the group bit set as the one
// subscriber of its filter.
type Groups struct {
	mu     sync.RWMutex
	byName map[string]*Group
	byID   []*Group
	free   []uint32
}

// NewGroups gives an empty table.
func NewGroups() *Groups { return &Groups{byName: map[string]*Group{}} }

// Join makes the target a member or replaces its membership. The first member of a group makes created true:
// the caller then puts GroupSub into the index.
func (g *Groups) Join(name string, t Target) (grp *Group, existed, created bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	grp = g.byName[name]
	if grp == nil {
		grp = &Group{Name: name, where: map[uint32]int{}, sticky: NoSlot}
		if n := len(g.free); n > 0 {
			grp.id = g.free[n-1]
			g.free = g.free[:n-1]
			g.byID[grp.id] = grp
		} else {
			grp.id = uint32(len(g.byID))
			g.byID = append(g.byID, grp)
		}
		grp.aside.Group = grp
		g.byName[name] = grp
		created = true
	}
	grp.mu.Lock()
	defer grp.mu.Unlock()
	if i, ok := grp.where[t.Slot]; ok {
		grp.members[i] = t
		return grp, true, created
	}
	grp.where[t.Slot] = len(grp.members)
	grp.members = append(grp.members, t)
	return grp, false, created
}

// Leave ends a membership. With the last member the group is gone: emptied is true, the caller takes Ref out of
// the index and then calls Retire. Until then nobody else gets the number, so that the same group made anew at the
// same time by another loop is never taken out in its stead.
func (g *Groups) Leave(name string, slot uint32) (grp *Group, ok, emptied bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	grp = g.byName[name]
	if grp == nil {
		return nil, false, false
	}
	grp.mu.Lock()
	defer grp.mu.Unlock()
	i, ok := grp.where[slot]
	if !ok {
		return grp, false, false
	}
	last := len(grp.members) - 1
	grp.members[i] = grp.members[last]
	grp.where[grp.members[i].Slot] = i
	delete(grp.where, slot)
	grp.members = grp.members[:last]
	if last == 0 {
		delete(g.byName, name)
		return grp, true, true
	}
	return grp, true, false
}

// Retire frees the number of a group that was emptied and is no longer in the index.
func (g *Groups) Retire(grp *Group) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.byID[grp.id] = nil
	g.free = append(g.free, grp.id)
}

// Named finds a group by its whole filter; nil when it has no members.
func (g *Groups) Named(name string) *Group {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.byName[name]
}

// Len is the number of groups.
func (g *Groups) Len() int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.byName)
}

func (g *Groups) get(id uint32) *Group {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if int(id) >= len(g.byID) {
		return nil
	}
	return g.byID[id]
}

// Ref is how the group is named in the index.
func (g *Group) Ref() uint32 { return g.id | groupBit }

// Member is a slot's membership.
func (g *Group) Member(slot uint32) (Target, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i, ok := g.where[slot]
	if !ok {
		return Target{}, false
	}
	return g.members[i], true
}

// Len is the number of members.
func (g *Group) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.members)
}

// Any tells whether there is any such member. is must be short and not use the group: a lock is held.
func (g *Group) Any(is func(Target) bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.members, is)
}

// All tells whether there are members and all are such.
func (g *Group) All(is func(Target) bool) bool {
	return g.Len() > 0 && !g.Any(func(t Target) bool { return !is(t) })
}

// Choice is what a strategy may look at.
type Choice struct {
	Strategy   Strategy
	Loop       uint32
	ClientHash uint64
	TopicHash  uint64
	Except     uint32 // a slot that is not to get it (again); NoSlot: none
	OnlineOnly bool   // nobody rather than an offline member
}

// Choose picks the member that gets a message.
func (g *Group) Choose(slots *Slots, c Choice) (Target, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := uint32(len(g.members))
	if n == 0 {
		return Target{}, false
	}
	start := g.start(n, c)
	best, rank := -1, 0
	for k := range n {
		i := (start + k) % n
		m := &g.members[i]
		if m.Slot == c.Except {
			continue
		}
		r := g.rank(slots, m, c)
		if r > rank {
			best, rank = int(i), r
			if r == topRank {
				break
			}
		}
	}
	if best < 0 || c.OnlineOnly && rank < 3 {
		return Target{}, false
	}
	if c.Strategy == RoundRobin || c.Strategy == LocalFirst {
		g.next = uint32(best) + 1
	}
	g.sticky = g.members[best].Slot
	return g.members[best], true
}

const topRank = 6

// rank orders candidates: free window (6, or 5 away from the publisher's loop when that matters), online (4, 3),
// offline (2), with a full queue (1).
func (g *Group) rank(slots *Slots, m *Target, c Choice) int {
	away := 0
	if c.Strategy == LocalFirst && slots.Owner(m.Slot) != c.Loop {
		away = 1
	}
	switch flags := slots.Flags(m.Slot); {
	case flags&SlotFull != 0:
		return 1
	case flags&SlotOnline == 0:
		return 2
	case flags&SlotBusy != 0:
		return 4 - away
	}
	return topRank - away
}

func (g *Group) start(n uint32, c Choice) uint32 {
	switch c.Strategy {
	case Random:
		return rand.Uint32N(n)
	case Sticky:
		return uint32(g.where[g.sticky])
	case HashClient:
		return uint32(c.ClientHash % uint64(n))
	case HashTopic:
		return uint32(c.TopicHash % uint64(n))
	}
	return g.next % n
}
