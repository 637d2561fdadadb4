package store_test

import (
	"context"
	"fmt"

	"github.com/penstock-mqtt/penstock/engine/store"
)

// A message waits for a session over a restart.
func Example() {
	s := store.NewMemory()
	var b store.Batch
	b.Session(&store.Session{ID: 1, ClientID: []byte("pump-7")})
	b.Message(&store.Message{ID: 10, Topic: []byte("pump/7/set"), Payload: []byte("on"), QoS: 1})
	b.Enqueue(10, []store.Delivery{{Session: 1, Seq: 1, QoS: 1}})
	if !s.Append(&b, nil) {
		fmt.Println("not committed yet")
	}

	s.Reopen().Recover(context.Background(), func(r *store.Record) error {
		fmt.Println(r.Kind)
		return nil
	})
	// Output:
	// MSG
	// SES
	// ENQ
}
