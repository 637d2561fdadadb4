package storetest

import (
	"fmt"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// Small records for tests that are not about their fields, and the lines they come back as.

func msg(id uint64) *store.Message {
	return &store.Message{ID: id, Topic: fmt.Append(nil, "t/", id), Payload: fmt.Append(nil, "payload ", id), QoS: 1}
}

func ret(topic, payload string) *store.Message {
	return &store.Message{Topic: []byte(topic), Payload: []byte(payload), Retain: true}
}

func ses(id uint64) *store.Session {
	return &store.Session{ID: id, ClientID: fmt.Append(nil, "client-", id), Version: 5, Expiry: 60}
}

func to(session, seq uint64) store.Delivery {
	return store.Delivery{Session: session, Seq: seq, QoS: 1}
}

// send writes a message and its deliveries.
func send(b *store.Batch, id uint64, to ...store.Delivery) {
	b.Message(msg(id))
	b.Enqueue(id, to)
}

func msgLine(id uint64) string { return text(&store.Record{Kind: store.MSG, Message: *msg(id)}) }
func sesLine(id uint64) string { return text(&store.Record{Kind: store.SES, Session: *ses(id)}) }

func enqLine(id, session, seq uint64) string {
	return text(&store.Record{Kind: store.ENQ, Message: store.Message{ID: id}, Deliveries: []store.Delivery{to(session, seq)}})
}

func relLine(session, seq uint64) string {
	return text(&store.Record{Kind: store.REL, Session: store.Session{ID: session}, Seq: seq})
}

func qinLine(session uint64, id uint16) string {
	return text(&store.Record{Kind: store.QIN, Session: store.Session{ID: session}, PacketID: id})
}

func retLine(topic, payload string) string {
	return text(&store.Record{Kind: store.RET, Message: *ret(topic, payload)})
}

func subLine(session uint64, s store.Subscription) string {
	return text(&store.Record{Kind: store.SUB, Session: store.Session{ID: session}, Subscription: s})
}

func metaLine(key, value string) string {
	return text(&store.Record{Kind: store.META, Key: []byte(key), Value: []byte(value)})
}
