package seglog

// small is a map that is usually tiny: a slice without pointers until it has grown. There is one or two in each session.
type small[K comparable, V any] struct {
	few  []pair[K, V]
	many map[K]V // once there have been more than smallSize; nil before
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

const smallSize = 32

func (s *small[K, V]) len() int { return len(s.few) + len(s.many) }

func (s *small[K, V]) get(key K) (v V, ok bool) {
	if s.many != nil {
		v, ok = s.many[key]
		return v, ok
	}
	for i := range s.few {
		if s.few[i].key == key {
			return s.few[i].value, true
		}
	}
	return v, false
}

func (s *small[K, V]) put(key K, v V) {
	if s.many == nil {
		for i := range s.few {
			if s.few[i].key == key {
				s.few[i].value = v
				return
			}
		}
		if len(s.few) < smallSize {
			s.few = append(s.few, pair[K, V]{key, v})
			return
		}
		s.many = make(map[K]V, 2*smallSize)
		for _, p := range s.few {
			s.many[p.key] = p.value
		}
		s.few = nil
	}
	s.many[key] = v
}

func (s *small[K, V]) remove(key K) {
	if s.many != nil {
		if delete(s.many, key); len(s.many) == 0 {
			s.many = nil
		}
		return
	}
	for i := range s.few {
		if s.few[i].key == key {
			last := len(s.few) - 1
			s.few[i] = s.few[last]
			s.few = s.few[:last]
			return
		}
	}
}

// all visits in no order. The visit may remove what it is told, or put it again.
func (s *small[K, V]) all(visit func(K, V)) {
	for i := len(s.few) - 1; i >= 0; i-- {
		visit(s.few[i].key, s.few[i].value)
	}
	for k, v := range s.many {
		visit(k, v)
	}
}
