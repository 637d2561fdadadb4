package engine

import (
	"net/netip"
	"slices"
	"time"

	"github.com/penstock-mqtt/penstock/engine/internal/netloop"
)

// What a connection costs before it is known who it is, is bounded: their number and bytes by listener and by source
// address, their time by limits.connect_timeout. A connection counts from the moment it is taken until its CONNECT is
// answered; what it stands for is in its opening.

// Ready tells whether one more connection may be taken: else it waits in the backlog, where it costs nothing here.
func (lst *listener) Ready() bool {
	r := lst.rules.Load()
	if r.connecting > 0 && lst.connecting.Load() >= r.connecting {
		lst.waiting.Store(true)
		if lst.connecting.Load() >= r.connecting { // or the last has gone in between, and told nobody
			return false
		}
	}
	return lst.pace.ready(r.rate, time.Since(lst.b.began))
}

// Admit decides about a connection that was taken.
func (lst *listener) Admit(remote netip.AddrPort) (*netloop.Loop, any, bool) {
	lst.pace.take()
	r := lst.rules.Load()
	if r.max > 0 && lst.count.Load() >= r.max {
		lst.refuse(refusedMax)
		return nil, nil, false
	}
	from := netip.Addr{}
	if remote.IsValid() && !r.proxied(remote) {
		from = source(remote.Addr())
		if !lst.b.sources.enter(from, r.perAddress) {
			lst.refuse(refusedPerAddress)
			return nil, nil, false
		}
	}
	lst.count.Add(1)
	lst.connecting.Add(1)
	return nil, &conn{lst: lst, opening: lst.b.takeOpening(from)}, true
}

// Dropped is a connection that could not be given to a loop after all.
func (c *conn) Dropped(error) {
	c.lst.count.Add(-1)
	c.giveOpening()
}

// takeOpening and giveOpening lend the record of a connection's beginning, so that a storm of them leaves little behind.
func (b *Broker) takeOpening(from netip.Addr) *opening {
	o, _ := b.openings.Get().(*opening)
	if o == nil {
		o = &opening{}
	}
	o.from = from
	return o
}

// giveOpening is the end of a connection's beginning, whether it was accepted or not.
func (c *conn) giveOpening() {
	o, lst := c.opening, c.lst
	if o == nil {
		return
	}
	c.opening = nil
	if o.early != 0 {
		lst.early.Add(-o.early)
		if o.from.IsValid() {
			lst.b.sources.weigh(o.from, -o.early)
		}
	}
	if o.from.IsValid() {
		lst.b.sources.leave(o.from)
	}
	lst.connecting.Add(-1)
	if lst.waiting.Load() && lst.waiting.Swap(false) {
		if a := lst.acceptor.Load(); a != nil { // nil: it begins with this one, and asks again
			a.Continue()
		}
	}
	if !o.lent {
		*o = opening{}
		lst.b.openings.Put(o)
	}
}

// weigh counts what is kept of a connection whose CONNECT is not answered, and ends it when that is too much with what is
// kept of the others.
func (l *loop) weigh(c *conn) {
	o := c.opening
	if o == nil || c.state >= draining {
		return
	}
	n := c.r.Buffered()
	if y := c.layers(); y != nil {
		n += y.Pending() + len(y.rest)
	}
	more := int64(n) - o.early
	if more == 0 {
		return
	}
	o.early = int64(n)
	limits := &l.live.Limits
	all := c.lst.early.Add(more)
	one := int64(0)
	if o.from.IsValid() {
		one = l.b.sources.weigh(o.from, more)
	}
	if most := int64(limits.MaxConnectingBytes); more > 0 && most > 0 && (all > most || one > most/4) {
		c.lst.refuse(refusedBytes)
		l.cut(c)
	}
}

// silence is how long a connection may say nothing before its CONNECT while others wait for its place.
const silence = 2 * tickSecond

// cutSilent makes room where connections wait in a backlog, or TLS handshakes for their turn, for others that were begun
// and not gone on with: nobody is to keep clients out by opening connections.
func (l *loop) cutSilent() {
	turns := l.b.handshakes.Stats().Waiting > 0
	pressed := func(lst *listener) bool { return lst.waiting.Load() || turns && lst.tls != nil }
	if !slices.ContainsFunc(l.b.listeners, pressed) {
		return
	}
	for i := range l.connCount {
		c := l.connAt(i).c
		if c == nil || c.state != awaitConnect || !pressed(c.lst) {
			continue
		}
		heard := c.lastSeen
		if y := c.layers(); y != nil {
			if heard = y.heard; y.TLS != nil && !y.TLS.Open() && !y.TLS.Waits() {
				continue // it waits for us
			}
		}
		if l.tick-heard >= silence {
			c.lst.refuse(refusedSilent)
			l.cut(c)
		}
	}
}

// cut ends a connection that has no session without a word.
func (l *loop) cut(c *conn) {
	c.abandon()
	c.state = draining
	c.forget()
	l.hangUp(c)
}
