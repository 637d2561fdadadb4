package flow_test

import (
	"fmt"

	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// One QoS 2 message from a sender to a receiver, with a lost connection in the middle.
func Example() {
	var out flow.Sender[string]
	var in flow.Receiver

	out.SetQuota(10)
	id := out.Start(41, 2, "hello")
	fmt.Println("PUBLISH", id, in.Publish(id, 2) == flow.New)

	out.SetQuota(10) // a new connection: the PUBREC was lost
	out.Resume(func(seq uint64, qos byte, released bool, m *string) bool {
		fmt.Println("PUBLISH again", flow.ID(seq), *m, in.Publish(id, 2) == flow.Duplicate)
		return true
	})
	_, _, step := out.Pubrec(id, mqtt.Success)
	fmt.Println("PUBREL", step == flow.SendPubrel, in.Pubrel(id))
	in.Completed(id)
	_, m, ok := out.Pubcomp(id)
	fmt.Println("done", m, ok, out.Len())
	// Output:
	// PUBLISH 42 true
	// PUBLISH again 42 hello true
	// PUBREL true true
	// done hello true 0
}
