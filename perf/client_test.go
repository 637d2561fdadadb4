package perf

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
)

// startBroker serves on a free port until the test ends.
func startBroker(t testing.TB, loops int) (b *engine.Broker, addr string) {
	t.Helper()
	cfg := engine.DefaultConfig()
	cfg.Loops = loops
	cfg.Listeners[0].Address = "127.0.0.1:0"
	cfg.Sys.Interval = 0
	b, err := engine.New(cfg, engine.Parts{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Stop(context.Background()) })
	return b, strings.TrimPrefix(b.Addrs()[0].URL, "tcp://")
}

// client is a raw connection that reads and writes without allocating.
type client struct {
	t   testing.TB
	c   net.Conn
	buf []byte
}

func dial(t testing.TB, addr, id string, v mqtt.Version) *client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute)) // what never comes fails the test, with the line that waits for it
	k := &client{t: t, c: c, buf: make([]byte, 64<<10)}
	p := mqtt.Connect{Version: v, CleanStart: true, ClientID: []byte(id)}
	k.write(p.AppendTo(nil))
	k.packet(mqtt.CONNACK)
	return k
}

func (k *client) write(b []byte) {
	if _, err := k.c.Write(b); err != nil {
		k.t.Fatal(err)
	}
}

// packet reads one packet of the given type.
func (k *client) packet(want mqtt.Type) []byte {
	k.t.Helper()
	if _, err := io.ReadFull(k.c, k.buf[:2]); err != nil {
		k.t.Fatal(err)
	}
	n := int(k.buf[1]) // the packets asked for here are short
	if _, err := io.ReadFull(k.c, k.buf[2:2+n]); err != nil {
		k.t.Fatal(err)
	}
	if got := mqtt.Type(k.buf[0] >> 4); got != want {
		k.t.Fatalf("got %v, want %v", got, want)
	}
	return k.buf[2 : 2+n]
}

func (k *client) subscribe(filter string, qos byte, v mqtt.Version) {
	k.t.Helper()
	p := mqtt.Subscribe{ID: 1, Filters: []mqtt.Subscription{{Filter: []byte(filter), Options: qos}}}
	k.write(p.AppendTo(nil, v, 0))
	k.packet(mqtt.SUBACK)
}

// burst is n PUBLISHes in one piece, as a client with a window sends them.
func burst(n int, topic string, qos byte, v mqtt.Version, payload int) []byte {
	p := mqtt.Publish{QoS: qos, Topic: []byte(topic), Payload: make([]byte, payload)}
	var b []byte
	for i := range n {
		p.ID = uint16(i + 1)
		b = p.AppendTo(b, v)
	}
	return b
}

// drain reads exactly n bytes.
func (k *client) drain(n int) {
	for n > 0 {
		m, err := k.c.Read(k.buf[:min(n, len(k.buf))])
		if err != nil {
			k.t.Fatal(err)
		}
		n -= m
	}
}

// take reads n PUBLISHes of a fixed size and answers them as their QoS asks, a PUBREL with PUBCOMP included.
func (k *client) take(n, size, idAt int, qos byte, out []byte) {
	if qos == 0 {
		k.drain(n * size)
		return
	}
	if _, err := io.ReadFull(k.c, k.buf[:n*size]); err != nil {
		k.t.Fatal(err)
	}
	k.answer(n, size, idAt, answers[qos], out)
	if qos == 2 {
		if _, err := io.ReadFull(k.c, k.buf[:n*ackSize]); err != nil {
			k.t.Fatal(err)
		}
		k.answer(n, ackSize, 2, mqtt.PUBCOMP, out)
	}
}

// answer writes an acknowledgement of each of the n packets in the buffer.
func (k *client) answer(n, size, idAt int, t mqtt.Type, out []byte) {
	out = out[:0]
	for i := range n {
		out = mqtt.AppendAck(out, t, binary.BigEndian.Uint16(k.buf[i*size+idAt:]), 0, mqtt.V311)
	}
	k.write(out)
}

// settle takes what the broker answers to n PUBLISHes, and ends their exchanges.
func (k *client) settle(n int, qos byte, out []byte) {
	if qos == 0 {
		return
	}
	if _, err := io.ReadFull(k.c, k.buf[:n*ackSize]); err != nil {
		k.t.Fatal(err)
	}
	if qos == 2 {
		k.answer(n, ackSize, 2, mqtt.PUBREL, out)
		k.drain(n * ackSize)
	}
}

// ackSize is that of an acknowledgement without a reason, in every version; answers are what a PUBLISH is answered with.
const ackSize = 4

var answers = [3]mqtt.Type{1: mqtt.PUBACK, 2: mqtt.PUBREC}

// idAt is where the packet identifier of a short PUBLISH stands.
func idAt(topic string) int { return 2 + 2 + len(topic) }

// retain publishes n retained messages to topics of some 25 bytes, waits until the broker has them, and tells how many
// bytes they are.
func (k *client) retain(n, payload int) (size int) {
	p := mqtt.Publish{Retain: true, Payload: make([]byte, payload)}
	var in []byte
	for i := range n {
		p.Topic = fmt.Appendf(p.Topic[:0], "site/%d/dev/%d/%s", i/4%1000, i/4, [4]string{"temp", "hum", "state", "voltage"}[i%4])
		in = p.AppendTo(in, mqtt.V311)
		if len(in) > 60<<10 || i == n-1 {
			size += len(in)
			k.write(mqtt.AppendPingreq(in))
			k.drain(2)
			in = in[:0]
		}
	}
	return size
}
