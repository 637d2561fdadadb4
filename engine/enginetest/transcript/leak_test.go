package transcript

import (
	"context"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/store"
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
			r.checkStore()
			return
		}
	}
	r.s.t.Errorf("%s: after all clients and sessions have ended the broker still holds %+v", r.s.at, left)
}

// checkStore sees that the store has forgotten what the broker has, but for retained messages and notes.
func (r *rig) checkStore() {
	if r.mem == nil {
		return
	}
	retained := 0
	_ = r.mem.Recover(context.Background(), func(rec *store.Record) error {
		switch rec.Kind {
		case store.META:
		case store.RET:
			retained++
		default:
			r.s.t.Errorf("%s: after all sessions have ended the store still holds %v of session %d, client %q, message %d",
				r.s.at, rec.Kind, rec.Session.ID, rec.Session.ClientID, rec.Message.ID)
		}
		return nil
	})
	if n := int(r.b.Stats().Retained); n != retained {
		r.s.t.Errorf("%s: the store holds %d retained messages, the broker %d", r.s.at, retained, n)
	}
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
