package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-mqtt/penstock/codec/client"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

func TestPublishCompletesWithTheLastAcknowledgement(t *testing.T) {
	in(t, all, "publish", func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true}, mqtt.Connack{})
		out := make(chan error, 1)
		publish := func(qos byte) { go func() { out <- c.Publish(t.Context(), msg("a", qos)) }() }
		open := func() {
			t.Helper()
			if synctest.Wait(); len(out) > 0 {
				t.Fatalf("Publish returned %v before the acknowledgement", <-out)
			}
		}
		closed := func() {
			t.Helper()
			if err := <-out; err != nil {
				t.Errorf("Publish: %v", err)
			}
		}
		publish(0)
		open() // the pipe takes nothing until it is read
		p.publish()
		closed()
		publish(1)
		id := p.publish().ID
		open()
		p.sendAck(mqtt.PUBACK, id, mqtt.Success)
		closed()
		publish(2)
		id = p.publish().ID
		p.sendAck(mqtt.PUBREC, id, mqtt.Success)
		p.ack(mqtt.PUBREL)
		open()
		p.sendAck(mqtt.PUBCOMP, id, mqtt.Success)
		closed()
	})
}

func TestPublishEndsWithItsContextOrTheConnection(t *testing.T) {
	in(t, both, "publish", func(t *testing.T, v mqtt.Version) {
		o := client.Options{Version: v, ClientID: "me", CleanStart: true, Inflight: 1}
		c, p := newStage(t).open(o, mqtt.Connack{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		out := make(chan error, 2)
		for range 2 { // one waits for its PUBACK, one for the quota
			go func() { out <- c.Publish(ctx, msg("a", 1)) }()
		}
		p.publish()
		for range 2 {
			if err := <-out; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Publish: %v, want deadline exceeded", err)
			}
		}
		for range 2 {
			go func() { out <- c.Publish(t.Context(), msg("a", 1)) }()
		}
		synctest.Wait()
		p.drop(c)
		for range 2 {
			if err := <-out; err == nil || errors.Is(err, client.ErrClosed) {
				t.Errorf("Publish on a lost connection: %v, want what happened to it", err)
			}
		}
	})
}

// A server that does not read holds publishers back, at QoS 0 too, and lets them go on when it reads.
func TestPublishersWaitForTheSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newStage(t).open(client.Options{}, mqtt.Connack{})
		var sent atomic.Int32
		go func() {
			for c.PublishAsync(t.Context(), client.Message{Topic: "a", Payload: make([]byte, 40<<10)}, nil) == nil {
				sent.Add(1)
			}
		}()
		synctest.Wait()
		held := sent.Load()
		if held > 5 {
			t.Errorf("%d messages of 40 KB taken for a server that reads nothing", held)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Publish(ctx, msg("a", 0)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Publish: %v, want deadline exceeded", err)
		}
		for range 100 {
			p.publish()
		}
		synctest.Wait()
		if got := sent.Load(); got < 100 {
			t.Errorf("%d messages taken after the server read 100", got)
		}
		c.Close()
	})
}

// Without a Session to go on with, the end of the connection is the end of every publish; each
// callback is called once.
func TestCallbacksHearOfTheEndOnce(t *testing.T) {
	in(t, both, "end", func(t *testing.T, v mqtt.Version) {
		c, p := newStage(t).open(client.Options{Version: v, ClientID: "me", CleanStart: true}, mqtt.Connack{})
		ended, done := result()
		for i := range 6 {
			async(t, c, msg("a", byte(i%3)), done)
		}
		for range 6 {
			p.publish()
		}
		p.sendAck(mqtt.PUBACK, 1, mqtt.Success)
		p.sendAck(mqtt.PUBREC, 2, mqtt.Success)
		p.ack(mqtt.PUBREL)
		c.Close()
		synctest.Wait()
		var ok, lost int
		for len(ended) > 0 {
			if r := <-ended; r.Err == nil {
				ok++
			} else {
				lost++
			}
		}
		if ok != 3 || lost != 3 {
			t.Errorf("%d callbacks with success, %d with an error; want 3 and 3", ok, lost)
		}
	})
}

func TestTheHandlerSlowsTheServerDown(t *testing.T) {
	in(t, both, "handler", func(t *testing.T, v mqtt.Version) {
		step := make(chan struct{})
		var got []string
		o := client.Options{Version: v, ClientID: "me", CleanStart: true, ReadAhead: 2, Handler: func(m *client.Message) {
			<-step
			got = append(got, string(m.Payload))
		}}
		_, p := newStage(t).open(o, mqtt.Connack{})
		sent := make(chan int, 10)
		go func() {
			for i := range 10 {
				p.sendPublish(incoming(uint16(i+1), 1, fmt.Sprint(i)))
				sent <- i
			}
		}()
		synctest.Wait()
		// One with the handler, two read ahead, one in the reader's hands; the fifth is not read.
		if len(sent) != 4 {
			t.Errorf("%d messages were read while the handler had the first, want 4", len(sent))
		}
		for i := range 10 {
			p.quiet(time.Second) // no acknowledgement before the handler is done
			step <- struct{}{}
			if a := p.ack(mqtt.PUBACK); int(a.ID) != i+1 {
				t.Fatalf("PUBACK %d, want %d", a.ID, i+1)
			}
		}
		want(t, &got, "0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
	})
}

// What was read before the server closed is handled; what was read before we left is not, and at
// QoS 2 it is new again when it comes again.
func TestMessagesReadAheadAtTheEnd(t *testing.T) {
	in(t, both, "server-closes", func(t *testing.T, v mqtt.Version) {
		step := make(chan struct{})
		var got []string
		o := durable(v, client.NewSession())
		o.Handler = func(m *client.Message) { <-step; got = append(got, string(m.Payload)) }
		c, p := newStage(t).open(o, mqtt.Connack{})
		p.sendPublish(incoming(0, 0, "a"), incoming(1, 2, "b"), incoming(0, 0, "c"))
		synctest.Wait()
		p.drop(c)
		close(step)
		want(t, &got, "a", "b", "c")
		_, p = newStage(t).open(o, mqtt.Connack{SessionPresent: true})
		p.sendPublish(incoming(1, 2, "b"))
		p.ack(mqtt.PUBREC)
		want(t, &got, "a", "b", "c")
	})
	in(t, both, "we-leave", func(t *testing.T, v mqtt.Version) {
		step := make(chan struct{})
		var got []string
		o := durable(v, client.NewSession())
		o.Handler = func(m *client.Message) { <-step; got = append(got, string(m.Payload)) }
		c, p := newStage(t).open(o, mqtt.Connack{})
		p.sendPublish(incoming(1, 1, "a"), incoming(2, 2, "b"), incoming(0, 0, "c"))
		synctest.Wait()
		out := make(chan error, 1)
		go func() { out <- c.Disconnect(t.Context(), mqtt.NormalDisconnection) }()
		p.quiet(time.Second) // the handler is still at work
		close(step)
		p.ack(mqtt.PUBACK)
		p.disconnect()
		p.eof()
		if err := <-out; err != nil {
			t.Errorf("Disconnect: %v", err)
		}
		want(t, &got, "a")
		_, p = newStage(t).open(o, mqtt.Connack{SessionPresent: true})
		p.sendPublish(incoming(2, 2, "b"))
		p.ack(mqtt.PUBREC)
		want(t, &got, "a", "b")
	})
}

// A handler that has had enough takes none of the messages behind.
func TestStopLeavesTheRestForTheNextConnection(t *testing.T) {
	in(t, both, "stop", func(t *testing.T, v mqtt.Version) {
		var got []string
		var c *client.Client
		o := durable(v, client.NewSession())
		o.Handler = func(m *client.Message) {
			if got = append(got, string(m.Payload)); len(got) == 2 {
				c.Stop()
			}
		}
		c, p := newStage(t).open(o, mqtt.Connack{})
		p.sendPublish(incoming(1, 2, "a"), incoming(2, 2, "b"), incoming(3, 2, "c"), incoming(4, 1, "d"))
		p.ack(mqtt.PUBREC)
		p.ack(mqtt.PUBREC)
		p.quiet(time.Second)
		go c.Disconnect(t.Context(), mqtt.NormalDisconnection)
		p.disconnect()
		p.eof()
		_, p = newStage(t).open(o, mqtt.Connack{SessionPresent: true})
		p.sendPublish(incoming(2, 2, "b"), incoming(3, 2, "c"), incoming(4, 1, "d"))
		p.ack(mqtt.PUBREC)
		p.ack(mqtt.PUBREC)
		p.ack(mqtt.PUBACK)
		want(t, &got, "a", "b", "c", "d")
	})
}

func TestDisconnectGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		c, p := newStage(t).open(client.Options{Handler: func(*client.Message) { <-hold }}, mqtt.Connack{})
		p.sendPublish(incoming(0, 0, ""))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Disconnect(ctx, mqtt.NormalDisconnection); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Disconnect with a handler at work: %v, want deadline exceeded", err)
		}
		p.eof()
		close(hold)

		c, _ = newStage(t).open(client.Options{}, mqtt.Connack{})
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Disconnect(ctx, mqtt.NormalDisconnection); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Disconnect from a server that reads nothing: %v, want deadline exceeded", err)
		}
	})
}

func TestASessionServesOneConnectionAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := durable(mqtt.V5, client.NewSession())
		s := newStage(t)
		_, p := s.open(o, mqtt.Connack{})
		o.Dialer = s
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := client.Dial(ctx, o); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("second Dial: %v, want deadline exceeded", err)
		}
		go func() { <-time.After(time.Minute); p.Close() }()
		s.open(o, mqtt.Connack{SessionPresent: true}) // waits for the first to end
	})
}

// A session may go on under another protocol version: what is open is encoded anew.
func TestASessionChangesVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := client.NewSession()
		c, p := newStage(t).open(durable(mqtt.V5, s), mqtt.Connack{})
		async(t, c, withProps(msg("a", 2), func(p *mqtt.Properties) {
			p.ContentType = []byte("text/plain")
			p.Set(mqtt.PropContentType)
		}), nil)
		p.publish()
		p.drop(c)
		_, p = newStage(t).open(durable(mqtt.V311, s), mqtt.Connack{SessionPresent: true})
		if m := p.publish(); !m.Dup || m.ID != 1 || string(m.Payload) != "a" {
			t.Errorf("resumed with %+v, want the message with id 1 and DUP", m)
		}
	})
}

// Over TCP, from many goroutines, with a server that acknowledges everything: nothing is lost, and
// the order of each publisher is kept.
func TestPublishersShareAConnection(t *testing.T) {
	for v, name := range map[mqtt.Version]string{mqtt.V31: "v31/tcp", mqtt.V311: "v311/MQTT-7.1.2-1", mqtt.V5: "v5/MQTT-4.2.0-1"} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			const publishers, each = 8, 200
			got := make(chan map[string][]string, 1)
			go func() {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				got <- collect(&peer{t: t, Conn: conn, v: v})
			}()
			c, _, err := client.Dial(t.Context(), client.Options{
				Addr: ln.Addr().String(), Version: v, ClientID: "many", CleanStart: true, Inflight: 10,
			})
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for i := range publishers {
				wg.Go(func() {
					for n := range each {
						m := client.Message{Topic: fmt.Sprint(i), Payload: fmt.Append(nil, n), QoS: byte(i % 3)}
						if err := c.Publish(t.Context(), m); err != nil {
							t.Errorf("publisher %d, message %d: %v", i, n, err)
							return
						}
					}
				})
			}
			wg.Wait()
			if err := c.Disconnect(t.Context(), mqtt.NormalDisconnection); err != nil {
				t.Errorf("Disconnect: %v", err)
			}
			topics := <-got
			var wantOrder []string
			for n := range each {
				wantOrder = append(wantOrder, fmt.Sprint(n))
			}
			for i := range publishers {
				if have := topics[fmt.Sprint(i)]; !slices.Equal(have, wantOrder) {
					t.Errorf("publisher %d: server got %d messages in order %v…, want %d", i, len(have), have[:min(5, len(have))], each)
				}
			}
		})
	}
}

// collect plays a server until DISCONNECT and returns the payloads by topic.
func collect(p *peer) map[string][]string {
	p.connect()
	p.send(&mqtt.Connack{})
	got := make(map[string][]string)
	for {
		h, raw, err := p.read()
		if err != nil {
			p.t.Errorf("server: %v", err)
			return got
		}
		from := mqtt.Peer{Version: p.v}
		switch h.Type {
		case mqtt.PUBLISH:
			var m mqtt.Publish
			if err := m.Decode(from, h.Flags, raw[h.Size:]); err != nil {
				p.t.Errorf("server: PUBLISH % x: %v", raw, err)
				return got
			}
			got[string(m.Topic)] = append(got[string(m.Topic)], string(m.Payload))
			if m.QoS > 0 {
				p.sendAck([]mqtt.Type{1: mqtt.PUBACK, 2: mqtt.PUBREC}[m.QoS], m.ID, mqtt.Success)
			}
		case mqtt.PUBREL:
			a := mqtt.Ack{Type: mqtt.PUBREL}
			a.Decode(from, h.Flags, raw[h.Size:])
			p.sendAck(mqtt.PUBCOMP, a.ID, mqtt.Success)
		case mqtt.DISCONNECT:
			return got
		}
	}
}

// Whatever a server sends, whole or cut anywhere: no panic, no hang, the connection ends with an error.
func TestGarbageFromTheServer(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	seeds := [][]byte{
		{0x30, 5, 0, 1, 't', 0, 'x'}, {0x32, 6, 0, 1, 't', 0, 1, 0}, {0x34, 6, 0, 1, 't', 0, 1, 0},
		{0x40, 2, 0, 1}, {0x50, 2, 0, 1}, {0x62, 2, 0, 1}, {0x70, 2, 0, 1},
		{0x90, 4, 0, 1, 0, 0}, {0xB0, 4, 0, 1, 0, 0}, {0xD0, 0}, {0xE0, 2, 0, 0}, {0xF0, 2, 0x18, 0}, {0x20, 3, 0, 0, 0},
	}
	for _, v := range all {
		t.Run(short[v], func(t *testing.T) {
			for range 300 {
				var b []byte
				for range 1 + random.IntN(8) {
					b = append(b, seeds[random.IntN(len(seeds))]...)
				}
				for range random.IntN(4) {
					b[random.IntN(len(b))] = byte(random.Uint32())
				}
				cut := random.IntN(len(b) + 1)
				synctest.Test(t, func(t *testing.T) { survive(t, v, b[:cut], b[cut:]) })
			}
		})
	}
}

func FuzzServer(f *testing.F) {
	f.Add(byte(5), []byte{0x32, 6, 0, 1, 't', 0, 1, 0, 0x62, 2, 0, 1})
	f.Add(byte(4), []byte{0x20, 2, 0, 0, 0x34, 5, 0, 1, 't', 0, 1})
	f.Add(byte(3), []byte{0xFF, 0xFF, 0xFF, 0xFF, 0x7F})
	f.Fuzz(func(t *testing.T, v byte, b []byte) {
		survive(t, mqtt.Version(3+v%3), b, nil)
	})
}

// survive lets a client with everything in flight meet b, then the end of the connection.
func survive(t *testing.T, v mqtt.Version, parts ...[]byte) {
	o := durable(v, client.NewSession())
	o.Props.TopicAliasMaximum = 5
	o.Props.Set(mqtt.PropTopicAliasMaximum)
	o.Handler = func(*client.Message) {}
	c, p := newStage(t).open(o, mqtt.Connack{})
	go io.Copy(io.Discard, p.Conn)
	async(t, c, msg("a", 1), nil)
	async(t, c, msg("b", 2), nil)
	var waiting sync.WaitGroup
	waiting.Go(func() { c.Subscribe(t.Context(), []client.Filter{{Filter: "t"}}, nil) })
	for _, b := range parts {
		if _, err := io.Copy(p.Conn, bytes.NewReader(b)); err != nil {
			break // the client has left
		}
	}
	p.Close()
	<-c.Done()
	if c.Err() == nil {
		t.Errorf("no error after % x", parts)
	}
	waiting.Wait()
}
