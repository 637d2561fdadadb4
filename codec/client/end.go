package client

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// linger is how long a connection that we end may take to hear our last words.
const linger = time.Second

// Disconnect ends the connection gracefully: the handler that is running comes to its end and its
// message is acknowledged, what was appended is written, then DISCONNECT, then the connection is
// closed [MQTT-3.14.4-1] [MQTT-3.14.4-2]. Publishes without acknowledgement stay in the Session.
// It returns when everything has ended; if ctx is over before, the connection is cut. reason is
// NormalDisconnection or, to have the will published, DisconnectWithWillMessage; 3.x knows no reason.
// A handler must not call it.
func (c *Client) Disconnect(ctx context.Context, reason mqtt.Reason) error {
	return c.DisconnectWith(ctx, &mqtt.Disconnect{Reason: reason})
}

// DisconnectWith is Disconnect with properties: a new Session Expiry Interval, user properties.
func (c *Client) DisconnectWith(ctx context.Context, d *mqtt.Disconnect) error {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		c.Close()
		return ctx.Err()
	}
	err := c.part(d)
	<-c.turn
	if err != nil {
		return err
	}
	select {
	case <-c.finished:
	case <-ctx.Done():
		c.conn.Close()
		return ctx.Err()
	}
	if err := c.Err(); !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}

// part appends the DISCONNECT and lets nothing follow it.
func (c *Client) part(d *mqtt.Disconnect) error {
	if c.version == mqtt.V5 && !d.Reason.LegalIn(mqtt.DISCONNECT, false) { // [MQTT-3.14.2-1]
		return badMessage("a client's DISCONNECT does not say %q", d.Reason)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.Props.Has(mqtt.PropSessionExpiry) && c.version == mqtt.V5 {
		if c.expiry == 0 && d.Props.SessionExpiry != 0 {
			return badMessage("DISCONNECT cannot keep a session that ends with its connection")
		}
		c.expiry = d.Props.SessionExpiry
	}
	if err := c.append(func(dst []byte) []byte {
		return d.AppendTo(dst, c.version, c.server.maximumPacketSize)
	}); err != nil {
		return err
	}
	c.stopped = true
	c.end(ErrClosed)
	return nil
}

// Close cuts the connection without a DISCONNECT: the server will publish the will.
func (c *Client) Close() error {
	c.mu.Lock()
	c.stopped = true
	c.end(ErrClosed)
	c.mu.Unlock()
	return c.conn.Close()
}

// fail ends a connection that is of no use any more.
func (c *Client) fail(err error) {
	c.mu.Lock()
	c.end(err)
	c.mu.Unlock()
	c.conn.Close()
}

// complain ends a connection on which the server broke the protocol or sent what we cannot take; 5.0
// tells it why [MQTT-4.13.2-1], 3.x just closes (3.1.1 [MQTT-4.8.0-1]).
func (c *Client) complain(err error) {
	if c.version < mqtt.V5 {
		c.fail(err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	d := mqtt.Disconnect{Reason: farewell(err)}
	c.append(func(dst []byte) []byte { return d.AppendTo(dst, c.version, c.server.maximumPacketSize) })
	c.end(err)
	c.conn.SetWriteDeadline(time.Now().Add(linger))
}

// end makes the first reason the one that counts, stops appends and wakes everybody. The writer
// closes the connection when it has written what is there. The lock is held.
func (c *Client) end(err error) {
	if c.ending {
		return
	}
	c.err, c.ending = err, true
	close(c.dead)
	c.signal()
}

// hangUp closes our half behind the last packet and leaves the reader to wait for the server's: closing
// both at once with input unread would send a reset that can overtake the DISCONNECT.
func (c *Client) hangUp() {
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		c.conn.Close()
		return
	}
	c.conn.SetReadDeadline(time.Now().Add(linger))
}

// drain throws away what the server still says, until it closes or the time is over.
func (c *Client) drain() {
	io.Copy(io.Discard, c.conn)
	c.conn.Close()
}

// leave hands the session back when nothing of this connection touches it any more.
func (c *Client) leave() {
	c.mu.Lock()
	err, expiry := c.err, c.expiry
	c.mu.Unlock()
	if !c.resumed {
		c.s.discard(err)
	} else if expiry == 0 { // [MQTT-3.1.2-23] 3.1.1 [MQTT-3.1.2-6]
		c.s.discard(ErrSessionLost)
	}
	c.s.release()
}

// lost makes a read error readable.
func lost(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("client: connection closed by the server")
	case errors.Is(err, net.ErrClosed):
		return ErrClosed
	}
	return err
}
