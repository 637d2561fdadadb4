package client_test

import (
	"context"
	"errors"
	"fmt"
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
