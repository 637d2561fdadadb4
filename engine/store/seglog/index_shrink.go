package seglog

import "reflect"

// shrinking makes the map of messages anew when it holds less than an eighth of what it has held: a map of Go keeps the room that it
// has ever had, and a queue of millions would be paid for until the next start. What is in it is copied a little with each frame,
// for commits and loads wait meanwhile, and what changes until then is changed in both.
type shrinking struct {
	most  int // messages since the map was made
	fresh map[uint64]message
	next  *reflect.MapIter // what is not in fresh yet
}

const (
	shrinkShare = 8
	shrinkLeast = 16 << 10 // how many it has held at least for it to be worth it
	shrinkStep  = 512      // messages that are copied with a frame
)

// shrink does the next step.
func (x *index) shrink() {
	s, n := &x.shrinking, len(x.messages)
	s.most = max(s.most, n)
	if s.next == nil {
		if x.replay != nil || s.most < shrinkLeast || n >= s.most/shrinkShare {
			return
		}
		s.fresh, s.next = make(map[uint64]message, n), reflect.ValueOf(x.messages).MapRange()
	}
	var id uint64
	var m message
	key, value := reflect.ValueOf(&id).Elem(), reflect.ValueOf(&m).Elem()
	for range shrinkStep {
		if !s.next.Next() {
			x.messages = s.fresh
			*s = shrinking{most: len(s.fresh)}
			return
		}
		key.SetIterKey(s.next)
		value.SetIterValue(s.next)
		s.fresh[id] = m
	}
}

// set and unset change a message in both maps.
func (x *index) set(id uint64, m message) {
	x.messages[id] = m
	if x.shrinking.fresh != nil {
		x.shrinking.fresh[id] = m
	}
}

func (x *index) unset(id uint64) {
	delete(x.messages, id)
	delete(x.shrinking.fresh, id)
}
