package engine_test

import (
	"context"
	"fmt"

	"github.com/penstock-mqtt/penstock/engine"
)

// A broker in a program of one's own.
func Example() {
	cfg := engine.DefaultConfig()
	cfg.Listeners[0].Address = "127.0.0.1:0"
	broker, err := engine.New(cfg, engine.Parts{})
	if err == nil {
		err = broker.Start()
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Stop(context.Background())
	fmt.Println("listeners:", len(broker.Addrs()))
	// Output: listeners: 1
}

// Messages go in and out without a socket.
func ExampleBroker_Subscribe() {
	ctx := context.Background()
	cfg := engine.DefaultConfig()
	cfg.Listeners[0].Address = "127.0.0.1:0"
	broker, _ := engine.New(cfg, engine.Parts{})
	if err := broker.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Stop(ctx)

	got := make(chan string, 1)
	sub, err := broker.Subscribe(ctx, "site/+/temperature", func(m engine.Message) {
		got <- string(m.Topic) + " " + string(m.Payload)
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sub.Close(ctx)
	_ = broker.Publish(ctx, engine.Message{Topic: []byte("site/1/temperature"), Payload: []byte("21.5")})
	fmt.Println(<-got)
	// Output: site/1/temperature 21.5
}
