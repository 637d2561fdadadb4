package store_test

import (
	"testing"

	"github.com/penstock-mqtt/penstock/engine/store"
)

func TestDecodingAllocatesNothing(t *testing.T) {
	var b store.Batch
	b.Message(&store.Message{ID: 1, Topic: []byte("a/b"), Payload: make([]byte, 64), QoS: 1})
	b.Enqueue(1, []store.Delivery{{Session: 1, Seq: 1, QoS: 1}})
	b.Ack(1, 1)
	var r store.Record
	read := func() {
		if err := store.Each(b.Bytes(), &r, func(*store.Record) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if got := testing.AllocsPerRun(100, read); got > 0 {
		t.Errorf("got %v allocations for %d records, want none", got, b.Len())
	}
}
