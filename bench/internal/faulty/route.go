package faulty

import (
	"slices"

	"github.com/penstock-mqtt/penstock/trie"
)

// route gives a message of a session (nil: one that is gone) to all who subscribed to it.
func (b *Broker) route(from *session, m *message) {
	if m.retain {
		if delete(b.retained, string(m.topic)); len(m.payload) > 0 {
			b.retained[string(m.topic)] = m
		}
	}
	members := make(map[string][]receiver) // of shared subscriptions
	var groups []string
	for _, s := range slices.Clone(b.order) {
		best := receiver{session: s}
		for _, sub := range s.subs {
			if !trie.Matches(sub.match, m.topic) || sub.NoLocal() && s == from {
				continue
			}
			this := receiver{s, sub.QoS(), sub.RetainAsPublished(), true}
			if len(sub.group) > 0 {
				key := string(sub.Filter)
				if members[key] == nil {
					groups = append(groups, key)
				}
				members[key] = append(members[key], this)
			} else if !best.asked || this.qos > best.qos {
				best = this
			}
		}
		if best.asked {
			b.deliver(s, m, min(m.qos, best.qos), m.retain && best.asPublished)
		}
	}
	for _, key := range groups {
		one := b.choose(key, members[key])
		b.deliver(one.session, m, min(m.qos, one.qos), m.retain && one.asPublished)
	}
}

type receiver struct {
	*session
	qos                byte
	asPublished, asked bool
}

// choose takes the members of a group in turn, those who are connected first.
func (b *Broker) choose(key string, of []receiver) receiver {
	if here := slices.DeleteFunc(slices.Clone(of), func(r receiver) bool { return r.conn == nil }); len(here) > 0 {
		of = here
	}
	b.turns[key]++
	return of[b.turns[key]%len(of)]
}

// stranger is the oldest session that is connected and did not ask for a topic.
func (b *Broker) stranger(topic []byte) *session {
	for _, s := range b.order {
		asked := slices.ContainsFunc(s.subs, func(sub subscription) bool { return trie.Matches(sub.match, topic) })
		if s.conn != nil && !asked {
			return s
		}
	}
	return nil
}
