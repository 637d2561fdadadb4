package transcript

import (
	"context"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
)

// checkLeaks ends whatever the scenario has left, connection by connection and session by session, and sees that the
// broker holds nothing then but retained messages. A broker whose store failed can end nothing.
func (r *rig) checkLeaks() {
	if r.b == nil || r.failed || r.s.t.Failed() {
		return
	}
	if r.mem != nil {
		r.gate.load()
		r.mem.Run()
	}
	if r.desk != nil {
		r.desk.openUp()
	}
	r.closeSpare()
	for id := range r.ids {
		r.endSession(id)
	}
	var left engine.Inventory
	for until := time.Now().Add(patience); time.Now().Before(until); r.barrier() {
		var err error
		if left, err = r.b.Inventory(context.Background()); err != nil {
			r.s.fatalf("inventory: %v", err)
		}
		left.Retained = 0
		if left == (engine.Inventory{}) {
			return
		}
	}
	r.s.t.Errorf("%s: after all clients and sessions have ended the broker still holds %+v", r.s.at, left)
}

// endSession connects a client once more, for nothing but a clean start.
func (r *rig) endSession(id string) {
	c := &client{s: r.s, name: "leaver", version: mqtt.V5}
	c.use(r.dial(0))
	p := mqtt.Connect{Version: mqtt.V5, CleanStart: true, ClientID: []byte(id)}
	c.send(p.AppendTo(nil))
	for c.state == waiting {
		c.read()
	}
	c.drop()
}
