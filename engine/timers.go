package engine

import (
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Timers carry whom they are for: a kind, a generation, an index.
const (
	timerConn = iota
	timerSession
)

func timerData(kind uint8, gen uint16, n uint32) uint64 {
	return uint64(kind)<<48 | uint64(gen)<<32 | uint64(n)
}

func (l *loop) setTimer(c *conn, at uint32) {
	l.clearTimer(c)
	c.timer = l.wheel.Add(at, timerData(timerConn, l.connAt(c.idx).gen, c.idx))
}

func (l *loop) clearTimer(c *conn) {
	if c.timer != 0 {
		l.wheel.Del(c.timer)
		c.timer = 0
	}
}

// renew puts new settings into force. Timers that know of no ping, or of a later one, are asked again.
func (l *loop) renew() {
	was := l.live.WebSocket.PingInterval
	if l.live = l.b.live.Load(); l.live.WebSocket.PingInterval == was {
		return
	}
	for i := range l.connCount {
		if c := l.connAt(i).c; c != nil && c.state == connected && c.pingTicks() > 0 {
			l.setTimer(c, l.tick+1)
		}
	}
}

// fire is a timer that is due, or that the wheel could not hold any longer.
func (l *loop) fire(data uint64) {
	gen, n := uint16(data>>32), uint32(data)
	switch data >> 48 {
	case timerConn:
		if s := l.connAt(n); s.c != nil && s.gen == gen {
			s.c.timer = 0
			l.connTimer(s.c)
		}
	case timerSession:
		if s := l.session(n); s != nil && s.Gen == gen {
			s.timer = 0
			l.sessionTimer(s)
		}
	}
}

// connTimer: the CONNECT is overdue, the keep alive may have run out, or the peer takes too long to go.
func (l *loop) connTimer(c *conn) {
	switch {
	case c.state == draining:
		l.hangUp(c)
	case c.state == connected:
		limit, silence := keepAliveTicks(c.keepAlive), c.pingTicks()
		if silence > 0 {
			l.ping(c, silence)
			if c.state != connected {
				return
			}
		}
		if limit == 0 {
			if silence > 0 {
				l.setTimer(c, c.layers().heard+silence)
			}
			return
		}
		if c.has(slowed|unanswered) || c.waits() { // nobody listens: what it said meanwhile is not known
			c.lastSeen = l.tick
		}
		if idle := l.tick - c.lastSeen; idle < limit {
			at := c.lastSeen + limit
			if silence > 0 {
				at = min(at, c.layers().heard+silence)
			}
			l.setTimer(c, at)
			return
		}
		c.disconnect(mqtt.KeepAliveTimeout) // [MQTT-3.1.2-22] [MQTT-3.1.2-24]
	default:
		l.log.Debug("connect timeout", "listener", c.lst.name, "remote", c.remote())
		l.count.closed[mqtt.MaximumConnectTime].add(1)
		c.lst.refuse(refusedTimeout)
		l.cut(c)
	}
}

// after is the first tick that is surely no earlier than d from now: the present tick is cut to a whole one. 0, which
// means never, when that is further ahead than anything is planned.
func (l *loop) after(d time.Duration) uint32 {
	n := ticks(d)
	if n == maxTicks {
		return 0
	}
	return l.tick + n + 1
}

// keepAliveTicks is one and a half times the keep alive, and one tick more because lastSeen is cut to whole ticks.
func keepAliveTicks(seconds uint16) uint32 {
	if seconds == 0 {
		return 0
	}
	return ticks(time.Duration(seconds)*time.Second*3/2) + 1
}
