package faulty

import (
	"bytes"
	"slices"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/trie"
)

// subscription is one filter of a session. group is empty unless it is shared.
type subscription struct {
	mqtt.Subscription        // with a filter of its own, as it was asked for
	match, group      []byte // what it matches, and for which group
}

func (c *conn) subscribe(flags byte, body []byte) bool {
	var p mqtt.Subscribe
	if p.Decode(c.peer(), flags, body) != nil {
		return false
	}
	wrong := c.broker.event(RefuseSubscribe, MuteSubscribe)
	ack := mqtt.Suback{ID: p.ID}
	replay := make([]subscription, 0, len(p.Filters))
	for _, f := range p.Filters {
		if wrong.has(RefuseSubscribe) {
			ack.Codes = append(ack.Codes, mqtt.UnspecifiedError)
			continue
		}
		group, match, shared, ok := trie.SplitShared(bytes.Clone(f.Filter))
		if !ok || !trie.ValidFilter(match) {
			ack.Codes = append(ack.Codes, mqtt.UnspecifiedError)
			continue
		}
		f.Filter = bytes.Clone(f.Filter)
		sub := subscription{Subscription: f, match: match, group: group}
		existed := c.session.drop(f.Filter)
		c.session.subs = append(c.session.subs, sub)
		if h := f.RetainHandling(); !shared && (h == 0 || h == 1 && !existed) {
			replay = append(replay, sub)
		}
		ack.Codes = append(ack.Codes, mqtt.Reason(f.QoS()))
	}
	if !wrong.has(MuteSubscribe) {
		c.send(func(dst []byte) []byte { return ack.AppendTo(dst, c.version, 0) })
	}
	for _, sub := range replay {
		c.broker.replay(c.session, sub)
	}
	return true
}

// replay delivers the retained messages of a subscription, by topic, so that their order is always the same.
func (b *Broker) replay(s *session, sub subscription) {
	var topics []string
	for topic := range b.retained {
		if trie.Matches(sub.match, []byte(topic)) {
			topics = append(topics, topic)
		}
	}
	slices.Sort(topics)
	for _, topic := range topics {
		m := b.retained[topic]
		b.deliver(s, m, min(m.qos, sub.QoS()), true)
	}
}

func (c *conn) unsubscribe(flags byte, body []byte) bool {
	var p mqtt.Unsubscribe
	if p.Decode(c.peer(), flags, body) != nil {
		return false
	}
	ack := mqtt.Unsuback{ID: p.ID}
	for _, filter := range p.Filters {
		code := mqtt.NoSubscriptionExisted
		if c.session.drop(filter) {
			code = mqtt.Success
		}
		ack.Codes = append(ack.Codes, code)
	}
	c.send(func(dst []byte) []byte { return ack.AppendTo(dst, c.version, 0) })
	return true
}

// drop takes a filter out and says whether it was there.
func (s *session) drop(filter []byte) bool {
	before := len(s.subs)
	s.subs = slices.DeleteFunc(s.subs, func(one subscription) bool { return bytes.Equal(one.Filter, filter) })
	return len(s.subs) < before
}
