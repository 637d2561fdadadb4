package badinput

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/enginetest/rig"
)

// subscribe makes one subscription of a connection.
func subscribe(t *testing.T, c *rig.Conn, filter string, qos byte) {
	t.Helper()
	p := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte(filter), Options: qos}}}
	write(t, c, p.AppendTo(nil, c.V, 0))
	want(t, c, mqtt.SUBACK)
}

// pour writes the same bytes again and again until the broker has had enough and takes no more, and returns how many it
// took.
func pour(t *testing.T, c *rig.Conn, b []byte, enough func() bool) (total int) {
	t.Helper()
	for {
		if err := c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Write(b[total%len(b):])
		switch total += n; {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if n == 0 && enough() {
				return total
			}
		case err != nil:
			t.Fatal(err)
		case total > 100<<20:
			t.Fatalf("the broker took %d bytes and has not had enough", total)
		}
	}
}

// A client that asks and does not read is not asked what else it wants. When it reads again it has lost nothing.
func TestUnreadAnswersAreBoundedAndNoneIsLost(t *testing.T) {
	cfg := rig.Config(2)
	b := rig.Start(t, cfg, engine.Parts{})
	n := settle(t, b)
	const conns = 2
	var clients []*rig.Conn
	var asked []int
	for i := range conns {
		c := connectAs(t, b, mqtt.V5, &mqtt.Connect{ClientID: fmt.Append(nil, i), CleanStart: true, KeepAlive: 60})
		if err := c.SetWriteBuffer(128 << 10); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	// A question whose answer is much longer: what was wrong with it is said in words.
	question := (&mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte("#/#")}}}).AppendTo(nil, mqtt.V5, 0)
	for _, c := range clients {
		before := b.Inventory().OutputBytes
		enough := func() bool { return b.Inventory().OutputBytes > before+512<<10 }
		asked = append(asked, pour(t, c, bytes.Repeat(question, 1<<12), enough)/len(question))
	}
	v := b.Inventory()
	const read = 64 << 10 // the answers to one read may go beyond the bound
	if most := conns * (int(cfg.Limits.MaxOutboundBytes) + read); v.OutputBytes > most {
		t.Errorf("waiting to be written: got %d bytes, want at most %d", v.OutputBytes, most)
	}
	if v.OutputBytes == 0 || v.InputBytes > conns*2*read {
		t.Errorf("got %d bytes to be written and %d kept of input, want some and at most %d", v.OutputBytes, v.InputBytes, conns*2*read)
	}
	for i, c := range clients {
		unread := b.Inventory().OutputBytes
		for k := range asked[i] {
			if k == asked[i]/2 { // to read is a sign of life
				if !rig.Eventually(func() bool { return b.Inventory().OutputBytes < unread }) {
					t.Fatalf("client %d has read %d answers and the broker has written nothing: %+v", i, k, b.Inventory())
				}
				b.Advance(70 * time.Second)
			}
			if h, _, err := c.Next(rig.Patience); err != nil || h.Type != mqtt.SUBACK {
				t.Fatalf("answer %d of %d: got %v, %v, want SUBACK", k+1, asked[i], h.Type, err)
			}
		}
	}
	t.Logf("asked %v", asked)
	n.leave()
}

// A subscriber that does not read costs what the limits say. What it does not get is counted.
func TestStalledSubscribersAreBoundedAndCounted(t *testing.T) {
	for qos := range byte(3) {
		t.Run(fmt.Sprint("QoS ", qos), func(t *testing.T) {
			cfg := rig.Config(2)
			cfg.Session.MaxQueuedMessages = 500
			b := rig.Start(t, cfg, engine.Parts{})
			n := settle(t, b)
			stalled := []*rig.Conn{connect(t, b, mqtt.V311, "stalled1"), connect(t, b, mqtt.V5, "stalled2")}
			for _, c := range stalled {
				subscribe(t, c, "flood", qos)
			}
			pub := connect(t, b, mqtt.V5, "pub")
			const messages, size = 12000, 2000
			flood(t, pub, "flood", qos, messages, size)
			v, s := b.Inventory(), b.Stats()
			most := 2 * (int(cfg.Limits.MaxOutboundBytes) + 64<<10)
			if v.OutputBytes > most {
				t.Errorf("waiting to be written: got %d bytes, want at most %d", v.OutputBytes, most)
			}
			if most := int64(2*(cfg.Session.MaxQueuedMessages+cfg.Limits.MaxInflight+int(cfg.Limits.MaxOutboundBytes)/size) + 500); v.Messages > most {
				t.Errorf("messages in memory: got %d, want at most %d", v.Messages, most)
			}
			why := "queue_full"
			if qos == 0 {
				why = "outbound"
			}
			if s.Dropped[why] == 0 {
				t.Errorf("dropped for %s: got none; %v", why, s.Dropped)
			}
			got := 0
			for _, c := range stalled {
				got += drain(t, c)
			}
			if lost := int(b.Stats().Dropped[why]); got+lost != 2*messages {
				t.Errorf("received and counted as dropped: got %d + %d, want %d", got, lost, 2*messages)
			}
			n.leave()
		})
	}
}

// flood publishes and waits until all of it is acknowledged, or at QoS 0 taken.
func flood(t *testing.T, c *rig.Conn, topic string, qos byte, messages, size int) {
	t.Helper()
	const window = 500
	p := mqtt.Publish{Topic: []byte(topic), QoS: qos, Payload: make([]byte, size)}
	var b []byte
	for i := 0; i < messages; i += window {
		b = b[:0]
		for k := range window {
			if p.QoS > 0 {
				p.ID = uint16(k + 1)
			}
			b = p.AppendTo(b, c.V)
		}
		write(t, c, append(b, mqtt.AppendPingreq(nil)...))
		left := 1
		if qos > 0 {
			left += window
		}
		for left > 0 {
			h, body, err := c.Next(rig.Patience)
			if err != nil {
				t.Fatal(err)
			}
			if h.Type == mqtt.PUBREC {
				write(t, c, mqtt.AppendAck(nil, mqtt.PUBREL, binary.BigEndian.Uint16(body), 0, c.V))
				continue
			}
			left--
		}
	}
}

// drain reads and acknowledges all messages that a client is owed, and counts them.
func drain(t *testing.T, c *rig.Conn) (n int) {
	t.Helper()
	for {
		h, body, err := c.Next(250 * time.Millisecond)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Decode(h, body)
		if err != nil {
			t.Fatal(err)
		}
		switch p := got.(type) {
		case *mqtt.Publish:
			n++
			if p.QoS > 0 {
				write(t, c, mqtt.AppendAck(nil, mqtt.PUBACK+mqtt.Type(p.QoS-1), p.ID, 0, c.V))
			}
		case *mqtt.Ack:
			write(t, c, mqtt.AppendAck(nil, mqtt.PUBCOMP, p.ID, 0, c.V))
		}
	}
}
