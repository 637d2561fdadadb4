package engine

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

// subscribe is a SUBSCRIBE: each filter as if it had come alone, one SUBACK for all.
// [MQTT-3.8.4-1] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.9.3-1]
func (l *loop) subscribe(c *conn, flags byte, body []byte) {
	l.commitBegun()
	p := &l.in.subscribe
	if err := p.Decode(c.peer(), flags, body); err != nil {
		c.fail(err)
		return
	}
	ack := &l.in.suback
	ack.ID = p.ID // [MQTT-3.8.4-2]
	ack.Codes = ack.Codes[:0]
	ack.Props.Reset()
	id := uint32(0)
	if ids := p.Props.SubscriptionIDs; len(ids) > 0 {
		id = ids[0]
		if !c.live.Limits.SubscriptionIdentifiers {
			c.disconnect(mqtt.SubscriptionIdentifiersNotSupported)
			return
		}
	}
	for _, f := range p.Filters {
		if len(f.Filter) == 0 {
			c.fail(errEmptyFilter)
			return
		}
	}
	if c.version == mqtt.V31 && l.unkept(c.sess) { // it has no word for a failure, and must not be told of a success
		l.closeUnkept(c)
		return
	}
	need := false
	replays := l.replays[:0]
	for _, f := range p.Filters {
		code, fresh := l.subscribeOne(c, f, id)
		ack.Codes = append(ack.Codes, spoken(c.version, code, f))
		if h := l.b.parts.Hooks; h != nil && h.Subscribed != nil {
			filter := f.Filter
			if !code.Failed() {
				filter = c.sess.fullFilter(filter)
			}
			l.observe(func() { h.Subscribed(c.info(), filter, code) })
		}
		if code > mqtt.GrantedQoS2 {
			continue
		}
		if l.storeSubscription(c.sess, f, id, code) {
			need = true
		}
		if r, ok := c.wantsRetained(f, id, code, fresh); ok {
			replays = append(replays, r)
		}
	}
	for i, code := range ack.Codes {
		if code.Failed() {
			c.explain(&ack.Props, fmt.Sprintf("filter %d: %v", i+1, code))
			break
		}
	}
	if f := l.answerFrame(c, func(dst []byte) []byte { return ack.AppendTo(dst, c.version, int(c.maxPacket)) }); f != nil {
		l.answer(c, framed(f), need)
	}
	l.replays = replays[:0]
	for _, r := range replays {
		l.replayRetained(c, r)
	}
}

var errEmptyFilter = &mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-4.7.3-1", Detail: "empty topic filter"}

// spoken is a SUBACK code as the version can say it: 3.1 has none for failure, its flow completes as if accepted.
func spoken(v mqtt.Version, code mqtt.Reason, f mqtt.Subscription) mqtt.Reason {
	if v == mqtt.V31 && code > mqtt.GrantedQoS2 {
		return mqtt.Reason(f.QoS())
	}
	return code
}

// subscribeOne makes or replaces one subscription. fresh: there was none.
func (l *loop) subscribeOne(c *conn, f mqtt.Subscription, id uint32) (code mqtt.Reason, fresh bool) {
	s, limits := c.sess, &c.live.Limits
	group, filter, shared, ok := trie.SplitShared(f.Filter)
	switch {
	case !ok || !trie.ValidFilter(filter): // [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.1-3] [MQTT-4.8.2-1] [MQTT-4.8.2-2]
		return mqtt.TopicFilterInvalid, false
	case tooDeep(filter, limits.MaxTopicLevels), len(s.mount())+len(f.Filter) > maxTopic:
		return mqtt.TopicFilterInvalid, false
	case shared && !limits.SharedSubscriptions:
		return mqtt.SharedSubscriptionsNotSupported, false
	case !limits.WildcardSubscriptions && bytes.ContainsAny(filter, "+#"): // v311 [MQTT-3.8.3-2]
		return mqtt.WildcardSubscriptionsNotSupported, false
	case !l.maySubscribe(c.sess.ident, filter, f.QoS()):
		return mqtt.NotAuthorized, false
	case l.unkept(s):
		l.notice(noticeStoreFailed, "client", s.ClientID)
		return mqtt.QuotaExceeded, false
	}
	granted := min(f.QoS(), byte(limits.MaximumQoS)) // [MQTT-3.2.2-10]
	t := fanout.Target{Slot: s.Slot, Gen: s.Gen, QoS: granted, ID: id}
	if f.NoLocal() {
		t.Flags |= fanout.NoLocal
	}
	if f.RetainAsPublished() {
		t.Flags |= fanout.RetainAsPublished
	}
	filter = s.mounted(filter)
	full := limits.MaxSubscriptionsPerClient > 0 && s.Subs.Len() >= limits.MaxSubscriptionsPerClient
	if shared {
		fresh = l.joinGroup(s, group, filter, t, full)
	} else {
		fresh = l.addSubscription(s, filter, t, full)
	}
	if fresh && full {
		return mqtt.QuotaExceeded, false
	}
	return mqtt.Reason(granted), fresh
}

// addSubscription puts a subscription into the index, in place of an equal one. [MQTT-3.8.4-3]
func (l *loop) addSubscription(s *sess, filter []byte, t fanout.Target, full bool) (fresh bool) {
	h, _, existed := l.b.index.Subscribe(filter, t.Sub())
	if existed {
		return false
	}
	if full {
		l.b.index.Remove(h, s.Slot)
		return true
	}
	s.Subs.Add(h)
	l.b.subscriptions.Add(1)
	return true
}

// joinGroup makes the session a member of a shared subscription.
func (l *loop) joinGroup(s *sess, group, filter []byte, t fanout.Target, full bool) (fresh bool) {
	name := sharedName(group, filter)
	if full {
		if _, member := s.Subs.Shared()[name]; !member {
			return true
		}
	}
	g, existed, created := l.b.groups.Join(name, t)
	if created {
		l.b.index.Subscribe(filter, fanout.GroupSub(g))
	}
	if existed {
		return false
	}
	s.Subs.AddShared(name)
	l.b.subscriptions.Add(1)
	return true
}

// leaveGroup ends a session's membership in a shared subscription.
func (l *loop) leaveGroup(name string, slot uint32) bool {
	g, ok, emptied := l.b.groups.Leave(name, slot)
	if emptied {
		_, filter, _, _ := trie.SplitShared([]byte(name))
		l.b.index.Unsubscribe(filter, g.Ref())
		l.b.groups.Retire(g)
	}
	return ok
}

func sharedName(group, filter []byte) string {
	return string(slices.Concat([]byte("$share/"), group, []byte("/"), filter))
}

// mounted puts the listener's prefix before a filter; the broker's own topics are outside of it.
func (s *sess) mounted(filter []byte) []byte {
	if s.mount() == "" || bytes.HasPrefix(filter, sysPrefix) {
		return filter
	}
	return append([]byte(s.mount()), filter...)
}

// fullFilter is a filter as the index has it, $share/name/ included.
func (s *sess) fullFilter(filter []byte) []byte {
	group, rest, shared, _ := trie.SplitShared(filter)
	if !shared {
		return s.mounted(filter)
	}
	return []byte(sharedName(group, s.mounted(rest)))
}

// unsubscribe is an UNSUBSCRIBE. Deliveries already begun go on. [MQTT-3.10.4-1] [MQTT-3.10.4-3] [MQTT-3.10.4-4]
// [MQTT-3.10.4-5] [MQTT-3.10.4-6]
func (l *loop) unsubscribe(c *conn, flags byte, body []byte) {
	p := &l.in.unsubscribe
	if err := p.Decode(c.peer(), flags, body); err != nil {
		c.fail(err)
		return
	}
	for _, f := range p.Filters {
		if len(f) == 0 {
			c.fail(errEmptyFilter)
			return
		}
	}
	if c.version != mqtt.V5 && l.unkept(c.sess) { // nothing but success can be said
		l.closeUnkept(c)
		return
	}
	ack := &l.in.unsuback
	ack.ID = p.ID
	ack.Codes = ack.Codes[:0]
	ack.Props.Reset()
	need, over := false, false
	for _, f := range p.Filters {
		code := l.unsubscribeOne(c.sess, f)
		ack.Codes = append(ack.Codes, code)
		if code == mqtt.ImplementationSpecificError {
			c.explain(&ack.Props, whyStoreFailed)
			continue
		}
		c.endReplay(c.sess.mounted(f))
		if code != mqtt.Success {
			// It may have ended in a connection before, which was not told because that is not committed.
			over = over || code == mqtt.NoSubscriptionExisted && c.sess.ID != 0
			continue
		}
		if h := l.b.parts.Hooks; h != nil && h.Unsubscribed != nil {
			l.observe(func() { h.Unsubscribed(c.info(), c.sess.fullFilter(f)) })
		}
		if l.storeUnsubscription(c.sess, f) {
			need = true
		}
	}
	switch f := l.answerFrame(c, func(dst []byte) []byte { return ack.AppendTo(dst, c.version, int(c.maxPacket)) }); {
	case f == nil:
	case over && !need:
		l.answerRepeat(c, framed(f))
	default:
		l.answer(c, framed(f), need)
	}
}

// answerFrame makes a SUBACK or UNSUBACK. One that is larger than the client takes cannot be given: the connection ends.
func (l *loop) answerFrame(c *conn, encode func(dst []byte) []byte) *fanout.Frame {
	f := l.newFrame(encode)
	if !c.fits(f) {
		l.pool.ReleaseFrame(f)
		c.disconnect(mqtt.PacketTooLarge)
		return nil
	}
	return f
}

func (l *loop) unsubscribeOne(s *sess, full []byte) mqtt.Reason {
	group, filter, shared, ok := trie.SplitShared(full)
	if !ok || !trie.ValidFilter(filter) {
		return mqtt.TopicFilterInvalid
	}
	if l.unkept(s) {
		l.notice(noticeStoreFailed, "client", s.ClientID)
		return mqtt.ImplementationSpecificError
	}
	filter = s.mounted(filter)
	if shared {
		name := sharedName(group, filter)
		if !l.leaveGroup(name, s.Slot) {
			return mqtt.NoSubscriptionExisted
		}
		s.Subs.RemoveShared(name)
	} else {
		h, _, ok := l.b.index.Unsubscribe(filter, s.Slot)
		if !ok {
			return mqtt.NoSubscriptionExisted
		}
		s.Subs.Remove(h)
	}
	l.b.subscriptions.Add(-1)
	return mqtt.Success
}

// disconnectPacket is the client's DISCONNECT. [MQTT-3.14.4-3]
func (l *loop) disconnectPacket(c *conn, flags byte, body []byte) {
	p := &l.in.disconnect
	if err := p.Decode(c.peer(), flags, body); err != nil {
		c.fail(err)
		return
	}
	if p.Props.Has(mqtt.PropSessionExpiry) {
		if c.sess.Expiry == 0 && p.Props.SessionExpiry != 0 {
			c.fail(&mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-3.1.2-23", Detail: "DISCONNECT raises the Session Expiry Interval from 0"})
			return
		}
		c.sess.Expiry = min(p.Props.SessionExpiry, seconds(l.live.Session.MaxExpiry, 1<<32-1))
	}
	if p.Reason == mqtt.Success {
		c.flags |= willCleared
	}
	c.reason = p.Reason
	c.depart()
}
