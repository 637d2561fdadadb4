package engine

import (
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/netloop"
)

// handler is the broker as its event loops see it.
type handler struct{ b *Broker }

func of(c *netloop.Conn) *conn { return c.Value.(*conn) }

func loopOf(l *netloop.Loop) *loop { return l.Value.(*loop) }

// Open is a new connection on its loop.
func (h handler) Open(nc *netloop.Conn) {
	l := loopOf(nc.Loop())
	l.update()
	c := of(nc)
	c.nc, c.l, c.live, c.lastSeen = nc, l, l.live, l.tick
	l.addConn(c)
	l.wrap(c)
	if d := l.live.Limits.ConnectTimeout; d > 0 {
		l.setTimer(c, l.tick+ticks(d))
	}
	switch {
	case l.leaving:
		c.refuse(mqtt.ServerUnavailable, "")
	case l.parting:
		c.pause()
	}
	l.leave()
}

// Data is what one read brought.
func (h handler) Data(nc *netloop.Conn, b []byte) {
	c := of(nc)
	l := c.l
	l.update()
	l.count.bytesIn.add(uint64(len(b)))
	if y := c.layers(); y != nil {
		l.unwrap(c, y, b)
	} else {
		c.lastSeen = l.tick
		c.feed(b)
	}
	if c.opening != nil {
		l.weigh(c)
	}
	if l.throttled && c.state == connected {
		l.throttle(c)
	}
	l.wantPass()
	l.leave()
}

// Closed is the end of a socket.
func (h handler) Closed(nc *netloop.Conn, _ error) {
	c := of(nc)
	if c.l == nil {
		return // never opened
	}
	c.l.update()
	c.closed()
	c.l.wantPass()
	c.l.leave()
}

// Writable is a socket that takes bytes again.
func (h handler) Writable(nc *netloop.Conn) {
	c := of(nc)
	c.l.update()
	c.l.writable(c)
	c.l.wantPass()
	c.l.leave()
}

// Wake is something in the inbox.
func (h handler) Wake(nl *netloop.Loop) {
	l := loopOf(nl)
	l.update()
	l.drain()
	l.endPass()
	l.leave()
}

// Flush is the end of a round in which something was left to do.
func (h handler) Flush(nl *netloop.Loop) {
	l := loopOf(nl)
	l.update()
	l.endPass()
	l.leave()
}

// Tick is about every tenth of a second.
func (h handler) Tick(nl *netloop.Loop, _ time.Duration) {
	if !h.b.ready.Load() {
		return
	}
	l := loopOf(nl)
	l.update()
	l.onTick()
	l.leave()
}

// onTick lets the timers go on, a bounded number at once.
func (l *loop) onTick() {
	if l.wheel.Advance(l.tick, l.fire) {
		l.post((*loop).onTick)
	}
	l.samplePressure()
	l.weighQueues()
	if !l.frozen {
		l.sweep()
		l.sweepSessions()
		l.boundOffline()
	}
	if l.tick-l.culled >= tickSecond { // a busy loop may miss any one tick
		l.culled = l.tick
		l.cutSilent()
		l.watchClock()
	}
	l.endPass()
}

// Panicked: a step of one connection failed. It is closed; nobody else is harmed.
func (h handler) Panicked(nc *netloop.Conn, v any, stack []byte) {
	if nc == nil {
		// Outside a connection's step there is no knowing what is half done: the process must not go on.
		h.b.log.Error("panic outside a connection's step", "panic", v, "stack", string(stack))
		panic(v)
	}
	c := of(nc)
	h.b.log.Error("panic in a connection's step", "client", c.clientID(), "panic", v, "stack", string(stack))
	if c.l != nil {
		c.l.forms.Done(&c.l.pool) // the next message is not to go out in the forms of this one
		c.l.stages.Reset()        // nor another connection to be sent the answers to this one
		c.l.count.panics.add(1)
		c.reason = mqtt.ImplementationSpecificError
	}
}
