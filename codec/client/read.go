package client

import (
	"bytes"
	"context"

	"github.com/penstock-mqtt/penstock/codec/flow"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// next returns the next packet; body is valid until the next call.
func (c *Client) next() (h mqtt.Header, body []byte, err error) {
	for {
		h, body, c.in, err = c.r.Next(c.in, c.limit)
		if err == nil && h.Type != 0 {
			err = h.Check(c.peer())
		}
		if err != nil || h.Type != 0 {
			if err == nil && c.opt.Received != nil {
				c.opt.Received(h, body)
			}
			return h, body, err
		}
		c.readSince.Store(max(c.now(), 1))
		n, err := c.conn.Read(c.rbuf)
		c.readSince.Store(0)
		if n == 0 && err != nil {
			return h, nil, &readError{lost(err)}
		}
		c.lastIn.Store(c.now())
		c.reads.Add(1)
		c.in = c.rbuf[:n]
	}
}

// readError tells an error of the connection from one in the bytes.
type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }

// read is the reader: it handles packets until the connection ends.
func (c *Client) read() {
	defer close(c.mail)
	for {
		h, body, err := c.next()
		if err == nil {
			err = c.handle(h, body)
		}
		switch e := err.(type) {
		case nil:
		case *readError:
			c.fail(e.error)
			return
		case *ServerError: // its DISCONNECT: the server waits for us to close
			c.fail(e)
			return
		default:
			c.complain(err)
		}
		select {
		case <-c.dead:
			c.drain()
			return
		default:
		}
	}
}

// handle performs one packet of the server.
func (c *Client) handle(h mqtt.Header, body []byte) error {
	switch h.Type {
	case mqtt.PUBLISH:
		return c.onPublish(h, body)
	case mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP:
		p := mqtt.Ack{Type: h.Type}
		if err := p.Decode(c.peer(), h.Flags, body); err != nil {
			return err
		}
		return c.onAck(&p)
	case mqtt.SUBACK:
		var p mqtt.Suback
		if err := p.Decode(c.peer(), h.Flags, bytes.Clone(body)); err != nil {
			return err
		}
		return c.onAnswer(mqtt.SUBACK, p.ID, response{p.Codes, p.Props})
	case mqtt.UNSUBACK:
		var p mqtt.Unsuback
		if err := p.Decode(c.peer(), h.Flags, bytes.Clone(body)); err != nil {
			return err
		}
		return c.onAnswer(mqtt.UNSUBACK, p.ID, response{p.Codes, p.Props})
	case mqtt.PINGRESP:
		return mqtt.DecodePing(c.peer(), h.Flags, body)
	case mqtt.DISCONNECT:
		var p mqtt.Disconnect
		if err := p.Decode(c.peer(), h.Flags, body); err != nil {
			return err
		}
		return refused(mqtt.DISCONNECT, p.Reason, &p.Props)
	case mqtt.AUTH:
		return c.onAuth(h, body)
	}
	return violation("%v from the server", h.Type)
}

// onAck performs an acknowledgement of either direction.
func (c *Client) onAck(p *mqtt.Ack) error {
	if p.Type == mqtt.PUBREL {
		return c.onPubrel(p.ID)
	}
	c.mu.Lock()
	x, ended, err := c.step(p)
	var dropped []func(Result)
	if ended {
		dropped = c.resend() // what waited for the quota goes first
		c.progressed()
	}
	c.mu.Unlock()
	if ended && x.done != nil {
		r := Result{Reason: p.Reason}
		if p.Reason >= 0x80 && p.Type != mqtt.PUBCOMP {
			r.Err = refused(p.Type, p.Reason, &p.Props)
		}
		x.done(r)
	}
	finish(dropped, Result{Err: errTooLarge})
	return err
}

// step moves one of our exchanges on. The lock is held.
func (c *Client) step(p *mqtt.Ack) (x *exchange, ended bool, err error) {
	switch p.Type {
	case mqtt.PUBACK:
		_, x, ended = c.s.out.Puback(p.ID) // [MQTT-4.3.2-3] [MQTT-4.4.0-2]
	case mqtt.PUBCOMP:
		_, x, ended = c.s.out.Pubcomp(p.ID)
	case mqtt.PUBREC:
		var step flow.Step
		_, x, step = c.s.out.Pubrec(p.ID, p.Reason)
		switch step {
		case flow.Ended:
			ended = true
		case flow.SendPubrel, flow.Repeated: // [MQTT-4.3.3-4] [MQTT-4.6.0-4]
			if step == flow.SendPubrel {
				x.frame = nil // never sent again [MQTT-4.3.3-6]
			}
			err = c.ack(mqtt.PUBREL, p.ID, mqtt.Success)
		case flow.Unknown:
			err = c.ack(mqtt.PUBREL, p.ID, mqtt.PacketIdentifierNotFound)
		}
	}
	return x, ended, err
}

// ack appends an acknowledgement. The lock is held. [MQTT-2.2.1-5]
func (c *Client) ack(t mqtt.Type, id uint16, r mqtt.Reason) error {
	return c.append(func(dst []byte) []byte { return mqtt.AppendAck(dst, t, id, r, c.version) })
}

// onPubrel ends an incoming QoS 2 exchange. [MQTT-4.3.3-11]
func (c *Client) onPubrel(id uint16) error {
	if err := c.await(context.Background(), func() bool { return len(c.out.buf) < ackWater }); err != nil {
		return nil // over: the reader sees that by itself
	}
	defer c.mu.Unlock()
	r := mqtt.Success
	if !c.s.in.Pubrel(id) {
		r = mqtt.PacketIdentifierNotFound
	}
	if c.ack(mqtt.PUBCOMP, id, r) == nil {
		c.s.in.Completed(id)
	}
	return nil
}
