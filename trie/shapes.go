package trie

import (
	"sync"
	"sync/atomic"
)

const (
	maxShapes  = 32 // probed for one topic at most
	freeShapes = 24 // taken as they come; beyond, a shape has to be in use by many
)

// shapes knows which shapes of filters the shards hold, so that Match can tell the keys to look for. Whoever
// may subscribe may invent shapes; therefore a topic is never looked up under more than maxShapes of them, and
// the last places go to shapes with many subscriptions. A shape without a place has its filters in the
// fallback; when it gets one, what is there stays there until it is unsubscribed.
type shapes struct {
	plan  atomic.Pointer[plan]
	mu    sync.Mutex
	known map[shape]*shapeUse
}

// plan is immutable: for each number of levels a topic may have (the last: more than there are), what to probe.
type plan [maxLevels + 2][]probe

type probe struct {
	shape
	use *shapeUse
}

// shapeUse counts subscriptions: in the shards, where more than none means that the shape is in the plan, and
// in the fallback. Both leave zero or reach it only under shapes.mu.
type shapeUse struct{ shards, deep atomic.Int64 }

func (s *shapes) init() {
	s.known = map[shape]*shapeUse{}
	s.plan.Store(new(plan))
}

// find returns the use of a shape that is in the plan.
func (p *plan) find(s shape) *shapeUse {
	list := p[max(s.levels, 1)]
	for i := range list {
		if list[i].shape == s {
			return list[i].use
		}
	}
	return nil
}

// acquire counts a subscription that is about to be made. deep says where it goes.
func (s *shapes) acquire(sh shape) (use *shapeUse, deep bool) {
	if use = s.plan.Load().find(sh); use != nil {
		for n := use.shards.Load(); n > 0; n = use.shards.Load() {
			if use.shards.CompareAndSwap(n, n+1) {
				return use, false
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	use = s.known[sh]
	if use == nil {
		use = new(shapeUse)
		s.known[sh] = use
	}
	if use.shards.Load() == 0 {
		if !s.admits(sh, use.deep.Load()) {
			use.deep.Add(1)
			return use, true
		}
		s.change(sh, use)
	}
	use.shards.Add(1)
	return use, false
}

// release takes back what acquire counted, or ends a subscription.
func (s *shapes) release(sh shape, deep bool) {
	if !deep {
		use := s.plan.Load().find(sh)
		for n := use.shards.Load(); n > 1; n = use.shards.Load() {
			if use.shards.CompareAndSwap(n, n-1) {
				return
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	use := s.known[sh]
	if deep {
		use.deep.Add(-1)
	} else if use.shards.Add(-1) == 0 {
		s.change(sh, nil)
	}
	if use.shards.Load() == 0 && use.deep.Load() == 0 {
		delete(s.known, sh)
	}
}

// admits reports whether a shape with so many subscriptions in the fallback gets a place in the plan. The last
// places are the dearer the fewer they are, so that nobody takes them all with a handful of odd filters.
func (s *shapes) admits(sh shape, deep int64) bool {
	p, used := s.plan.Load(), 0
	for n := range p {
		if sh.concerns(n) {
			used = max(used, len(p[n]))
		}
	}
	switch {
	case used < freeShapes:
		return true
	case used < maxShapes:
		return deep >= 16<<(2*(used-freeShapes))
	}
	return false
}

// concerns reports whether a topic of n levels can match.
func (s shape) concerns(n int) bool {
	if s.hash {
		return n >= max(int(s.levels), 1) // "a/#" matches "a"
	}
	return n == int(s.levels)
}

// change publishes a plan with the shape, or without it when use is nil.
func (s *shapes) change(sh shape, use *shapeUse) {
	next := *s.plan.Load()
	for n := range next {
		if !sh.concerns(n) {
			continue
		}
		list := make([]probe, 0, len(next[n])+1)
		for _, p := range next[n] {
			if p.shape != sh {
				list = append(list, p)
			}
		}
		if use != nil {
			list = append(list, probe{shape: sh, use: use})
		}
		next[n] = list
	}
	s.plan.Store(&next)
}
