package fanout

import (
	"slices"

	"github.com/penstock-mqtt/penstock/trie"
)

// groupBit in a Sub's Ref says that the subscriber is a shared group, not a session.
const groupBit = 1 << 31

// Bits of trie.Sub.Opt: the options that routing needs, and the slot's generation in the upper half.
const (
	optQoS     = 3
	optNoLocal = 4
	optRAP     = 8
	optGen     = 16 // shift
)

// Flags of a Target.
const (
	NoLocal           = 1 << iota // not to the session that published it
	RetainAsPublished             // RETAIN goes out as it came in
	manyIDs                       // ID is an index into the plan's lists
)

// Target is one receiver of a message: 12 bytes, no pointer.
type Target struct {
	Slot  uint32
	Gen   uint16
	QoS   uint8 // granted, the highest of all matching subscriptions
	Flags uint8
	ID    uint32 // subscription identifier, 0: none
}

// Plain tells that the receiver asked for no subscription identifier.
func (t Target) Plain() bool { return t.ID == 0 && t.Flags&manyIDs == 0 }

// Sub is the target as the index keeps it.
func (t Target) Sub() trie.Sub {
	opt := uint32(t.QoS) | uint32(t.Gen)<<optGen
	if t.Flags&NoLocal != 0 {
		opt |= optNoLocal
	}
	if t.Flags&RetainAsPublished != 0 {
		opt |= optRAP
	}
	return trie.Sub{Ref: t.Slot, Opt: opt, ID: t.ID}
}

// TargetOf reads an index entry.
func TargetOf(s trie.Sub) Target {
	t := Target{Slot: s.Ref, Gen: uint16(s.Opt >> optGen), QoS: uint8(s.Opt & optQoS), ID: s.ID}
	if s.Opt&optNoLocal != 0 {
		t.Flags |= NoLocal
	}
	if s.Opt&optRAP != 0 {
		t.Flags |= RetainAsPublished
	}
	return t
}

// GroupSub is how a group stands in the index.
func GroupSub(g *Group) trie.Sub { return trie.Sub{Ref: g.Ref()} }

// Plan is who gets the messages of one topic, grouped by loop. It is never changed once made, so items share it.
type Plan struct {
	ByLoop [][]Target
	Groups []*Group
	asides []Aside           // of targets with several subscription identifiers
	own    map[uint32]Target // what a publisher gets of its own message when some of its subscriptions are No Local
	moves  uint64
	total  int
}

// Empty tells that nobody gets anything.
func (p *Plan) Empty() bool { return p.total == 0 && len(p.Groups) == 0 }

// Fresh tells whether every receiver is still owned by the loop that the plan names.
func (p *Plan) Fresh(slots *Slots) bool { return p.moves == slots.moves.Load() }

// Aside holds the target's subscription identifiers when there are several; else it is nil, and ID says it.
func (p *Plan) Aside(t Target) *Aside {
	if p == nil || t.Flags&manyIDs == 0 {
		return nil
	}
	return &p.asides[t.ID]
}

// Own is the target as it applies to a message that the target's own session published: No Local subscriptions
// do not count. [MQTT-3.8.3-3]
func (p *Plan) Own(t Target) (Target, bool) {
	if t.Flags&NoLocal != 0 {
		return t, false
	}
	if p.own != nil {
		if o, ok := p.own[t.Slot]; ok {
			return o, true
		}
	}
	return t, true
}

// Cache sizes: topics remembered a loop, and receivers remembered over all of them.
const (
	cacheTopics  = 4096
	cacheTargets = 1 << 20
)

// Router is one loop's way from topics to receivers.
type Router struct {
	index  *trie.Index
	groups *Groups
	slots  *Slots
	loops  int
	cache  *trie.Cache[*Plan]
	cached int
	subs   []trie.Sub
	merged []Target
}

// NewRouter makes the router of one of so many loops.
func NewRouter(index *trie.Index, groups *Groups, slots *Slots, loops int) *Router {
	return &Router{index: index, groups: groups, slots: slots, loops: loops, cache: trie.NewCache[*Plan](index, cacheTopics)}
}

// Plan finds the receivers of a topic.
func (r *Router) Plan(topic []byte) *Plan {
	v, hit := r.cache.Lookup(topic)
	moves := r.slots.moves.Load()
	if hit && (*v).moves == moves {
		return *v
	}
	if *v != nil {
		r.cached -= (*v).total
	}
	r.subs = r.index.Match(topic, r.subs[:0])
	p := r.build(moves)
	*v = p
	if r.cached += p.total; r.cached > cacheTargets {
		r.cache.Clear(func(v **Plan) { *v = nil })
		r.cached = 0
	}
	return p
}

// build makes a plan of r.subs. moves was read before the owners are.
func (r *Router) build(moves uint64) *Plan {
	p := &Plan{moves: moves}
	n := 0
	for _, s := range r.subs {
		if s.Ref&groupBit != 0 {
			if g := r.groups.get(s.Ref &^ groupBit); g != nil {
				p.Groups = append(p.Groups, g)
			}
			continue
		}
		r.subs[n] = s
		n++
	}
	subs := r.subs[:n]
	if n == 0 {
		return p
	}
	slices.SortFunc(subs, func(a, b trie.Sub) int { return int(a.Ref) - int(b.Ref) })
	r.merged = r.merged[:0]
	for i := 0; i < n; {
		j := i + 1
		for j < n && subs[j].Ref == subs[i].Ref {
			j++
		}
		r.merged = append(r.merged, p.merge(subs[i:j]))
		i = j
	}
	p.total = len(r.merged)
	p.group(r.merged, r.slots, r.loops)
	return p
}

// merge joins the overlapping subscriptions of one session: one copy, at the highest QoS, with all identifiers.
// [MQTT-3.3.4-2] [MQTT-3.3.4-4] [MQTT-3.3.5-1]
func (p *Plan) merge(subs []trie.Sub) Target {
	t := TargetOf(subs[0])
	if len(subs) == 1 {
		return t
	}
	all := join(subs, false, p)
	if own, some := joinOwn(subs, p); some {
		if p.own == nil {
			p.own = map[uint32]Target{}
		}
		p.own[t.Slot] = own
	}
	return all
}

// join merges subscriptions; when own is set the No Local ones are left out.
func join(subs []trie.Sub, own bool, p *Plan) Target {
	var out Target
	var ids []uint32
	first := true
	for _, s := range subs {
		t := TargetOf(s)
		if own && t.Flags&NoLocal != 0 {
			continue
		}
		if t.ID != 0 {
			ids = append(ids, t.ID)
		}
		if first {
			out, first = t, false
			out.ID = 0
			continue
		}
		out.QoS = max(out.QoS, t.QoS)
		// No Local holds only if every subscription has it; Retain As Published if any has.
		out.Flags = out.Flags&t.Flags&NoLocal | (out.Flags|t.Flags)&RetainAsPublished
	}
	switch len(ids) {
	case 0:
	case 1:
		out.ID = ids[0]
	default:
		out.Flags |= manyIDs
		out.ID = uint32(len(p.asides))
		p.asides = append(p.asides, Aside{IDs: ids})
	}
	return out
}

// joinOwn tells what the session itself gets of its own message when only some of its subscriptions are No Local.
func joinOwn(subs []trie.Sub, p *Plan) (Target, bool) {
	local := 0
	for _, s := range subs {
		if s.Opt&optNoLocal != 0 {
			local++
		}
	}
	if local == 0 || local == len(subs) {
		return Target{}, false
	}
	return join(subs, true, p), true
}

func (p *Plan) group(targets []Target, slots *Slots, loops int) {
	counts := make([]int, loops)
	for _, t := range targets {
		counts[slots.Owner(t.Slot)]++
	}
	p.ByLoop = make([][]Target, loops)
	for i, n := range counts {
		if n > 0 {
			p.ByLoop[i] = make([]Target, 0, n)
		}
	}
	for _, t := range targets {
		o := slots.Owner(t.Slot)
		p.ByLoop[o] = append(p.ByLoop[o], t)
	}
}

// Forget drops the cache.
func (r *Router) Forget() {
	r.cache.Clear(func(v **Plan) { *v = nil })
	r.cached = 0
}
