package engine

import (
	"encoding/binary"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/fanout"
)

// What is stored, and when. Each of these puts records into the batch of the present pass and tells whether it did, so
// that the answer can be held until the batch is committed. A message that no session outlives and that is not retained
// never gets here.

// storeSession records the session as it is now; one that ends with its connection is not kept.
func (l *loop) storeSession(s *sess) bool {
	if !l.stores() {
		return false
	}
	if !s.Persistent() {
		switch {
		case s.ID == 0:
			return false
		case !s.Queue.Away(): // else it is over in the store once that was read, and till then in a crash: see estate
			l.forgetSession(s)
			return true
		}
	}
	if s.ID == 0 {
		s.ID, l.hold.begins = l.newID(), true
		s.created = uint32(max(l.b.wall().Unix(), 0))
		l.b.slots.SetName(s.Slot, s.ID)
	}
	r := l.record(s)
	l.hold.batch.Session(&r)
	return true
}

// record is the session as it is now.
func (l *loop) record(s *sess) store.Session {
	r := store.Session{
		ID: s.ID, ClientID: []byte(s.ClientID), Principal: []byte(s.Principal), Version: s.Version,
		Online: s.conn != nil, Expiry: s.Expiry, Created: int64(s.created), Rest: l.rest(s),
	}
	r.Username = []byte(s.username())
	if s.conn == nil {
		r.Sent = s.Sent()
	}
	if w := s.Will; w != nil {
		r.HasWill, r.Parted = true, s.Parted
		r.Superuser = s.ident != nil && s.ident.Superuser
		if s.mount() != "" {
			r.Listener = []byte(s.lst.title)
		}
		r.Will = store.Will{
			Topic: w.Topic, Props: w.Props, Payload: w.Payload, QoS: w.QoS, Retain: w.Retain,
			Delay: w.Delay, HasExpiry: w.HasExpiry, Expiry: w.Expiry, Rest: l.lifetime(s.willAt),
		}
	}
	return r
}

// Names of sessions and messages are never used again in the life of a store, so a mark ahead of them is stored: with
// the first half of a block used, the next block is marked.
const (
	idMark  = "ids"
	idBlock = 1 << 16
)

func (l *loop) newID() uint64 {
	id := l.b.ids.Add(1)
	if id%idBlock == idBlock/2 {
		l.markIDs(id + idBlock)
	}
	return id
}

func (l *loop) markIDs(to uint64) {
	l.hold.batch.Meta([]byte(idMark), binary.AppendUvarint(nil, to))
}

// forgetSession records that the session is over.
func (l *loop) forgetSession(s *sess) {
	if l.stores() && s.ID != 0 {
		l.hold.batch.DropSession(s.ID)
		l.hold.ended = append(l.hold.ended, s.ClientID)
		s.ID = 0
		l.b.slots.SetName(s.Slot, 0)
	}
}

// lifetime is what is left until a tick that after gave; 0 is no limit. The tick that it added is added again by the
// next process: times do not grow from one to the other.
func (l *loop) lifetime(at uint32) store.Lifetime {
	if at == 0 {
		return store.Lifetime{}
	}
	left := max(int64(at)-int64(l.tick)-1, 1)
	return l.b.until(time.Duration(int64(l.tick)+left)*tickLength, l.now)
}

// storeMessage records a message once, and its deliveries to the sessions that outlive their connection.
func (l *loop) storeMessage(m *fanout.Message, plan *fanout.Plan, seqs [][]uint64, picks []pick) bool {
	if !l.stores() {
		return false
	}
	list := l.deliveries[:0]
	if plan != nil {
		for i, targets := range plan.ByLoop {
			for k, t := range targets {
				if name := l.b.slots.NameOf(t.Slot, t.Gen); name != 0 && seqs[i][k] != 0 {
					list = l.storedDelivery(list, m, plan, t, name, seqs[i][k])
				}
			}
		}
	}
	for _, k := range picks {
		if name := l.b.slots.NameOf(k.target.Slot, k.target.Gen); name != 0 && k.seq != 0 {
			list = append(list, store.Delivery{
				Session: name, Seq: k.seq, QoS: min(m.QoS, k.target.QoS), Shared: true, SubIDs: oneID(k.target.ID),
				Retain: m.Retain && k.target.Flags&fanout.RetainAsPublished != 0,
			})
		}
	}
	l.deliveries = list[:0]
	if len(list) == 0 {
		return false
	}
	r := l.storedMessage(m)
	r.ID = l.newID()
	l.hold.batch.Message(&r)
	l.hold.batch.Enqueue(r.ID, list)
	clear(list)
	return true
}

func (l *loop) storedDelivery(list []store.Delivery, m *fanout.Message, plan *fanout.Plan, t fanout.Target, name, seq uint64) []store.Delivery {
	if m.From == t.Slot && m.FromGen == t.Gen {
		var ok bool
		if t, ok = plan.Own(t); !ok {
			return list
		}
	}
	qos := min(m.QoS, t.QoS)
	if qos == 0 {
		return list
	}
	d := store.Delivery{Session: name, Seq: seq, QoS: qos, Retain: m.Retain && t.Flags&fanout.RetainAsPublished != 0}
	if aside := plan.Aside(t); aside != nil {
		d.SubIDs = aside.IDs
	} else {
		d.SubIDs = oneID(t.ID)
	}
	return append(list, d)
}

func oneID(id uint32) []uint32 {
	if id == 0 {
		return nil
	}
	return []uint32{id}
}

func (l *loop) storedMessage(m *fanout.Message) store.Message {
	r := store.Message{Topic: m.Topic(), Props: m.Props(), Payload: m.Payload(), QoS: m.QoS, Retain: m.Retain}
	if left, ok := m.Remaining(l.now); ok {
		r.Expiry = l.b.lasting(max(left, 1), l.now)
	}
	if m.From != fanout.NoSlot {
		r.Publisher = l.b.slots.NameOf(m.From, m.FromGen)
	}
	return r
}

// storeReplayed records a retained message that goes to a session as a delivery like others.
func (l *loop) storeReplayed(s *sess, d *session.Delivery) bool {
	if !l.stores() || s.ID == 0 {
		return false
	}
	r := l.storedMessage(d.Msg)
	r.ID = l.newID()
	l.hold.batch.Message(&r)
	l.hold.batch.Enqueue(r.ID, []store.Delivery{{Session: s.ID, Seq: d.Seq, QoS: d.QoS, Retain: true, SubIDs: oneID(d.ID)}})
	return true
}

// storeAck records that a delivery is over. Nothing waits for it: to deliver again after a crash is allowed.
func (l *loop) storeAck(s *sess, seq uint64) {
	if l.stores() && s.ID != 0 && seq != 0 {
		l.hold.batch.Ack(s.ID, seq)
	}
}

// storeReleased records a PUBREC: the PUBREL waits, so that the PUBLISH is not sent again after it.
func (l *loop) storeReleased(s *sess, seq uint64) bool {
	if !l.stores() || s.ID == 0 {
		return false
	}
	l.hold.batch.Release(s.ID, seq)
	return true
}

// storeIncoming records the packet identifier of a QoS 2 PUBLISH: its repeat is known after a crash.
func (l *loop) storeIncoming(s *sess, id uint16) bool {
	if !l.stores() || s.ID == 0 {
		return false
	}
	l.hold.batch.Receive(s.ID, id)
	return true
}

// storeCompleted records a PUBREL: the PUBCOMP waits, so that a new message with the identifier is not taken for a
// repeat.
func (l *loop) storeCompleted(s *sess, id uint16) bool {
	if !l.stores() || s.ID == 0 {
		return false
	}
	l.hold.batch.Complete(s.ID, id)
	return true
}

// storeSubscription records a subscription, with the listener's prefix, as granted.
func (l *loop) storeSubscription(s *sess, f mqtt.Subscription, id uint32, granted mqtt.Reason) bool {
	if !l.stores() || s.ID == 0 {
		return false
	}
	l.hold.batch.Subscribe(s.ID, &store.Subscription{Filter: s.fullFilter(f.Filter), Options: f.Options&^3 | byte(granted), ID: id})
	return true
}

func (l *loop) storeUnsubscription(s *sess, filter []byte) bool {
	if !l.stores() || s.ID == 0 {
		return false
	}
	l.hold.batch.Unsubscribe(s.ID, s.fullFilter(filter))
	return true
}
