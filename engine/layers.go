package engine

import (
	"errors"
	"io"
	"net/netip"

	"github.com/penstock-mqtt/penstock/codec"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// layers is what a connection has that is more than plain TCP: its stages, what they still have to write, and what they
// have learned of the client.
type layers struct {
	codec.Chain
	rest    []byte   // sealed, and not taken by the socket yet
	proxied *proxied // what a proxy said
	heard   uint32   // tick of the last bytes of any kind, or of the last ping
	trust   uint32   // the listener's, when the connection began
	ended   bool     // our end of the stages is said
}

// proxied is the client behind a proxy.
type proxied struct {
	remote, local netip.AddrPort
	tls           *codec.ProxyTLS
}

// maxRest bounds the answers of stages (pongs, key updates) that a peer does not read.
const maxRest = 1 << 20

// maxHeldUp is how much of what a client sent behind its handshake waits for it: more would be taken for a flood.
const maxHeldUp = 48 << 10

// maxProxyHeader bounds a PROXY header with its TLVs.
const maxProxyHeader = 4096

func (c *conn) layers() *layers {
	if c.x == nil {
		return nil
	}
	return c.x.layers
}

// wrap gives a new connection the stages of its listener.
func (l *loop) wrap(c *conn) {
	lst, r := c.lst, c.lst.rules.Load()
	behind := (len(r.proxies) > 0 || r.unixProxy) && r.proxied(c.nc.RemoteAddr())
	if lst.tls == nil && r.upgrade == nil && !behind {
		return
	}
	y := &layers{heard: l.tick, trust: lst.trust.Load()}
	c.extras().layers = y
	y.Attach(l.stages, c)
	if behind {
		y.Proxy = codec.NewProxy(maxProxyHeader)
	}
	if lst.tls != nil {
		idx, gen := c.idx, l.connAt(c.idx).gen
		y.TLS = codec.NewTLS(lst.tls, false, l.b.handshakes, func() {
			l.post(func(l *loop) {
				if s := l.connAt(idx); s.c != nil && s.gen == gen {
					l.shook(s.c)
				}
			})
		})
	}
	if r.upgrade != nil {
		y.WS = codec.NewWebSocket(r.upgrade)
	}
}

// Bytes takes what the stages have taken off: it makes a conn their Sink.
func (c *conn) Bytes(p []byte) (more bool) {
	c.lastSeen = c.l.tick // not for what is none of MQTT's: a pong is the browser's, who may be alone [MQTT-3.1.2-24]
	c.feed(p)
	return c.state < draining
}

// unwrap takes one read of a connection with stages.
func (l *loop) unwrap(c *conn, y *layers, b []byte) {
	if y.TLS == nil || y.TLS.Open() { // bytes alone are no progress of a handshake: see shook
		y.heard = l.tick
	}
	if c.state >= draining {
		return
	}
	if y.Proxy != nil {
		h, rest, err := y.Introduce(b)
		if err == nil && h != nil && !h.Local {
			err = l.introduced(c, y, h)
		}
		if err != nil {
			l.unwrapped(c, y, err)
			return
		}
		if b = rest; len(b) == 0 {
			return
		}
	}
	l.unwrapped(c, y, y.Feed(b))
}

// introduced takes what a proxy said of its client.
func (l *loop) introduced(c *conn, y *layers, h *codec.ProxyHeader) error {
	y.proxied = &proxied{remote: h.Source, local: h.Destination, tls: h.TLS}
	if o := c.opening; o != nil && h.Source.IsValid() {
		from := source(h.Source.Addr())
		if !l.b.sources.enter(from, c.lst.rules.Load().perAddress) {
			c.lst.refuse(refusedPerAddress)
			return errPerAddress
		}
		c.lst.early.Add(-o.early) // of a header in pieces: from now on it is weighed for the source too
		if o.from.IsValid() {     // it was no proxy's when the connection was taken
			l.b.sources.weigh(o.from, -o.early)
			l.b.sources.leave(o.from)
		}
		o.from, o.early = from, 0
	}
	return nil
}

var errPerAddress = errors.New("too many connections of one source are not accepted yet")

// shook takes the news of a TLS handshake.
func (l *loop) shook(c *conn) {
	y := c.layers()
	if y == nil || y.TLS == nil || c.state >= draining {
		return
	}
	y.heard = l.tick
	done, err := y.Step()
	if err == nil && done {
		defer c.contain()
		if y.trust != c.lst.trust.Load() {
			err = c.lst.stillTrusts(y.TLS.State().PeerCertificates)
		}
		if err == nil {
			err = y.Continue()
		}
	}
	l.unwrapped(c, y, err)
	l.wantPass()
}

// unwrapped ends a call of the stages: their answers are written, and what they found wrong ends the connection.
func (l *loop) unwrapped(c *conn, y *layers, err error) {
	if !l.writeWire(c, y) {
		return
	}
	switch {
	case c.state >= draining:
	case err == nil:
		l.weigh(c)
		l.holdUp(c, y)
	default:
		l.undone(c, y, err)
	}
}

// holdUp stops reading while as much as a handshake takes waits for it, and goes on when it has taken that or is done.
func (l *loop) holdUp(c *conn, y *layers) {
	switch {
	case c.state != awaitConnect || y.TLS == nil || l.parting:
	case !y.TLS.Open() && y.TLS.Pending() >= maxHeldUp:
		c.pause()
	default:
		l.goOn(c)
	}
}

// undone ends a connection whose stages came to an end: in order, or because of a fault.
func (l *loop) undone(c *conn, y *layers, err error) {
	var fault *codec.Fault
	switch {
	case err == io.EOF:
		if c.state < connected {
			c.countLeft()
		}
	case errors.As(err, &fault):
		c.lst.refuse(rejection(fault.Cause))
		l.log.Debug("connection refused", "listener", c.lst.name, "remote", c.remote(), "client", c.clientID(), "reason", fault.Cause.String(), "err", fault.Err)
	default:
		l.log.Debug("connection refused", "listener", c.lst.name, "remote", c.remote(), "err", err)
	}
	if c.state == connected {
		if c.reason = mqtt.UnspecifiedError; fault != nil {
			c.reason = mqtt.ProtocolError
			l.count.closed[c.reason].add(1)
		}
	}
	c.abandon()
	c.part()
	l.dropOut(c)
	l.setTimer(c, l.tick+drainTicks)
	l.drained(c)
}

// pingTicks is the silence after which a connection is sent a WebSocket ping; 0: never.
func (c *conn) pingTicks() uint32 {
	if y := c.layers(); y != nil && y.WS != nil {
		return ticks(c.l.live.WebSocket.PingInterval)
	}
	return 0
}

// ping asks a silent client for a sign of life, so that proxies on the way see one too.
func (l *loop) ping(c *conn, every uint32) {
	y := c.layers()
	if l.tick-y.heard >= every {
		y.heard = l.tick
		if err := y.Ping(); err != nil {
			l.stages.Reset()
			return
		}
		l.writeWire(c, y)
	}
}
