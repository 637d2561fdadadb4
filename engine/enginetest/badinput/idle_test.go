package badinput

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
)

// browser is what a page's WebSocket is when the page has stopped: it answers pings, and nothing else.
type browser struct {
	t         *testing.T
	id        string
	keepAlive uint16
	below     net.Conn
	got       []byte
	pings     int
	ended     bool
}

// said tells what has come: a ping is answered and counted. It gives the first byte of the next MQTT packet, or 0.
func (b *browser) said() byte {
	b.t.Helper()
	p := make([]byte, 4096)
	_ = b.below.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	n, err := b.below.Read(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		b.t.Fatalf("read: %v", err)
	}
	b.got = append(b.got, p[:n]...)
	for bytes.HasPrefix(b.got, []byte{final | ping, 0}) {
		b.got = b.got[2:]
		b.pings++
		if _, err := b.below.Write(frame(final|0xA, nil)); err != nil {
			b.t.Fatal(err)
		}
	}
	if len(b.got) > 2 && b.got[0] == final|binaryData {
		return b.got[2]
	}
	return 0
}

// A silent WebSocket is pinged, so that nobody on the way takes it for dead. Its pongs are the browser's word and not the
// client's: the keep alive is kept by MQTT alone. [MQTT-3.1.2-24]
func TestPongsDoNotKeepADeadClientAlive(t *testing.T) {
	s := build(t, func(cfg *engine.Config) { cfg.WebSocket.PingInterval = 20 * time.Second })
	var all []*browser
	for _, name := range []string{"ws", "wss"} {
		for _, keepAlive := range []uint16{0, 60} {
			c, below := under(t, s, name, "")
			id := fmt.Sprint(name, ", keep alive ", keepAlive)
			ack, err := c.Connect(&mqtt.Connect{ClientID: []byte(id), CleanStart: true, KeepAlive: keepAlive})
			if err != nil || ack.Reason != mqtt.Success {
				t.Fatalf("connect: %v, %v", ack.Reason, err)
			}
			all = append(all, &browser{t: t, below: below, id: id, keepAlive: keepAlive})
		}
	}
	for seconds, left := 10, 2; seconds <= 150 || left > 0; seconds += 10 {
		s.pass(10 * time.Second)
		for _, b := range all {
			if b.ended {
				continue
			}
			switch packet := b.said(); {
			case packet == 0 && seconds < 600:
			case packet != 0xE0 || b.keepAlive == 0 || seconds < 90 || b.pings < 2:
				t.Fatalf("%s: got packet %02X and %d pings after %d seconds", b.id, packet, b.pings, seconds)
			default:
				b.ended = true
				left--
			}
		}
	}
	for _, b := range all {
		if b.keepAlive == 0 && b.pings < 3 {
			t.Errorf("%s: got %d pings in 150 seconds, want one after each 20 of silence", b.id, b.pings)
		}
	}
	if got := s.Stats().ClosedByBroker[mqtt.KeepAliveTimeout.String()]; got != 2 {
		t.Errorf("closed for the keep alive: got %d, want 2", got)
	}
	s.leave()
}
