package client

import (
	"fmt"

	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// delivery is an incoming PUBLISH on its way to the handlers. A repeat travels too, so that its PUBREC
// keeps its place in the order.
type delivery struct {
	m      *Message
	repeat bool
}

// onPublish takes a PUBLISH off the wire and waits for a place among those read ahead: that is the
// back-pressure.
func (c *Client) onPublish(h mqtt.Header, body []byte) error {
	m, err := received(h.Flags, body, c.version)
	if err != nil {
		return err
	}
	if err := c.resolve(m); err != nil {
		return err
	}
	d := &delivery{m: m}
	if m.QoS > 0 {
		c.mu.Lock()
		verdict := c.s.in.Publish(m.ID, m.QoS)
		c.mu.Unlock()
		if verdict == flow.Exceeded {
			return fmt.Errorf("PUBLISH %d: %w", m.ID, mqtt.ReceiveMaximumExceeded)
		}
		d.repeat = verdict == flow.Duplicate // [MQTT-4.3.3-10]
	}
	select {
	case c.mail <- d:
	case <-c.dead:
		c.forget(d)
	}
	return nil
}

// deliver calls the handlers, message after message. After the end of the connection it goes on with what
// was read if the server caused the end, and drops it if we did.
func (c *Client) deliver() {
	for d := range c.mail {
		c.turn <- struct{}{}
		if c.isStopped() {
			c.forget(d)
		} else {
			if !d.repeat {
				for _, h := range c.handlers(d.m) {
					h(d.m)
				}
			}
			c.acknowledge(d.m)
		}
		<-c.turn
	}
}

// Stop lets no further message reach a handler: those read ahead and still to come stay without an
// acknowledgement, for the next connection of the session. A handler calls it with its last message,
// which is acknowledged; Disconnect is to follow.
func (c *Client) Stop() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
}

func (c *Client) isStopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped
}

// forget undoes the acceptance of a message that no handler saw: its repeat on the next connection
// is to be a new one.
func (c *Client) forget(d *delivery) {
	if d.m.QoS == 2 && !d.repeat {
		c.mu.Lock()
		c.s.in.Acked(d.m.ID, 2, mqtt.UnspecifiedError)
		c.mu.Unlock()
	}
}

// acknowledge answers as the QoS demands [MQTT-3.3.4-1], in the order of the PUBLISHes [MQTT-4.6.0-2]
// [MQTT-4.6.0-3], even for what nobody handled [MQTT-4.5.0-2].
func (c *Client) acknowledge(m *Message) {
	if m.QoS == 0 {
		return
	}
	t, r := mqtt.PUBACK, m.refusal
	if m.QoS == 2 {
		t = mqtt.PUBREC
	}
	switch {
	case r < 0x80 || c.version < mqtt.V5:
		r = mqtt.Success
	case !r.LegalIn(t, false): // [MQTT-3.4.2-1] [MQTT-3.5.2-1]
		r = mqtt.UnspecifiedError
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.out.buf) >= ackWater && !c.ending {
		more := c.more()
		c.mu.Unlock()
		select {
		case <-more:
		case <-c.dead:
		}
		c.mu.Lock()
	}
	if err := c.ack(t, m.ID, r); err == nil || m.QoS == 2 && r >= 0x80 {
		c.s.in.Acked(m.ID, m.QoS, r) // a refusal that could not be sent is for the repeat to say
	}
}
