package badinput

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// What a loop may have waiting before those who feed it stop reading: engine/inbox.go.
const highWater = 4096

// Publishers wait for a loop that cannot keep up with them, and go on when it can.
func TestPublishersWaitForALoopThatIsBehind(t *testing.T) {
	b := rig.Start(t, rig.Config(2), engine.Parts{})
	gate, held := make(chan struct{}), make(chan struct{})
	var once sync.Once
	received := 0
	sub, err := b.Subscribe(context.Background(), "flood", func(m engine.Message) {
		once.Do(func() { close(held) })
		<-gate // the loop does nothing else
		if seq := int(binary.BigEndian.Uint32(m.Payload)); seq != received {
			t.Errorf("got message %d, want %d", seq, received)
		}
		received++
	})
	if err != nil {
		t.Fatal(err)
	}
	var clients []*rig.Conn
	for i := range 4 {
		clients = append(clients, connectAs(t, b, mqtt.V311, &mqtt.Connect{ClientID: fmt.Append(nil, i), CleanStart: true, KeepAlive: 10}))
	}
	if err := b.Publish(context.Background(), engine.Message{Topic: []byte("flood"), Payload: make([]byte, 4)}); err != nil {
		t.Fatal(err)
	}
	<-held
	pub := answering(t, clients)
	sent, size, rest := overwhelm(t, b, pub)
	many := b.Stats().MessagesHeld
	const read = 64 << 10
	if most := int64(highWater + 4*read/size); many < highWater || many > most {
		t.Errorf("messages held while a loop does nothing: got %d, want %d to %d", many, highWater, most)
	}
	b.Advance(time.Hour) // it is not the publisher who is silent
	if !rig.Eventually(func() bool { return b.Stats().ClosedByBroker[mqtt.KeepAliveTimeout.String()] > 0 }) {
		t.Error("nobody on the publisher's loop was found to be silent")
	}
	close(gate)
	if err := pub.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	write(t, pub, mqtt.AppendPingreq(rest))
	want(t, pub, mqtt.PINGRESP)
	if err := sub.Close(context.Background()); err != nil { // behind all messages
		t.Fatal(err)
	}
	if received != sent+1 {
		t.Errorf("received: got %d, want %d", received, sent+1)
	}
	t.Logf("%d messages, %d of them held at the worst, closed %v", sent, many, b.Stats().ClosedByBroker)
}

// answering finds a client whose loop is not held.
func answering(t *testing.T, clients []*rig.Conn) *rig.Conn {
	t.Helper()
	for {
		for _, c := range clients {
			write(t, c, mqtt.AppendPingreq(nil))
			if _, _, err := c.Next(50 * time.Millisecond); err == nil {
				return c
			}
		}
	}
}

// overwhelm publishes numbered messages, from 1, until the broker reads no more. The rest is to be written
// when it does.
func overwhelm(t *testing.T, b *rig.Broker, c *rig.Conn) (sent, size int, rest []byte) {
	t.Helper()
	for {
		var chunk []byte
		for range 10000 {
			sent++
			p := mqtt.Publish{Topic: []byte("flood"), Payload: binary.BigEndian.AppendUint32(nil, uint32(sent))}
			chunk = p.AppendTo(chunk, mqtt.V311)
		}
		size = len(chunk) / 10000
		for len(chunk) > 0 {
			if err := c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			n, err := c.Write(chunk)
			chunk = chunk[n:]
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				if n == 0 && b.Stats().MessagesHeld >= highWater {
					return sent, size, chunk
				}
			case err != nil:
				t.Fatal(err)
			}
		}
		if sent*size > 300<<20 {
			t.Fatalf("the broker took %d messages for a loop that does nothing", sent)
		}
	}
}
