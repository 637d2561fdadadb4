package storetest

import (
	"bytes"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/store"
)

func emptyRecovers(h *harness) {
	h.commit(func(b *store.Batch) {})
	h.wantAfterRestart()
	if got := h.s.Pressure(); got != store.Ok {
		h.Errorf("Pressure: got %v, want ok", got)
	}
}

// wholeRecords writes each kind with all its fields set.
func wholeRecords(h *harness) {
	binary := []byte{0, 255, 10, 13, 0}
	life := store.Lifetime{Left: 77, Wall: 1_800_000_000}
	m := store.Message{ID: 1 << 63, Topic: []byte("a/\u00e9"), Props: binary, Payload: binary, QoS: 2, Retain: true, Publisher: 4, Expiry: life}
	empty := store.Message{ID: 2, Topic: []byte("e"), QoS: 1}
	retained := m
	retained.ID = 0
	s := store.Session{ID: 1 << 40, ClientID: binary, Principal: []byte("p"), Username: []byte("u"), Version: mqtt.V311, Clean: true, Online: true,
		Expiry: 1<<32 - 1, Created: 1_700_000_000, Rest: life, Sent: 1 << 33, Parted: true, Superuser: true, Listener: binary, HasWill: true,
		Will: store.Will{Topic: []byte("w"), Props: binary, Payload: binary, QoS: 1, Retain: true, Delay: 3, HasExpiry: true, Expiry: 9, Rest: life}}
	sub := store.Subscription{Filter: []byte("$share/g/+/#"), Options: 0x2e, ID: 268435455}
	d := store.Delivery{Session: s.ID, Seq: 1<<64 - 1, QoS: 2, Retain: true, Shared: true, SubIDs: []uint32{1, 268435455}}
	h.commit(func(b *store.Batch) {
		b.Meta(binary, binary)
		b.Retain(&retained)
		b.Session(&s)
		b.Subscribe(s.ID, &sub)
		b.Receive(s.ID, 65535)
		b.Message(&m)
		b.Message(&empty)
		b.Enqueue(m.ID, []store.Delivery{d})
		b.Enqueue(empty.ID, []store.Delivery{to(s.ID, 0)})
		b.Release(s.ID, d.Seq)
	})
	want := []string{
		metaLine(string(binary), string(binary)), text(&store.Record{Kind: store.RET, Message: retained}),
		text(&store.Record{Kind: store.MSG, Message: empty}), text(&store.Record{Kind: store.MSG, Message: m}),
		text(&store.Record{Kind: store.SES, Session: s}), subLine(s.ID, sub), qinLine(s.ID, 65535), enqLine(empty.ID, s.ID, 0),
		text(&store.Record{Kind: store.ENQ, Message: store.Message{ID: m.ID}, Deliveries: []store.Delivery{d}}), relLine(s.ID, d.Seq),
	}
	if want[2] > want[3] {
		want[2], want[3] = want[3], want[2]
	}
	h.wantAfterRestart(want...)
	h.wantAfterRestart(want...) // what was recovered is stored still
}

func laterWins(h *harness) {
	sub := func(options byte) *store.Subscription {
		return &store.Subscription{Filter: []byte("f"), Options: options}
	}
	h.commit(func(b *store.Batch) {
		b.Meta([]byte("k"), []byte("1"))
		b.Meta([]byte("gone"), []byte("1"))
		b.Retain(ret("t", "1"))
		b.Retain(ret("gone", "1"))
		b.Session(ses(1))
		b.Subscribe(1, sub(1))
		b.Subscribe(1, &store.Subscription{Filter: []byte("gone")})
		send(b, 9, to(1, 1))
	})
	h.commit(func(b *store.Batch) {
		b.Meta([]byte("k"), []byte("2"))
		b.Meta([]byte("gone"), nil)
		b.Retain(ret("t", "2"))
		b.Unretain([]byte("gone"))
		b.Unretain([]byte("never there"))
		s := ses(1)
		s.Expiry = 7
		b.Session(s) // keeps subscriptions and queue
		b.Subscribe(1, sub(2))
		b.Unsubscribe(1, []byte("gone"))
		b.Unsubscribe(1, []byte("never there"))
	})
	s := ses(1)
	s.Expiry = 7
	h.wantAfterRestart(metaLine("k", "2"), retLine("t", "2"), msgLine(9), text(&store.Record{Kind: store.SES, Session: *s}), subLine(1, *sub(2)),
		enqLine(9, 1, 1))
}

func queueOrder(h *harness) {
	h.commit(func(b *store.Batch) { b.Session(ses(1)); b.Session(ses(2)) })
	// Two loops take sequence numbers in one order and append in another.
	h.commit(func(b *store.Batch) { send(b, 10, to(1, 300), to(2, 1)) })
	h.commit(func(b *store.Batch) { send(b, 5, to(1, 2)) })
	h.commit(func(b *store.Batch) { send(b, 20, to(2, 9), to(1, 70000)); send(b, 19, to(1, 3)) })
	h.wantAfterRestart(msgLine(10), msgLine(19), msgLine(20), msgLine(5), sesLine(1), enqLine(5, 1, 2), enqLine(19, 1, 3), enqLine(10, 1, 300),
		enqLine(20, 1, 70000), sesLine(2), enqLine(10, 2, 1), enqLine(20, 2, 9))
}

func ackAndRel(h *harness) {
	h.commit(func(b *store.Batch) {
		b.Session(ses(1))
		for id := uint64(1); id <= 6; id++ {
			send(b, id, to(1, id))
		}
		b.Ack(1, 1) // in the batch that brought it
	})
	h.commit(func(b *store.Batch) {
		b.Release(1, 2)
		b.Release(1, 2)
		b.Ack(1, 3)
		b.Release(1, 3) // after its end: says nothing
		b.Release(1, 4)
		b.Ack(1, 4)
		b.Ack(1, 4)
		b.Ack(1, 99)
		b.Release(1, 99)
	})
	h.commit(func(b *store.Batch) { b.Release(1, 6) })
	h.wantAfterRestart(msgLine(2), msgLine(5), msgLine(6), sesLine(1), enqLine(2, 1, 2), relLine(1, 2), enqLine(5, 1, 5), enqLine(6, 1, 6), relLine(1, 6))
	h.commit(func(b *store.Batch) { b.Ack(1, 2); b.Ack(1, 5) })
	h.wantAfterRestart(msgLine(6), sesLine(1), enqLine(6, 1, 6), relLine(1, 6))
}

func messageLives(h *harness) {
	h.commit(func(b *store.Batch) {
		b.Session(ses(1))
		b.Session(ses(2))
		send(b, 1, to(1, 1), to(2, 1))
		b.Message(msg(2))                                              // for nobody
		b.Enqueue(3, []store.Delivery{to(1, 5)})                       // of a message that never was
		send(b, 4, to(1, 6), to(1, 6))                                 // twice the same delivery
		send(b, 5, to(1, 7))                                           // one message twice to a session
		b.Enqueue(5, []store.Delivery{to(1, 8)})                       //
		b.Message(&store.Message{ID: 5, Topic: []byte("another one")}) // an ID is given once
	})
	h.commit(func(b *store.Batch) { b.Ack(1, 1); b.Ack(1, 6); b.Ack(1, 7) })
	h.wantAfterRestart(msgLine(1), msgLine(5), sesLine(1), enqLine(5, 1, 8), sesLine(2), enqLine(1, 2, 1))
	h.commit(func(b *store.Batch) { b.Ack(2, 1) })
	h.commit(func(b *store.Batch) { b.Enqueue(1, []store.Delivery{to(1, 9)}) }) // it is gone
	h.wantAfterRestart(msgLine(5), sesLine(1), enqLine(5, 1, 8), sesLine(2))
}

func deliveryMoves(h *harness) {
	h.commit(func(b *store.Batch) {
		b.Session(ses(1))
		b.Session(ses(2))
		send(b, 1, to(1, 1))
		send(b, 2, to(1, 2))
	})
	h.commit(func(b *store.Batch) {
		b.Ack(1, 1)
		b.Enqueue(1, []store.Delivery{to(2, 1)})
		b.Enqueue(2, []store.Delivery{to(2, 2)})
		b.Ack(1, 2)
	})
	h.wantAfterRestart(msgLine(1), msgLine(2), sesLine(1), sesLine(2), enqLine(1, 2, 1), enqLine(2, 2, 2))
	h.commit(func(b *store.Batch) {
		b.DropSession(2)
		b.Enqueue(1, []store.Delivery{to(1, 3)})
	})
	h.wantAfterRestart(msgLine(1), sesLine(1), enqLine(1, 1, 3))
}

func sessionDropped(h *harness) {
	h.commit(func(b *store.Batch) {
		for id := uint64(1); id <= 2; id++ {
			b.Session(ses(id))
			b.Subscribe(id, &store.Subscription{Filter: []byte("f")})
			b.Receive(id, 7)
		}
		send(b, 1, to(1, 1), to(2, 1))
		send(b, 2, to(1, 2))
		b.Release(1, 2)
		b.Retain(ret("t", "stays"))
	})
	// A clean start: the client begins anew under another ID.
	h.commit(func(b *store.Batch) { b.DropSession(1); b.Session(ses(3)) })
	if got := h.load(1, 2); got[0].ID != 1 || got[1].ID != 0 {
		h.Errorf("Load after the drop: got messages %d and %d, want 1 and 0", got[0].ID, got[1].ID)
	}
	h.wantAfterRestart(retLine("t", "stays"), msgLine(1), sesLine(2), subLine(2, store.Subscription{Filter: []byte("f")}), qinLine(2, 7),
		enqLine(1, 2, 1), sesLine(3))
	h.commit(func(b *store.Batch) { b.DropSession(2); b.DropSession(3); b.DropSession(99) })
	h.wantAfterRestart(retLine("t", "stays"))
}

func overSession(h *harness) {
	h.commit(func(b *store.Batch) { b.Session(ses(1)); b.Session(ses(2)) })
	h.commit(func(b *store.Batch) { b.DropSession(1) })
	h.commit(func(b *store.Batch) { // of a loop that has not heard of it
		send(b, 1, to(1, 1), to(2, 1))
		send(b, 2, to(1, 2))
		b.Subscribe(1, &store.Subscription{Filter: []byte("f")})
		b.Receive(1, 1)
		b.Complete(1, 2)
		b.Ack(1, 1)
		b.Release(1, 1)
		b.Unsubscribe(1, []byte("f"))
	})
	h.wantAfterRestart(msgLine(1), sesLine(2), enqLine(1, 2, 1))
}

func incoming(h *harness) {
	h.commit(func(b *store.Batch) {
		b.Session(ses(1))
		for _, id := range []uint16{1, 2, 3, 2, 65535} {
			b.Receive(1, id)
		}
		b.Complete(1, 2)
		b.Complete(1, 9)
		b.Complete(1, 3)
		b.Receive(1, 3) // the identifier is used again
	})
	h.wantAfterRestart(sesLine(1), qinLine(1, 1), qinLine(1, 3), qinLine(1, 65535))
}

func big(h *harness) {
	huge := *msg(1)
	huge.Payload = bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	huge.Topic = bytes.Repeat([]byte("t"), 65535)
	var many []store.Delivery
	want := []string{text(&store.Record{Kind: store.MSG, Message: huge})}
	for id := uint64(1); id <= 500; id++ {
		many = append(many, to(id, id))
	}
	h.commit(func(b *store.Batch) {
		for id := uint64(1); id <= 500; id++ {
			b.Session(ses(id))
			want = append(want, sesLine(id), enqLine(1, id, id))
		}
		b.Message(&huge)
		b.Enqueue(1, many)
	})
	h.wantAfterRestart(want...)
	if got := h.load(1); !bytes.Equal(got[0].Payload, huge.Payload) {
		h.Errorf("Load: got a payload of %d bytes, want the %d that were stored", len(got[0].Payload), len(huge.Payload))
	}
}
