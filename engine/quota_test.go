package engine

import (
	"errors"
	"fmt"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func TestTheQuotaHasRoomForSeveralOfTheLargestMessages(t *testing.T) {
	for _, c := range []struct {
		packet, quota Size
		ok            bool
	}{
		{MiB, 0, true}, {MiB, 8 * MiB, true}, {MiB, 8*MiB - 1, false}, {64 * KiB, MiB, true}, {10 * MiB, GiB, true},
		{256 * MiB, GiB, false}, {0, GiB, false}, {0, 0, true}, {0, 3 * GiB, true},
	} {
		cfg := settings()
		cfg.Limits.MaximumPacketSize, cfg.Store.Quota = min(c.packet, maxPacketSize), c.quota
		var field *FieldError
		if err := cfg.Validate(); c.ok != (err == nil) || !c.ok && (!errors.As(err, &field) || field.Field != "store.quota") {
			t.Errorf("packets of %v, quota %v: got %v, want it to be valid: %v", c.packet, c.quota, err, c.ok)
		}
	}
}

// The least quota that is allowed takes the largest messages for ever, queued and retained, as long as they are let go again.
func TestTheLeastQuotaTakesTheLargestMessages(t *testing.T) {
	cfg := settings()
	cfg.Store.Path, cfg.Store.Sync, cfg.Store.Quota = t.TempDir(), SyncNone, quotaMessages*MiB
	cfg.Session.MaxQueuedMessages = 1
	b, addr := serve(t, cfg, Parts{})
	leave(t, b, addr, "c", client.Filter{Filter: "t/+", QoS: 2})
	m := Message{Topic: []byte("t/x"), Payload: make([]byte, MiB-100), QoS: 2, Retain: true}
	for i := range 16 {
		until(t, fmt.Sprintf("room for message %d", i), func() bool {
			err := b.Publish(soon(t), m)
			if err != nil && !errors.Is(err, mqtt.QuotaExceeded) {
				t.Fatal(err)
			}
			return err == nil
		})
	}
}
