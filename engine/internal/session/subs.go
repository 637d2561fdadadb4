package session

import (
	"slices"

	"github.com/penstock-mqtt/penstock/trie"
)

// manySubs is the number of subscriptions from which a set is cheaper than a list.
const manySubs = 16

// Subs is the session's own record of what it subscribed to: names of index entries, 8 bytes each, and the full
// filters of shared subscriptions, which the group table keeps. Most sessions have one subscription: it is kept here.
type Subs struct {
	first trie.Handle // 0: none
	more  *moreSubs
}

type moreSubs struct {
	list   []trie.Handle
	set    map[trie.Handle]struct{}
	shared map[string]struct{}
}

func (s *Subs) rest() *moreSubs {
	if s.more == nil {
		s.more = &moreSubs{}
	}
	return s.more
}

// Add records an entry of the index; the caller knows that it is new.
func (s *Subs) Add(h trie.Handle) {
	if s.first == 0 {
		s.first = h
		return
	}
	m := s.rest()
	switch {
	case m.set != nil:
		m.set[h] = struct{}{}
	case len(m.list) < manySubs:
		m.list = append(m.list, h)
	default:
		m.set = make(map[trie.Handle]struct{}, 2*manySubs)
		for _, old := range m.list {
			m.set[old] = struct{}{}
		}
		m.set[h] = struct{}{}
		m.list = nil
	}
}

// Remove forgets an entry.
func (s *Subs) Remove(h trie.Handle) {
	switch {
	case s.first == h:
		s.first = 0
	case s.more == nil:
	case s.more.set != nil:
		delete(s.more.set, h)
	default:
		if i := slices.Index(s.more.list, h); i >= 0 {
			last := len(s.more.list) - 1
			s.more.list[i] = s.more.list[last]
			s.more.list = s.more.list[:last]
		}
	}
}

// AddShared records the full filter of a shared subscription.
func (s *Subs) AddShared(filter string) {
	m := s.rest()
	if m.shared == nil {
		m.shared = map[string]struct{}{}
	}
	m.shared[filter] = struct{}{}
}

// RemoveShared forgets a shared subscription.
func (s *Subs) RemoveShared(filter string) {
	if s.more != nil {
		delete(s.more.shared, filter)
	}
}

// Len is the number of subscriptions.
func (s *Subs) Len() int {
	n := 0
	if s.first != 0 {
		n = 1
	}
	if m := s.more; m != nil {
		n += len(m.list) + len(m.set) + len(m.shared)
	}
	return n
}

// Shared is the set of the filters of shared subscriptions; read only.
func (s *Subs) Shared() map[string]struct{} {
	if s.more == nil {
		return nil
	}
	return s.more.shared
}

// Each visits the entries in the index.
func (s *Subs) Each(visit func(h trie.Handle)) {
	if s.first != 0 {
		visit(s.first)
	}
	if s.more == nil {
		return
	}
	for _, h := range s.more.list {
		visit(h)
	}
	for h := range s.more.set {
		visit(h)
	}
}

// Clear forgets everything.
func (s *Subs) Clear() { *s = Subs{} }
