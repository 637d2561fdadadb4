package bench

import "sync"

// group is a shared subscription: what it is to receive comes once over all its members, and to each in order. Members may
// be on several lanes, so it has a lock, which costs little while nobody else wants it.
type group struct {
	sync.Mutex
	ledger ledger
}

// member is one client's part in a group.
type member struct {
	group *group
	last  map[uint32]uint32 // by stream: the last number that came to this member
}

// join makes the client a member. Before it connects.
func (g *group) join(k *client) { k.member = &member{group: g, last: make(map[uint32]uint32)} }

// take marks a message. Over the group its order means nothing; within the member it does.
func (m *member) take(of stamp) (t *track, v verdict, by uint32) {
	m.group.Lock()
	if t = m.group.ledger.find(of.stream); t != nil {
		v, by = t.take(of.number)
	}
	m.group.Unlock()
	if t == nil || v == duplicate {
		return t, v, by
	}
	last, any := m.last[of.stream]
	if any && int32(of.number-last) < 0 {
		return t, late, last - of.number
	}
	m.last[of.stream] = of.number
	return t, inOrder, 0
}
