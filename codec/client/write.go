package client

import (
	"fmt"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

const (
	// Publishers wait while this much is unsent.
	highWater = 64 << 10
	// The reader waits at this much: a server that does not read its acknowledgements gets no more of them.
	ackWater = 1 << 20
	// What the write buffers may keep between bursts.
	keepBuffer = 64 << 10
)

// output is what was appended and not yet written. Client.mu guards it.
type output struct {
	buf, spare []byte
	wake       chan struct{} // one token: there is something to write or the end has come
	waiting    []flushed     // QoS 0 publishes in buf, in order
	progress   chan struct{} // closed and dropped when space or quota came free; nil: nobody waits
}

// flushed is a publish that is complete once all of buf up to its end is written.
type flushed struct {
	done func(Result)
}

var errTooLarge = fmt.Errorf("packet larger than the server takes: %w", mqtt.PacketTooLarge)

// emit appends one packet. It fails if the connection is over or the packet larger than the
// server takes. [MQTT-3.2.2-15] [MQTT-3.14.4-1]
func (c *Client) emit(packet func(dst []byte) []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.append(packet)
}

// append is emit for those who hold the lock.
func (c *Client) append(packet func(dst []byte) []byte) error {
	if c.ending {
		return c.over()
	}
	start := len(c.out.buf)
	c.out.buf = packet(c.out.buf)
	if most := c.server.maximumPacketSize; most > 0 && len(c.out.buf)-start > most {
		c.out.buf = c.out.buf[:start]
		return errTooLarge
	}
	c.traceSent(c.out.buf[start:])
	c.signal()
	return nil
}

// over is the error for calls that come too late. The lock is held.
func (c *Client) over() error {
	if c.err == nil {
		return ErrClosed
	}
	return c.err
}

func (c *Client) signal() {
	select {
	case c.out.wake <- struct{}{}:
	default:
	}
}

// more returns a channel that is closed at the next progress. The lock is held.
func (c *Client) more() <-chan struct{} {
	if c.out.progress == nil {
		c.out.progress = make(chan struct{})
	}
	return c.out.progress
}

// progressed wakes all who wait for space or quota. The lock is held.
func (c *Client) progressed() {
	if c.out.progress != nil {
		close(c.out.progress)
		c.out.progress = nil
	}
}

// flush is the writer: it swaps the buffers under the lock and writes without it, so that all that
// came meanwhile goes out in the next single write.
func (c *Client) flush() {
	defer c.unsent()
	for {
		<-c.out.wake
		for {
			buf, waiting, last := c.swap()
			if len(buf) > 0 {
				_, err := c.conn.Write(buf)
				c.lastOut.Store(c.now())
				if err != nil {
					fail(waiting, err)
					c.fail(fmt.Errorf("write: %w", err))
					return
				}
				for _, w := range waiting {
					w.done(Result{})
				}
			}
			if last {
				c.hangUp()
				return
			}
			if len(buf) == 0 {
				break
			}
		}
	}
}

// swap takes what is to be written. last: the end was announced and nothing will follow.
func (c *Client) swap() (buf []byte, waiting []flushed, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	buf, waiting = c.out.buf, c.out.waiting
	if cap(c.out.spare) > keepBuffer {
		c.out.spare = nil
	}
	c.out.buf, c.out.waiting = c.out.spare[:0], nil
	c.out.spare = buf
	if len(buf) > 0 {
		c.progressed()
	}
	return buf, waiting, c.ending
}

// unsent tells the publishes that never reached the socket.
func (c *Client) unsent() {
	c.mu.Lock()
	waiting, err := c.out.waiting, c.err
	c.out.waiting = nil
	c.mu.Unlock()
	fail(waiting, err)
}

func fail(waiting []flushed, err error) {
	for _, w := range waiting {
		w.done(Result{Err: err})
	}
}

func (c *Client) traceSent(packet []byte) {
	if c.opt.Sent == nil {
		return
	}
	if h, ok, err := mqtt.ReadHeader(packet); ok && err == nil {
		c.opt.Sent(h, packet[h.Size:])
	}
}
