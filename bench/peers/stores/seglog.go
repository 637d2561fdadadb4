package main

import (
	"context"

	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/engine/store/seglog"
)

// ours is Penstock's log, through the contract that the broker uses.
type ours struct {
	log   *seglog.Log
	batch store.Batch
	to    [1]store.Delivery
	done  chan error
}

func openSeglog(dir string, visit func(*message)) (keeper, error) {
	k := &ours{log: seglog.New(seglog.Options{Dir: dir}), done: make(chan error, 1)}
	var m message
	err := k.log.Recover(context.Background(), func(r *store.Record) error {
		switch r.Kind {
		case store.MSG:
			m.topic, m.payload = r.Message.Topic, r.Message.Payload
		case store.ENQ:
			m.id, m.session, m.seq = r.Message.ID, r.Deliveries[0].Session, r.Deliveries[0].Seq
			visit(&m)
		}
		return nil
	})
	return k, err
}

func (k *ours) begin(n int) error {
	for id := range uint64(n) {
		k.batch.Session(&store.Session{ID: id + 1, ClientID: sessionName(id + 1)})
	}
	return k.append()
}

func (k *ours) commit(in, over []message) error {
	for i := range in {
		m := &in[i]
		k.batch.Message(&store.Message{ID: m.id, Topic: m.topic, Payload: m.payload, QoS: 1})
		k.to[0] = store.Delivery{Session: m.session, Seq: m.seq, QoS: 1}
		k.batch.Enqueue(m.id, k.to[:])
	}
	for i := range over {
		k.batch.Ack(over[i].session, over[i].seq)
	}
	return k.append()
}

func (k *ours) append() error {
	defer k.batch.Reset()
	if k.log.Append(&k.batch, func(err error) { k.done <- err }) {
		return nil
	}
	return <-k.done
}

func (k *ours) close() error { return k.log.Close(context.Background()) }
