package badinput

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/auth"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// A header may promise a megabyte: what is kept is what came.
func TestAnnouncedLengthsPinNoMemory(t *testing.T) {
	b := rig.Start(t, rig.Config(2), engine.Parts{})
	n := settle(t, b)
	const conns, sent = 300, 12
	limit := int(engine.DefaultConfig().Limits.MaximumPacketSize)
	for i := range conns {
		c, first := dial(t, b, mqtt.V5), byte(0x10)
		if i%2 == 0 {
			c, first = connect(t, b, mqtt.V5, fmt.Sprint(i)), 0x30
		}
		write(t, c, append(mqtt.AppendVarint([]byte{first}, limit-5), make([]byte, sent-4)...))
	}
	if !rig.Eventually(func() bool { return b.Inventory().InputBytes >= conns*sent }) {
		t.Fatalf("kept of %d times %d bytes: got %d", conns, sent, b.Inventory().InputBytes)
	}
	if got := b.Inventory().InputBytes; got > 4*conns*sent {
		t.Errorf("kept of %d times %d bytes: got %d, want at most %d", conns, sent, got, 4*conns*sent)
	}
	n.leave()
}

// One byte more than is accepted is refused by the header alone, before anything of it came.
func TestPacketsBeyondTheMaximumAreRefusedByTheirHeader(t *testing.T) {
	b := rig.Start(t, rig.Config(1), engine.Parts{})
	limit := int(engine.DefaultConfig().Limits.MaximumPacketSize)
	c := connect(t, b, mqtt.V5, "c")
	write(t, c, mqtt.AppendVarint([]byte{0x30}, limit-3))
	var p mqtt.Disconnect
	if err := p.Decode(mqtt.Peer{Version: mqtt.V5, Server: true}, 0, want(t, c, mqtt.DISCONNECT)); err != nil || p.Reason != mqtt.PacketTooLarge {
		t.Errorf("got %v, %v, want %v", p.Reason, err, mqtt.PacketTooLarge)
	}
	if got := b.Stats().ClosedByBroker[mqtt.PacketTooLarge.String()]; got != 1 {
		t.Errorf("counted as too large: got %d, want 1", got)
	}
}

// Packets that come byte by byte are kept in at most twice what came, and arrive.
func TestSlowDripsArriveInBoundedMemory(t *testing.T) {
	b := rig.Start(t, rig.Config(2), engine.Parts{})
	n := settle(t, b)
	sub := connect(t, b, mqtt.V5, "sub")
	write(t, sub, (&mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("drip")}}}).AppendTo(nil, mqtt.V5, 0))
	want(t, sub, mqtt.SUBACK)
	const conns = 20
	packet := (&mqtt.Publish{Topic: []byte("drip"), Payload: bytes.Repeat([]byte("drop"), 300)}).AppendTo(nil, mqtt.V311)
	var drips []*rig.Conn
	for i := range conns {
		drips = append(drips, connect(t, b, mqtt.V311, fmt.Sprint(i)))
	}
	for i := range packet {
		for _, c := range drips {
			write(t, c, packet[i:i+1])
		}
		if came := conns * (i + 1); i%100 == 50 {
			if got := b.Inventory().InputBytes; got > 2*came {
				t.Fatalf("kept of %d bytes: got %d, want at most twice as many", came, got)
			}
		}
	}
	for range conns {
		want(t, sub, mqtt.PUBLISH)
	}
	if got := b.Inventory().InputBytes; got != 0 {
		t.Errorf("kept after the last byte: got %d, want 0", got)
	}
	n.leave()
}

// undecided never answers.
type undecided struct{}

func (undecided) Authenticate(ctx context.Context, r *auth.Request) auth.Decision {
	if r.HasUsername {
		<-ctx.Done()
		return auth.Decision{Result: auth.Deny, Reason: mqtt.ServerUnavailable}
	}
	return auth.Decision{Result: auth.Allow}
}

// What comes behind a CONNECT that is being decided waits, within a bound; then the socket is not read any more.
func TestInputWaitsForADecisionWithinABound(t *testing.T) {
	cfg := rig.Config(2)
	b := rig.Start(t, cfg, engine.Parts{Authenticator: undecided{}})
	n := settle(t, b)
	const conns = 30
	flood := make([]byte, 1<<20)
	hello := mqtt.Connect{Version: mqtt.V5, CleanStart: true, HasUsername: true, Username: []byte("u")}
	for range conns {
		c := dial(t, b, mqtt.V5)
		write(t, c, hello.AppendTo(nil))
		go func() { _, _ = c.Write(flood) }()
	}
	pending := int(cfg.Limits.MaxPendingBytes)
	full := func() bool {
		v := b.Inventory()
		return v.Connections == conns+2 && v.InputBytes > conns*pending
	}
	if !rig.Eventually(full) {
		t.Fatalf("kept: got %d bytes, want a little more than %d", b.Inventory().InputBytes, conns*pending)
	}
	const read = 64 << 10 // one read may go beyond the bound, and a buffer doubles
	if got, most := b.Inventory().InputBytes, 2*conns*(pending+read); got > most {
		t.Errorf("kept: got %d bytes, want at most %d", got, most)
	}
	b.Advance(time.Minute) // the connect timeout
	if !rig.Eventually(func() bool { return b.Inventory().InputBytes == 0 }) {
		t.Errorf("kept after the connect timeout: %+v", b.Inventory())
	}
	closed := func() uint64 { return b.Stats().ClosedByBroker[mqtt.MaximumConnectTime.String()] }
	if !rig.Eventually(func() bool { return closed() == conns }) {
		t.Errorf("closed for the connect timeout: got %d, want %d", closed(), conns)
	}
	n.leave()
}
