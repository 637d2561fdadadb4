package engine

import (
	"bytes"
	"encoding/binary"
	"time"

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
	now := b.clock(time.Since(b.began))
	for cursor := uint64(0); ; {
		cursor = b.retained.Scan(cursor, exportAtOnce, func(topic, value []byte) bool {
			if !bytes.HasPrefix(topic, sysPrefix) {
				m := storedRetained(topic, value, now)
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
func storedRetained(topic, v []byte, now time.Duration) store.Message {
	m := store.Message{Topic: topic, QoS: v[0], Retain: true}
	if expires := time.Duration(binary.BigEndian.Uint64(v[1:])); expires != 0 {
		left := max(expires-now, time.Second)
		m.Expiry = store.Lifetime{Left: uint32((left + time.Second - 1) / time.Second), Wall: time.Now().Unix()}
	}
	v = v[retainedHeader:]
	props, n := binary.Uvarint(v)
	v = v[n:]
	m.Props, m.Payload = v[:props], v[props:]
	return m
}

// export writes the loop's sessions: those that outlive their connection, and those of which a will waits.
func (l *loop) export(s *store.StreamWriter) error {
	known := map[*fanout.Message]uint64{}
	for _, chunk := range l.table {
		for _, x := range chunk {
			if x == nil || x.Sink || x.Expiry == 0 && x.Will == nil {
				continue
			}
			l.exportSession(s, x, known)
			if err := s.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *loop) exportSession(s *store.StreamWriter, x *sess, known map[*fanout.Message]uint64) {
	id := l.b.ids.Add(1)
	r := l.record(x)
	r.ID = id
	if r.Online = x.Parted; r.Online { // the next process begins its times anew, as for a connection that was just lost
		r.Rest, r.Will.Rest = store.Lifetime{}, store.Lifetime{}
	}
	s.Batch.Session(&r)
	l.exportSubscriptions(s, id, x)
	if x.Recv != nil {
		x.Recv.Each(func(packet uint16) { s.Batch.Receive(id, packet) })
	}
	if x.Send != nil {
		x.Send.Each(func(seq uint64, qos byte, released bool, o *session.Open) {
			d := o.Delivery(seq, qos)
			l.exportDelivery(s, id, &d, known)
			if released {
				s.Batch.Release(id, seq)
			}
		})
	}
	x.Queue.Each(func(d *session.Delivery) {
		if d.Msg != nil && d.QoS > 0 && !d.Msg.Expired(l.now) {
			l.exportDelivery(s, id, d, known)
		}
	})
}

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
	if !ok || d.Msg == nil {
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
}
