package client_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, _, err := client.Dial(ctx, client.Options{Addr: brokerAddr(), Version: mqtt.V311, ClientID: "example", CleanStart: true})
	if err != nil {
		log.Fatal(err)
	}
	got := make(chan *client.Message, 1)
	_, err = c.Subscribe(ctx, []client.Filter{{Filter: "hello/+", QoS: 1}}, func(m *client.Message) { got <- m })
	if err != nil {
		log.Fatal(err)
	}
	// Publish returns when the broker has taken the message over.
	err = c.Publish(ctx, client.Message{Topic: "hello/world", Payload: []byte("hi"), QoS: 1})
	if err != nil {
		log.Fatal(err)
	}
	m := <-got
	fmt.Printf("%s: %s\n", m.Topic, m.Payload)
	if err := c.Disconnect(ctx, mqtt.NormalDisconnection); err != nil {
		log.Fatal(err)
	}
	// Output: hello/world: hi
}

// brokerAddr is the address of something that does just what the example asks of a broker.
func brokerAddr() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var r mqtt.Reader
		buf := make([]byte, 1024)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			for in := buf[:n]; ; {
				h, body, rest, err := r.Next(in, 0)
				if err != nil || h.Type == 0 {
					break
				}
				in = rest
				switch h.Type {
				case mqtt.CONNECT:
					conn.Write([]byte{0x20, 2, 0, 0})
				case mqtt.SUBSCRIBE:
					conn.Write([]byte{0x90, 3, body[0], body[1], 1})
				case mqtt.PUBLISH:
					var m mqtt.Publish
					m.Decode(mqtt.Peer{Version: mqtt.V311}, h.Flags, body)
					id := m.ID
					m.ID = 1
					conn.Write(mqtt.AppendAck(m.AppendTo(nil, mqtt.V311), mqtt.PUBACK, id, mqtt.Success, mqtt.V311))
				case mqtt.DISCONNECT:
					return
				}
			}
		}
	}()
	return ln.Addr().String()
}
