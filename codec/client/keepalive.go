package client

import (
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// keepAlive sends PINGREQ when nothing else was sent for 7/8 of the keep alive [MQTT-3.1.2-20] (3.1.1
// [MQTT-3.1.2-23]) and when nothing was heard for as long, and ends a connection that does not answer.
// Time in which the reader waits for a handler does not count against the server.
func (c *Client) keepAlive() {
	idle := int64(c.server.keepAlive * 7 / 8)
	var asked int64  // when the oldest unanswered PINGREQ was sent, 0: none
	var heard uint64 // c.reads before it was sent
	timer := time.NewTimer(time.Duration(idle))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-c.dead:
			return
		}
		now := c.now()
		if asked != 0 && c.reads.Load() != heard {
			asked = 0
		}
		if asked != 0 {
			if since := c.readSince.Load(); since != 0 && now-max(asked, since) >= int64(c.opt.PingTimeout) {
				c.fail(ErrPingTimeout)
				return
			}
		}
		silent := asked == 0 && now-c.lastIn.Load() >= idle
		if silent || now-c.lastOut.Load() >= idle {
			if asked == 0 {
				asked, heard = now, c.reads.Load() // before it leaves: the answer may be here when emit returns
			}
			if c.emit(mqtt.AppendPingreq) != nil {
				return
			}
			c.lastOut.Store(now)
		}
		next := c.lastOut.Load() + idle
		if asked == 0 {
			next = min(next, c.lastIn.Load()+idle)
		} else if since := c.readSince.Load(); since != 0 {
			next = min(next, max(asked, since)+int64(c.opt.PingTimeout))
		}
		timer.Reset(time.Duration(max(next-c.now(), int64(time.Millisecond))))
	}
}
