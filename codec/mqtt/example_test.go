package mqtt_test

import (
	"errors"
	"fmt"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// A stream comes in pieces; packets come out whole.
func Example() {
	publish := mqtt.Publish{Topic: []byte("hello/world"), Payload: []byte("hi")}
	stream := publish.AppendTo(nil, mqtt.V5)
	stream = mqtt.AppendPingreq(stream)

	var r mqtt.Reader
	var p mqtt.Publish
	client := mqtt.Peer{Version: mqtt.V5}
	for _, in := range [][]byte{stream[:7], stream[7:]} {
		for {
			h, body, rest, err := r.Next(in, 1<<20)
			if err != nil {
				fmt.Println(err)
				return
			}
			if h.Type == 0 {
				break // the next piece continues it
			}
			fmt.Println(h.Type)
			if h.Type == mqtt.PUBLISH && p.Decode(client, h.Flags, body) == nil {
				fmt.Printf("%s: %s\n", p.Topic, p.Payload)
			}
			in = rest
		}
	}
	// Output:
	// PUBLISH
	// hello/world: hi
	// PINGREQ
}

// What is wrong with a packet says what to answer and which rule it breaks.
func ExampleError() {
	body := []byte{0, 3, 'a', '/', '#', 0}
	err := new(mqtt.Publish).Decode(mqtt.Peer{Version: mqtt.V5}, 0, body)

	var e *mqtt.Error
	if errors.As(err, &e) {
		fmt.Printf("%#x %s\n", byte(e.Reason), e.Rule)
	}
	fmt.Println(errors.Is(err, mqtt.TopicNameInvalid))
	// Output:
	// 0x90 MQTT-3.3.2-2
	// true
}
