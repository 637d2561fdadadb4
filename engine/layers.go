package engine

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"

	"github.com/penstock-mqtt/penstock/codec"
	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
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

// writeWire writes what the stages have left in the scratch; what the socket does not take is kept. false: the
// connection is over.
func (l *loop) writeWire(c *conn, y *layers) (alive bool) {
	defer l.stages.Reset()
	b := l.stages.Wire
	if len(b) == 0 {
		return true
	}
	if len(y.rest) == 0 {
		n, err := l.writeSocket(c, b)
		if err != nil {
			return false
		}
		if b = b[n:]; len(b) == 0 {
			return true
		}
	} else if len(y.rest)+len(b) > maxRest {
		c.lst.refuse(refusedBacklog)
		l.hangUp(c)
		return false
	}
	y.rest = append(y.rest, b...)
	if !c.has(blocked) {
		c.flags |= blocked
		c.nc.WaitWritable()
	}
	return true
}

// writeSocket writes bytes that are counted as traffic; an error has ended the connection.
func (l *loop) writeSocket(c *conn, b []byte) (n int, err error) {
	l.count.writes.add(1)
	n, err = c.nc.Write(b)
	l.count.bytesOut.add(uint64(n))
	if err != nil {
		if !errors.Is(err, net.ErrClosed) {
			l.log.Debug("write", "client", c.clientID(), "remote", c.remote(), "err", err)
		}
		l.hangUp(c)
	}
	return n, err
}

// flushLayers is flush for a connection with stages: packets are put together, sealed as one piece and written. A sealed
// piece cannot be sealed again, so what the socket does not take of it is kept, and nothing more is sealed before it is
// gone.
func (l *loop) flushLayers(c *conn, y *layers) {
	for {
		if len(y.rest) > 0 {
			n, err := l.writeSocket(c, y.rest)
			if err != nil {
				return
			}
			if n < len(y.rest) {
				y.rest = y.rest[:copy(y.rest, y.rest[n:])]
				c.flags |= blocked
				c.nc.WaitWritable()
				return
			}
			y.rest = nil
		}
		if len(c.out) == 0 {
			break
		}
		if !y.Open() || y.ended {
			if c.state == draining { // there is no way to say it
				l.dropOut(c)
				break
			}
			return
		}
		p := l.gather(c)
		if err := y.Seal(p); err != nil {
			l.stages.Reset()
			l.log.Debug("seal", "client", c.clientID(), "remote", c.remote(), "err", err)
			l.hangUp(c)
			return
		}
		l.advance(c, len(p))
		if !l.writeWire(c, y) {
			return
		}
	}
	if c.out != nil {
		l.giveOut(c)
	}
	l.drained(c)
}

// gather puts the front of the queue together, at most so much as one piece is sealed of.
func (l *loop) gather(c *conn) []byte {
	p, skip := l.scratch[:0], int(c.outOff)
	for i := range c.out {
		o := &c.out[i]
		start := len(p)
		p = o.appendTo(p, c.version)
		if n := min(skip, len(p)-start); n > 0 { // of the first packet a part is out already
			p = append(p[:start], p[start+n:]...)
			skip -= n
		}
		if o.frame != nil {
			tail := o.frame.Tail()[skip:]
			p = append(p, tail[:min(len(tail), max(scratchSize-len(p), 0))]...)
		}
		skip = 0
		if len(p) >= scratchSize {
			break
		}
	}
	if l.scratch = p[:0]; cap(p) > 4*scratchSize {
		l.scratch = make([]byte, 0, scratchSize)
	}
	return p
}

// dropOut forgets what is queued for a connection.
func (l *loop) dropOut(c *conn) {
	for i := range c.out {
		c.out[i].release(l)
	}
	l.owed -= int64(c.outBytes)
	c.out, c.outBytes, c.outOff = nil, 0, 0
}

// sayEnd ends our side of the stages in order; false while that is not written.
func (l *loop) sayEnd(c *conn, y *layers) bool {
	if !y.ended {
		y.ended = true
		y.End(closeCode(c.reason))
		if !l.writeWire(c, y) {
			return false
		}
	}
	return len(y.rest) == 0
}

// closeCode is how a WebSocket says why a connection ended.
func closeCode(reason mqtt.Reason) uint16 {
	switch {
	case reason < 0x80:
		return 1000 // normal closure
	case reason == mqtt.MalformedPacket, reason == mqtt.ProtocolError:
		return 1002
	case reason == mqtt.ServerShuttingDown, reason == mqtt.UseAnotherServer, reason == mqtt.ServerMoved:
		return 1001 // going away
	case reason == mqtt.PacketTooLarge:
		return 1009
	}
	return 1008 // policy violation
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

func (c *conn) remote() netip.AddrPort {
	if y := c.layers(); y != nil && y.proxied != nil {
		return y.proxied.remote
	}
	return c.nc.RemoteAddr()
}

func (c *conn) local() netip.AddrPort {
	if y := c.layers(); y != nil && y.proxied != nil {
		return y.proxied.local
	}
	return c.nc.LocalAddr()
}

// introduce puts into a request what the stages have learned of the client, and lets go of it.
func (c *conn) introduce(r *auth.Request) {
	r.Transport, r.Remote, r.Local = string(c.lst.kind), c.remote(), c.local()
	y := c.layers()
	if y == nil {
		return
	}
	if p := y.proxied; p != nil {
		if r.Proxied, r.Proxy = true, c.nc.RemoteAddr(); p.tls != nil && p.tls.Verified {
			r.Certificate = &auth.Certificate{CommonName: p.tls.CommonName, ByProxy: true}
		}
	}
	if y.TLS != nil {
		if peers := y.TLS.State().PeerCertificates; len(peers) > 0 {
			r.Certificate = certificate(peers[0])
		}
	}
	if y.WS != nil {
		if q := y.WS.Request(); q != nil {
			r.HTTP = &auth.HTTP{Path: q.Path, Query: q.RawQuery, Host: q.Host, Header: q.Header}
		}
		y.WS.Forget()
	}
}

// certificate is what authenticators want to know of a client's certificate.
func certificate(x *x509.Certificate) *auth.Certificate {
	a := &auth.Certificate{
		CommonName: x.Subject.CommonName, Subject: x.Subject.String(), Issuer: x.Issuer.String(), Serial: x.SerialNumber.String(),
		DNS: x.DNSNames, Email: x.EmailAddresses, Fingerprint: sha256.Sum256(x.Raw), NotAfter: x.NotAfter,
	}
	for _, u := range x.URIs {
		a.URI = append(a.URI, u.String())
	}
	for _, ip := range x.IPAddresses {
		if at, ok := netip.AddrFromSlice(ip); ok {
			a.IP = append(a.IP, at.Unmap())
		}
	}
	return a
}
