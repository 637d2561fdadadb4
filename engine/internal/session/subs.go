package session

import (
	"slices"

	"github.com/penstock-mqtt/penstock/trie"
)

// manySubs is the number of subscriptions from which a set is cheaper than a list.
const manySubs = 16

// Subs is the session's own record of what it subscribed to: names of index entries, 8 bytes each, and the full
// filters of shared subscriptions, which the group table keeps.
type Subs struct {
	list   []trie.Handle
	set    map[trie.Handle]struct{}
	shared map[string]struct{}
}

// Add records an entry of the index; the caller knows that it is new.
func (s *Subs) Add(h trie.Handle) {
	if s.set != nil {
		s.set[h] = struct{}{}
		return
	}
	if len(s.list) < manySubs {
		if s.list == nil {
			s.list = make([]trie.Handle, 0, 1)
		}
		s.list = append(s.list, h)
		return
	}
	s.set = make(map[trie.Handle]struct{}, 2*manySubs)
	for _, old := range s.list {
		s.set[old] = struct{}{}
	}
	s.set[h] = struct{}{}
	s.list = nil
}

// Remove forgets an entry.
func (s *Subs) Remove(h trie.Handle) {
	if s.set != nil {
		delete(s.set, h)
		return
	}
	if i := slices.Index(s.list, h); i >= 0 {
		s.list[i] = s.list[len(s.list)-1]
		s.list = s.list[:len(s.list)-1]
	}
}

// AddShared records the full filter of a shared subscription.
func (s *Subs) AddShared(filter string) {
	if s.shared == nil {
		s.shared = map[string]struct{}{}
	}
	s.shared[filter] = struct{}{}
}

// RemoveShared forgets a shared subscription.
func (s *Subs) RemoveShared(filter string) { delete(s.shared, filter) }

// Len is the number of subscriptions.
func (s *Subs) Len() int { return len(s.list) + len(s.set) + len(s.shared) }

// Shared is the set of the filters of shared subscriptions; read only.
func (s *Subs) Shared() map[string]struct{} { return s.shared }

// Each visits the entries in the index.
func (s *Subs) Each(visit func(h trie.Handle)) {
	for _, h := range s.list {
		visit(h)
	}
	for h := range s.set {
		visit(h)
	}
}

// Clear forgets everything.
func (s *Subs) Clear() { *s = Subs{} }
