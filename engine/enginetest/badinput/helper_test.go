package badinput

import (
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// connect opens a connection and a clean session.
func connect(t *testing.T, b *rig.Broker, v mqtt.Version, id string) *rig.Conn {
	t.Helper()
	return connectAs(t, b, v, &mqtt.Connect{ClientID: []byte(id), CleanStart: true})
}

func connectAs(t *testing.T, b *rig.Broker, v mqtt.Version, p *mqtt.Connect) *rig.Conn {
	t.Helper()
	c := dial(t, b, v)
	ack, err := c.Connect(p)
	if err != nil || ack.Reason != mqtt.Success {
		t.Fatalf("connect %q: %v, %v", p.ClientID, ack.Reason, err)
	}
	return c
}

func dial(t *testing.T, b *rig.Broker, v mqtt.Version) *rig.Conn {
	t.Helper()
	c, err := rig.Dial(b.Addr, v)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func write(t *testing.T, c *rig.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

// want takes the next packet, which has to be of a type.
func want(t *testing.T, c *rig.Conn, typ mqtt.Type) []byte {
	t.Helper()
	h, body, err := c.Next(rig.Patience)
	if err != nil || h.Type != typ {
		t.Fatalf("got %v % X, %v, want %v", h.Type, body, err, typ)
	}
	return body
}
