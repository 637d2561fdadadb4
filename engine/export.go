package engine

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
	"github.com/penstock-mqtt/penstock/trie"
)

// The state of a broker that keeps it in memory, as the records a store would hold.

// exportAtOnce is how many retained messages are copied under one lock.
const exportAtOnce = 256

func (b *Broker) exportRetained(s *store.StreamWriter) (err error) {
	now := b.now()
	for cursor := uint64(0); ; {
		cursor = b.retained.Scan(cursor, exportAtOnce, func(topic, value []byte) bool {
			expires := time.Duration(binary.BigEndian.Uint64(value[1:]))
			if !bytes.HasPrefix(topic, sysPrefix) && (expires == 0 || expires > now) {
				m := b.storedRetained(topic, value, now)
				s.Batch.Retain(&m)
			}
			return false
		})
		if err = s.Flush(); err != nil || cursor == 0 {
			return err
		}
	}
}

// storedRetained is the record of a value in the tree; see retainedValue.
func (b *Broker) storedRetained(topic, v []byte, now time.Duration) store.Message {
	m := store.Message{Topic: topic, QoS: v[0], Retain: true}
	if expires := time.Duration(binary.BigEndian.Uint64(v[1:])); expires != 0 {
		m.Expiry = b.lasting(uint32(min((expires-now+time.Second-1)/time.Second, 1<<32-1)), now)
	}
	v = v[retainedHeader:]
	props, n := binary.Uvarint(v)
	v = v[n:]
	m.Props, m.Payload = v[:props], v[props:]
	return m
}

// export writes the loop's sessions: those that outlive their connection, and those of which a will waits. With a store
// it has the former.
func (l *loop) export(s *store.StreamWriter) error {
	known := map[*fanout.Message]uint64{}
	for _, chunk := range l.table {
		for _, x := range chunk {
			if x == nil || x.Sink || x.Expiry == 0 && x.Will == nil || x.Expiry > 0 && l.stores() {
				continue
			}
			if err := l.exportSession(s, x, known); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *loop) exportSession(s *store.StreamWriter, x *sess, known map[*fanout.Message]uint64) error {
	id := l.b.ids.Add(1)
	r := l.record(x)
	r.ID = id
	s.Batch.Session(&r)
	l.exportSubscriptions(s, id, x)
	if x.Recv != nil {
		x.Recv.Each(func(packet uint16) { s.Batch.Receive(id, packet) })
	}
	if x.Send != nil {
		l.exportOpen(s, id, x.Send, known)
	}
	x.Queue.Each(func(d *session.Delivery) {
		if d.Msg != nil && d.QoS > 0 && !d.Msg.Expired(l.now) {
			l.exportDelivery(s, id, d, known)
		}
	})
	return s.Flush()
}

// exportOpen writes the open exchanges in the order in which they are to be repeated, and how many of them begin with
// their PUBLISH: what follows those was never sent.
func (l *loop) exportOpen(s *store.StreamWriter, id uint64, send *flow.Sender[session.Open], known map[*fanout.Message]uint64) {
	sent := uint64(0)
	send.Each(func(_ uint64, _ byte, released bool, _ *session.Open) {
		if !released {
			sent++
		}
	})
	send.Each(func(seq uint64, qos byte, released bool, o *session.Open) {
		d := o.Delivery(seq, qos)
		if released { // nobody will ask for the message again
			d.Msg = nil
			l.exportDelivery(s, id, &d, known)
			s.Batch.Release(id, seq)
			return
		}
		if sent > 0 {
			s.Batch.Meta(binary.AppendUvarint([]byte(sentMeta), id), binary.AppendUvarint(nil, sent))
			sent = 0
		}
		l.exportDelivery(s, id, &d, known)
	})
}

// sentMeta begins the key that says, in a hand-over, how many of a session's deliveries from here on were sent and not
// acknowledged: those are open again, with what else was.
//
//	key = name, session (uvarint)
//	value = number (uvarint)
const sentMeta = "sent/"

// ownerMeta begins the key of what the right to a will depends on, as processes of before said it: now it is in the
// session's record.
//
//	key = name, session (uvarint)
//	value = flags (bit 0 superuser), title of the listener
const (
	ownerMeta      = "owner/"
	ownerSuperuser = 0x01
)

func (l *loop) exportSubscriptions(s *store.StreamWriter, id uint64, x *sess) {
	put := func(filter []byte, t fanout.Target) {
		options := mqtt.SubscriptionOptions(t.QoS, t.Flags&fanout.NoLocal != 0, t.Flags&fanout.RetainAsPublished != 0, 0)
		s.Batch.Subscribe(id, &store.Subscription{Filter: filter, Options: options, ID: t.ID})
	}
	x.Subs.Each(func(h trie.Handle) {
		if filter, sub, ok := l.b.index.Get(h, x.Slot, nil); ok {
			put(filter, fanout.TargetOf(sub))
		}
	})
	for name := range x.Subs.Shared() {
		if g := l.b.groups.Named(name); g != nil {
			if t, ok := g.Member(x.Slot); ok {
				put([]byte(name), t)
			}
		}
	}
}

// exportDelivery writes a message once, and that it goes to a session. Of a QoS 2 exchange that got its PUBREC the message
// may be forgotten already: its name is enough.
func (l *loop) exportDelivery(s *store.StreamWriter, id uint64, d *session.Delivery, known map[*fanout.Message]uint64) {
	name, ok := known[d.Msg]
	if !ok {
		name = l.b.ids.Add(1)
		m := store.Message{QoS: d.QoS}
		if d.Msg != nil {
			known[d.Msg] = name
			m = l.storedMessage(d.Msg)
		}
		m.ID, m.Publisher = name, 0
		s.Batch.Message(&m)
	}
	s.Batch.Enqueue(name, []store.Delivery{{
		Session: id, Seq: d.Seq, QoS: d.QoS, Retain: d.Retain, Shared: d.Group() != nil || d.Shared, SubIDs: d.IDs(nil),
	}})
	_ = s.Flush() // a queue may be longer than a frame; the error stays with the writer
}
