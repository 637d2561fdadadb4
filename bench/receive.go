package bench

import (
	"bytes"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// receive takes a PUBLISH: it is acknowledged, then checked.
func (k *client) receive(flags byte, body []byte) {
	topic, id, payload, ok := k.cut(flags, body)
	if !ok {
		return
	}
	switch flags >> 1 & 3 {
	case 1:
		k.answer(mqtt.PUBACK, id)
	case 2:
		if !k.exchange(flags, id) {
			return
		}
	}
	k.check(flags, topic, payload)
}

// cut takes a PUBLISH apart. The usual one is read in place, anything else, and what is wrong, by codec/mqtt.
func (k *client) cut(flags byte, body []byte) (topic []byte, id uint16, payload []byte, ok bool) {
	peer := k.lane.r.peer
	at := 2
	if len(body) >= 2 {
		at += int(body[0])<<8 | int(body[1])
	}
	if flags&6 != 0 {
		at += 2
	}
	none := 0
	if peer.Version >= mqtt.V5 {
		none = 1 // the length of no properties
	}
	if flags&6 != 6 && flags&14 != 8 && at+none < len(body) && at > 2 && (none == 0 || body[at] == 0) {
		topic = body[2:at]
		if flags&6 != 0 {
			topic = body[2 : at-2]
			id = uint16(body[at-2])<<8 | uint16(body[at-1])
		}
		if id != 0 || flags&6 == 0 {
			return topic, id, body[at+none:], true
		}
	}
	p := &k.lane.publish
	if err := p.Decode(peer, flags, body); err != nil {
		k.violation("PUBLISH: %v", err)
		return nil, 0, nil, false
	}
	if p.Props.Has(mqtt.PropTopicAlias) {
		k.violation("PUBLISH with a topic alias, of which we allowed none")
		return nil, 0, nil, false
	}
	return p.Topic, p.ID, p.Payload, true
}

// exchange takes a PUBLISH of QoS 2; false when it is the repeat of an open one, which brings nothing new.
func (k *client) exchange(flags byte, id uint16) bool {
	k.answer(mqtt.PUBREC, id)
	if k.in.begin(id) {
		k.lane.unreleased++
		return true
	}
	if k.reconnects == 0 || flags&8 == 0 {
		k.lane.faults.note(duplicated, "%s: packet %d of QoS 2 came again before PUBREL", k.id, id)
	} else {
		k.lane.redelivered++
	}
	return false
}

// check compares a message with what was to come.
func (k *client) check(flags byte, topic, payload []byte) {
	ln := k.lane
	m, known, whole := ln.r.seal.read(payload)
	if !known {
		ln.faults.note(corrupted, "%s: a message on %q of %d bytes does not carry what was sent", k.id, topic, len(payload))
		return
	}
	t, v, by := k.take(m)
	if t == nil {
		ln.faults.note(unasked, "%s: stream %d: %d on %q is for others", k.id, m.stream, m.number, topic)
		return
	}
	if qos := flags >> 1 & 3; !whole || qos != t.qos || t.retain != (flags&1 != 0) || len(payload) != t.of.size ||
		!bytes.Equal(topic, t.of.topic) {
		k.differs(t, m, flags, topic, payload, whole)
	}
	switch v {
	case duplicate:
		k.repeated(t, m, flags)
		return
	case late:
		ln.faults.note(reordered, "stream %d: %d came to %s after %d", t.id, m.number, k.id, m.number+by)
	}
	ln.arrived(t, m, v, by)
}

// take looks a message up in what the client, or its group, is to receive, and marks it there; t is nil when it is not
// for this client.
func (k *client) take(m stamp) (t *track, v verdict, by uint32) {
	if k.member != nil {
		return k.member.take(m)
	}
	if t = k.ledger.find(m.stream); t != nil {
		v, by = t.take(m.number)
	}
	return t, v, by
}

// differs says in what a message is not what was sent.
func (k *client) differs(t *track, m stamp, flags byte, topic, payload []byte, whole bool) {
	note := &k.lane.faults
	switch qos := flags >> 1 & 3; {
	case !bytes.Equal(topic, t.of.topic):
		note.note(corrupted, "stream %d: %s got %d on %q instead of %q", t.id, k.id, m.number, topic, t.of.topic)
	case len(payload) != t.of.size:
		note.note(corrupted, "stream %d: %s got %d with %d bytes instead of %d", t.id, k.id, m.number, len(payload), t.of.size)
	case !whole:
		note.note(corrupted, "stream %d: %s got %d with other bytes than were sent", t.id, k.id, m.number)
	case qos != t.qos:
		note.note(corrupted, "stream %d: %s got %d at QoS %d instead of %d", t.id, k.id, m.number, qos, t.qos)
	default:
		note.note(corrupted, "stream %d: %s got %d with RETAIN %d", t.id, k.id, m.number, flags&1)
	}
}

// repeated judges a duplicate: QoS 1 allows it where the broker cannot know better.
func (k *client) repeated(t *track, m stamp, flags byte) {
	if t.qos == 1 && (flags&8 != 0 || k.reconnects > 0) {
		k.lane.redelivered++
		return
	}
	k.lane.faults.note(duplicated, "stream %d: %s got %d a second time", t.id, k.id, m.number)
}
