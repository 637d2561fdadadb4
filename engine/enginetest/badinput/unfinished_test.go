package badinput

import (
	"encoding/binary"
	"sync/atomic"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// A client that acknowledges everything but one message gets as many others as there are packet identifiers, the rest
// once it does, and none under an identifier that is in use.
func TestAMessageThatIsNeverAcknowledged(t *testing.T) {
	cfg := rig.Config(2)
	cfg.Session.MaxQueuedMessages = 100000
	b := rig.Start(t, cfg, engine.Parts{})
	n := settle(t, b)
	const messages, identifiers = 68000, 65535
	sub := connect(t, b, mqtt.V311, "sub")
	subscribe(t, sub, "flood", 1)
	var received, first atomic.Uint32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for received.Load() < messages {
			h, body, err := sub.Next(rig.Patience)
			if err != nil || h.Type != mqtt.PUBLISH {
				t.Errorf("behind %d messages: got %v, %v", received.Load(), h.Type, err)
				return
			}
			id := binary.BigEndian.Uint16(body[7:])
			if received.Add(1) == 1 {
				first.Store(uint32(id))
				continue
			}
			if uint32(id) == first.Load() {
				t.Errorf("message %d has the identifier of one that is not finished", received.Load())
				return
			}
			if _, err := sub.Write(mqtt.AppendAck(nil, mqtt.PUBACK, id, 0, sub.V)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	flood(t, connect(t, b, mqtt.V311, "pub"), "flood", 1, messages, 4)
	if !rig.Eventually(func() bool { return received.Load() >= identifiers || t.Failed() }) {
		t.Errorf("received: got %d messages, want %d", received.Load(), identifiers)
	}
	if v := b.Inventory(); v.Messages < messages-identifiers {
		t.Errorf("while one is not acknowledged: got %d messages in memory, want %d at least", v.Messages, messages-identifiers)
	}
	id := uint16(first.Swap(0))
	write(t, sub, mqtt.AppendAck(nil, mqtt.PUBACK, id, 0, sub.V))
	<-done
	if d := b.Stats().Dropped; len(d) > 0 {
		t.Errorf("dropped: got %v, want none", d)
	}
	n.leave()
}
