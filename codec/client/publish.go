package client

import (
	"context"
	"fmt"

	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// maxPacket is the largest packet that can be written at all.
const maxPacket = mqtt.MaxRemaining + 5

// Result is how a publish ended. Err is nil if the message was taken over (QoS 0: written to the
// connection); a refusal is a *ServerError.
type Result struct {
	Reason mqtt.Reason // of the last acknowledgement, Success for 3.x
	Err    error
}

// Publish sends m and waits for its last acknowledgement; at QoS 0 until it is written. If ctx or the
// connection ends before, the message may or may not arrive: at QoS 1 and 2 it stays in the
// Session, if there is one, and is sent again on the next connection.
func (c *Client) Publish(ctx context.Context, m Message) error {
	done := make(chan Result, 1)
	if err := c.PublishAsync(ctx, m, func(r Result) { done <- r }); err != nil {
		return err
	}
	select {
	case r := <-done:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	case <-c.dead:
	}
	select {
	case r := <-done:
		return r.Err
	default:
		return c.Err()
	}
}

// PublishAsync sends m without waiting for its end: it waits for the send quota (QoS 1 and 2) and for
// space in the write buffer only. Messages of QoS 1 and 2 leave in the order of the calls.
//
// If the error is nil, done (which may be nil) is called once: with the acknowledgement, which may come
// on a later connection of the same Session, or with the error that ended the session. It runs on a
// goroutine of the client, so it must neither hold it up nor publish.
func (c *Client) PublishAsync(ctx context.Context, m Message, done func(Result)) error {
	if err := c.check(&m); err != nil {
		return err
	}
	if m.QoS == 0 {
		return c.publish0(ctx, m, done)
	}
	select { // whoever holds the gate is next: waiting senders queue up at it in order
	case c.gate <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.dead:
		return c.Err()
	}
	defer func() { <-c.gate }()
	if err := c.await(ctx, c.mayStart); err != nil {
		return err
	}
	defer c.mu.Unlock()
	return c.begin(&m, done)
}

// await waits until ready, with the lock held, says yes, and returns with the lock held; with an
// error it does not hold it.
func (c *Client) await(ctx context.Context, ready func() bool) error {
	for {
		c.mu.Lock()
		if c.ending {
			defer c.mu.Unlock()
			return c.over()
		}
		if ready() {
			return nil
		}
		more := c.more()
		c.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		case <-c.dead:
		}
	}
}

func (c *Client) hasRoom() bool { return len(c.out.buf) < highWater }

// mayStart tells whether the next QoS 1 or 2 PUBLISH may be sent now. Only these wait for quota.
// [MQTT-3.3.4-7] [MQTT-3.3.4-8] [MQTT-4.9.0-2]
func (c *Client) mayStart() bool {
	seq, ok := c.s.takeSeq(c.requests)
	return ok && c.hasRoom() && c.s.out.CanSend(seq)
}

// publish0 has no packet identifier and no state. [MQTT-2.2.1-2] [MQTT-4.3.1-1]
func (c *Client) publish0(ctx context.Context, m Message, done func(Result)) error {
	if err := c.await(ctx, c.hasRoom); err != nil {
		return err
	}
	defer c.mu.Unlock()
	if err := c.outAlias.expand(&m); err != nil {
		return err
	}
	if err := c.appendPublish(&m, 0, nil); err != nil {
		return err
	}
	if done != nil {
		c.out.waiting = append(c.out.waiting, flushed{done})
	}
	return nil
}

// begin opens the exchange of a QoS 1 or 2 message. The lock is held and mayStart said yes.
// [MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.3-1] [MQTT-4.3.3-2]
func (c *Client) begin(m *Message, done func(Result)) error {
	if err := c.outAlias.expand(m); err != nil {
		return err
	}
	seq := c.s.next
	plain := *m
	plain.Props.Unset(mqtt.PropTopicAlias) // an alias does not outlive the connection, the exchange may
	p := plain.packet(c.version, flow.ID(seq))
	if p.Size(c.version) > maxPacket {
		return errTooLarge
	}
	x := &exchange{frame: p.AppendTo(nil, c.version), version: c.version, done: done}
	if err := c.appendPublish(m, p.ID, x.frame); err != nil {
		return err
	}
	c.s.next++
	c.s.out.Start(seq, m.QoS, x)
	return nil
}

// appendPublish appends m, under an alias if it has or deserves one. frame is m encoded without, nil
// if that was not done yet. An alias counts as known to the server only once it is in the buffer.
func (c *Client) appendPublish(m *Message, id uint16, frame []byte) error {
	n, known := m.Props.TopicAlias, false
	if c.version < mqtt.V5 || !m.Props.Has(mqtt.PropTopicAlias) {
		n, known = c.outAlias.choose(m.Topic)
	} else {
		known = c.outAlias.topic[n] == m.Topic
	}
	if n == 0 && frame != nil {
		return c.append(func(dst []byte) []byte { return append(dst, frame...) })
	}
	p := m.packet(c.version, id)
	if n != 0 {
		p.Props.TopicAlias = n
		p.Props.Set(mqtt.PropTopicAlias)
		if known {
			p.Topic = nil
		}
	}
	if p.Size(c.version) > maxPacket {
		return errTooLarge
	}
	if err := c.append(func(dst []byte) []byte { return p.AppendTo(dst, c.version) }); err != nil {
		return err
	}
	if n != 0 && !known {
		c.outAlias.set(n, m.Topic)
	}
	return nil
}

// resend sends again what the session left open, in the order of first sending and with the old
// identifiers, as far as the quota goes; later calls go on. It returns the callbacks of messages that
// this server does not take: they count as ended. The lock is held.
// [MQTT-4.4.0-1] [MQTT-4.6.0-1] [MQTT-3.3.1-1]
func (c *Client) resend() (dropped []func(Result)) {
	c.s.out.Resume(func(seq uint64, _ byte, released bool, x **exchange) bool {
		if released { // [MQTT-4.3.3-5] [MQTT-4.3.3-6]
			return c.append(func(dst []byte) []byte {
				return mqtt.AppendAck(dst, mqtt.PUBREL, flow.ID(seq), mqtt.Success, c.version)
			}) == nil
		}
		err := c.append(func(dst []byte) []byte { return (*x).again(dst, c.version) })
		if err == errTooLarge {
			dropped = append(dropped, (*x).done)
			c.s.out.Remove(seq)
			return true
		}
		return err == nil
	})
	return dropped
}

// again appends the PUBLISH with DUP set. A session may continue under another version.
func (x *exchange) again(dst []byte, v mqtt.Version) []byte {
	start := len(dst)
	if v == x.version {
		dst = append(dst, x.frame...)
	} else {
		var p mqtt.Publish
		h, _, _ := mqtt.ReadHeader(x.frame)
		if err := p.Decode(mqtt.Peer{Version: x.version}, h.Flags, x.frame[h.Size:]); err != nil {
			panic(fmt.Sprintf("client: own PUBLISH does not decode: %v", err))
		}
		dst = p.AppendTo(dst, v)
	}
	dst[start] |= 0x08
	return dst
}
