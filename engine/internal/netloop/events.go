package netloop

import (
	"runtime/debug"
	"time"

	"github.com/panjf2000/gnet/v2"
)

// events is what gnet calls. A connection's context is its *Conn, that of a loop's own end of its socket pair the *Loop,
// that of a bell whom it rings.
type events struct{ l *Loop }

func (events) OnBoot(gnet.Engine) gnet.Action { return gnet.None }
func (events) OnShutdown(gnet.Engine)         {}

func (e events) OnOpen(gc gnet.Conn) ([]byte, gnet.Action) {
	l := e.l
	if l.incoming == nil { // the socket pair of the start
		return nil, gnet.None
	}
	gc.SetContext(l.incoming)
	c, ok := l.incoming.(*Conn)
	if !ok {
		l.adopted = gc
		return nil, gnet.None
	}
	defer l.unlock(l.lock())
	l.passes = 0
	c.begin(gc)
	l.openConn(c)
	l.reap()
	return nil, gnet.None
}

func (e events) OnTraffic(gc gnet.Conn) gnet.Action {
	// All of it, always: what stays would be copied to gnet's ring and cost an allocation a read from then on.
	b, _ := gc.Next(-1)
	defer e.l.unlock(e.l.lock())
	switch c := gc.Context().(type) {
	case *Conn:
		c.loop.passes = 0
		c.loop.inData = true
		c.loop.input(c, b)
		c.loop.called()
	case *Loop:
		c.poked()
	case ringer:
		e.l.passes = 0
		c.ring()
	case *probe:
		c.got <- struct{}{}
	}
	return gnet.None
}

func (e events) OnClose(gc gnet.Conn, err error) gnet.Action {
	defer e.l.unlock(e.l.lock())
	if c, ok := gc.Context().(*Conn); ok && c.gc != nil {
		c.loop.passes = 0
		c.loop.ended(c, err)
	}
	return gnet.None
}

// OnTick is not used: gnet calls it on a goroutine that is no loop.
func (events) OnTick() (time.Duration, gnet.Action) { return time.Hour, gnet.None }

// input gives one read to whom it concerns.
func (l *Loop) input(c *Conn, b []byte) {
	switch {
	case l.gone: // no pass will come any more that could flush an answer
	case c.state == finishing:
		l.discard(c, len(b))
	case c.state != open:
	case c.flags&paused != 0:
		l.hold(c, b)
	default:
		c.lazyAck()
		l.data(c, b)
	}
	l.reap()
}

// The handler is entered through the functions below only.

func (l *Loop) openConn(c *Conn) {
	defer l.recovered(c)
	l.e.h.Open(c)
}

func (l *Loop) data(c *Conn, b []byte) {
	defer l.recovered(c)
	l.e.h.Data(c, b)
}

func (l *Loop) closedConn(c *Conn, err error) {
	defer l.recovered(c)
	l.e.h.Closed(c, err)
}

func (l *Loop) writableConn(c *Conn) {
	defer l.recovered(c)
	l.e.h.Writable(c)
}

func (l *Loop) wake() {
	defer l.recovered(nil)
	l.e.h.Wake(l)
}

func (l *Loop) flush() {
	defer l.recovered(nil)
	l.e.h.Flush(l)
}

func (l *Loop) tick() {
	defer l.recovered(nil)
	now := l.e.now()
	l.lag.handled(now)
	l.expire(now)
	l.e.h.Tick(l, now)
}

// recovered reports a panic and closes the connection it was about.
func (l *Loop) recovered(c *Conn) {
	v := recover()
	if v == nil {
		return
	}
	l.e.h.Panicked(c, v, debug.Stack())
	if c != nil && c.state != closed {
		c.flags |= panicked
		c.Close()
	}
}
