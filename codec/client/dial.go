package client

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

const readBuffer = 16 << 10

// Dial opens a connection and performs CONNECT and CONNACK, enhanced authentication included. ctx
// bounds that and nothing later. A refusal is a *ServerError and comes with its CONNACK.
func Dial(ctx context.Context, o Options) (*Client, *mqtt.Connack, error) {
	o.setDefaults()
	w, err := o.way()
	if err == nil {
		err = w.check(&o)
	}
	if err != nil {
		return nil, nil, err
	}
	o.credentials(w.user)
	s := o.Session
	if s == nil {
		s = NewSession()
	}
	if err := s.acquire(ctx); err != nil {
		return nil, nil, err
	}
	if err := s.bind(&o); err != nil {
		s.release()
		return nil, nil, err
	}
	if err := o.validate(); err != nil {
		s.release()
		return nil, nil, err
	}
	conn, err := o.open(ctx, w)
	if err != nil {
		s.release()
		return nil, nil, err
	}
	c := &Client{
		opt: o, version: o.Version, conn: conn, start: time.Now(), limit: o.limit(),
		dead: make(chan struct{}), finished: make(chan struct{}),
		gate: make(chan struct{}, 1), turn: make(chan struct{}, 1), mail: make(chan *delivery, o.ReadAhead),
		rbuf: make([]byte, readBuffer),
		s:    s, resumed: o.Session != nil, expiry: o.expiry(),
		requests: make(map[uint16]*request),
	}
	c.out.wake = make(chan struct{}, 1)
	ack, err := c.handshake(ctx)
	if err != nil {
		conn.Close()
		s.release()
		return nil, ack, err
	}
	c.run()
	return c, ack, nil
}

// handshake sends CONNECT before anything else [MQTT-3.1.0-1] and takes the CONNACK. Between them
// nothing but AUTH is sent. [MQTT-3.1.2-30]
func (c *Client) handshake(ctx context.Context) (*mqtt.Connack, error) {
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	ack, err := c.introduce(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("connect: %w", ctx.Err())
		}
		return ack, err
	}
	if !stop() { // the deadline may already be in the past
		return ack, fmt.Errorf("connect: %w", ctx.Err())
	}
	return ack, nil
}

func (c *Client) introduce(ctx context.Context) (*mqtt.Connack, error) {
	p := c.opt.connect()
	if a := c.opt.Auth; a != nil {
		data, err := a.Start(ctx)
		if err != nil {
			return nil, fmt.Errorf("authenticate: %w", err)
		}
		setAuth(&p.Props, a.Method(), data)
	}
	if c.opt.CleanStart { // [MQTT-3.1.2-4] 3.1.1 [MQTT-3.1.2-6]
		c.s.discard(ErrSessionLost)
	}
	if err := c.write(p.AppendTo(nil)); err != nil {
		return nil, fmt.Errorf("send CONNECT: %w", err)
	}
	for {
		h, body, err := c.next()
		if err != nil {
			return nil, fmt.Errorf("wait for CONNACK: %w", err)
		}
		switch {
		case h.Type == mqtt.CONNACK:
			ack := new(mqtt.Connack)
			if err := ack.Decode(c.peer(), h.Flags, bytes.Clone(body)); err != nil {
				return nil, err
			}
			return ack, c.accept(ack)
		case h.Type == mqtt.AUTH && c.opt.Auth != nil:
			if err := c.answerAuth(ctx, h, body); err != nil {
				return nil, err
			}
		default:
			return nil, violation("%v before CONNACK", h.Type)
		}
	}
}

// write sends one packet at once; for the handshake only, later the writer does it.
func (c *Client) write(packet []byte) error {
	c.traceSent(packet)
	_, err := c.conn.Write(packet)
	return err
}

// accept takes over what the CONNACK says and brings the two halves of the session together.
func (c *Client) accept(ack *mqtt.Connack) error {
	if ack.Reason >= 0x80 {
		return refused(mqtt.CONNACK, ack.Reason, &ack.Props)
	}
	c.server = announced(&c.opt, &ack.Props)
	if err := c.confirmAuth(&ack.Props); err != nil {
		return c.reject(err)
	}
	if err := c.meet(ack.SessionPresent); err != nil {
		return c.reject(err)
	}
	if id := ack.Props.AssignedClientID; ack.Props.Has(mqtt.PropAssignedClientID) {
		c.opt.ClientID, c.s.id = string(id), string(id)
	}
	if ack.Props.Has(mqtt.PropSessionExpiry) {
		c.expiry = ack.Props.SessionExpiry
	}
	receive := 65535
	if c.opt.Props.Has(mqtt.PropReceiveMaximum) {
		receive = int(c.opt.Props.ReceiveMaximum)
	}
	c.s.in.SetMaximum(receive)
	c.s.out.SetQuota(c.server.receiveMaximum)
	c.outAlias.max = min(c.opt.TopicAliases, int(c.server.topicAliasMaximum))
	return nil
}

// meet compares Session Present with what this side has.
func (c *Client) meet(present bool) error {
	switch {
	case c.version == mqtt.V31: // has no Session Present: what is open is sent again in any case
		present = !c.opt.CleanStart
	case present && c.opt.CleanStart, present && !c.s.exists && c.version == mqtt.V5:
		return fmt.Errorf("%w: %w", ErrSessionPresent, mqtt.ProtocolError) // [MQTT-3.2.2-4]
	}
	if !present {
		c.s.discard(ErrSessionLost) // [MQTT-3.2.2-5]
	}
	c.s.exists = true
	return nil
}

// reject ends a connection whose CONNACK was positive and yet unacceptable. [MQTT-4.13.2-1]
func (c *Client) reject(err error) error {
	if c.version == mqtt.V5 {
		d := mqtt.Disconnect{Reason: farewell(err)}
		c.conn.SetWriteDeadline(time.Now().Add(linger))
		c.write(d.AppendTo(nil, c.version, 0))
	}
	return err
}

// run starts the goroutines and sends again what the session left open.
func (c *Client) run() {
	c.mu.Lock()
	dropped := c.resend()
	c.mu.Unlock()
	c.lastOut.Store(c.now())
	c.lastIn.Store(c.now())
	c.running.Go(c.read)
	c.running.Go(c.flush)
	c.running.Go(c.deliver)
	if c.server.keepAlive > 0 {
		c.running.Go(c.keepAlive)
	}
	finish(dropped, Result{Err: errTooLarge})
	go func() {
		c.running.Wait()
		c.leave()
		close(c.finished)
	}()
}

// peer is the other side as the codec wants to know it.
func (c *Client) peer() mqtt.Peer { return mqtt.Peer{Version: c.version, Server: true} }
