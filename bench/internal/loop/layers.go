package loop

import (
	"crypto/tls"
	"io"

	"github.com/penstock-mqtt/penstock/codec"
)

// Layers is what lies between the sockets and MQTT: TLS, WebSocket, or WebSocket within TLS. A group without them pays
// nothing for them.
type Layers struct {
	TLS       *tls.Config
	WebSocket *codec.ClientUpgrade
	// Packet tells how long the packet is that b begins with, so that each gets a WebSocket frame of its own; nil: a
	// frame is whatever one flush has to write.
	Packet func(b []byte) int
}

// Resumer is a Handler that takes up TLS sessions of its earlier connections. The cache is used on the loop and by the
// handshake, and nil takes up none.
type Resumer interface {
	Sessions() tls.ClientSessionCache
}

// layers are those of one connection. Its stages must not be called while they hand bytes on, and most of what a handler
// does, it does then: so nothing here writes but at the end of a round or of a callback.
type layers struct {
	codec.Chain
	c    *Conn
	wire []byte // sealed, for which the socket had no room
	up   bool   // Handler.Open was called
	cut  bool   // nothing more is said to the peer
	end  error  // why the stages ended the connection
}

// handshakes is how many may be on their way: as many as there are connections.
const handshakes = 1 << 20

// closeNormal is the status code of a WebSocket that has done its work.
const closeNormal = 1000

func newTurns() *codec.Handshakes {
	return codec.NewHandshakes(codec.HandshakeLimits{Active: handshakes})
}

// Handshakes counts the TLS handshakes since the group's start. Any goroutine.
func (g *Group) Handshakes() codec.HandshakeStats {
	if g.turns == nil {
		return codec.HandshakeStats{}
	}
	return g.turns.Stats()
}

// Secured is what the TLS handshake has agreed on, false without one. In Handler.Open and later.
func (c *Conn) Secured() (tls.ConnectionState, bool) {
	if c.layers == nil || c.layers.TLS == nil || !c.layers.up {
		return tls.ConnectionState{}, false
	}
	return c.layers.TLS.State(), true
}

// layer puts the stages on a connection whose socket is open, and begins the first handshake.
func (c *Conn) layer() {
	l, of := c.loop, c.loop.g.cfg.Layers
	y := &layers{c: c}
	c.layers = y
	y.Attach(l.scratch, y)
	if of.WebSocket != nil {
		y.WS = codec.NewWebSocketClient(of.WebSocket)
	}
	if of.TLS == nil {
		l.scratch.Reset()
		l.scratch.Wire = y.WS.Start(l.scratch.Wire)
		y.emit()
		return
	}
	cfg := of.TLS
	if r, ok := c.h.(Resumer); ok {
		if cache := r.Sessions(); cache != nil {
			cfg = cfg.Clone()
			cfg.ClientSessionCache = cache
		}
	}
	y.TLS = codec.NewTLS(cfg, true, l.g.turns, func() { l.Post(y.step) })
	y.TLS.Start()
}

// step takes the news of the TLS handshake.
func (y *layers) step() {
	c := y.c
	if c.state != open {
		return
	}
	s := c.loop.scratch
	s.Reset()
	done, err := y.Step()
	if done {
		if y.WS != nil {
			request := y.WS.Start(nil)
			err = y.TLS.Seal(request, s)
		}
		if err == nil {
			err = y.Continue()
		}
	}
	y.after(err)
}

// feed takes what one read brought.
func (y *layers) feed(b []byte) {
	y.c.loop.scratch.Reset()
	y.after(y.Feed(b))
}

// after writes what the stages have answered, and draws the conclusions.
func (y *layers) after(err error) {
	y.emit()
	if err != nil {
		y.fail(err)
		return
	}
	if !y.up && y.Chain.Open() {
		y.rise()
	}
}

// rise tells the handler that the connection is there.
func (y *layers) rise() {
	if y.c.state == open {
		y.up = true
		y.c.h.Open(y.c)
	}
}

// Bytes implements codec.Sink: MQTT for the handler.
func (y *layers) Bytes(p []byte) (more bool) {
	if !y.up { // it came in one read with the end of the handshake
		y.rise()
	}
	if y.c.state == open {
		y.c.h.Data(y.c, p)
	}
	return y.c.state == open
}

// fail ends the connection: io.EOF is the peer's orderly end.
func (y *layers) fail(err error) {
	if c := y.c; c.state == open {
		y.end = err
		c.drop()
	}
}

// write seals what there is in Out and writes it.
func (y *layers) write() {
	c := y.c
	if y.flushed(); c.blocked || len(c.Out) == 0 || !y.up {
		return
	}
	c.loop.scratch.Reset()
	err := y.seal()
	c.emptied()
	if y.emit(); err != nil {
		y.fail(err)
	}
}

// seal puts Out into the stages: one run of TLS records, one WebSocket frame or one a packet.
func (y *layers) seal() error {
	packet, out := y.c.loop.g.cfg.Layers.Packet, y.c.Out
	if packet == nil {
		return y.Seal(out)
	}
	for len(out) > 0 {
		n := packet(out)
		if err := y.Seal(out[:n]); err != nil {
			return err
		}
		out = out[n:]
	}
	return nil
}

// emit writes what the stages have left in the scratch, behind what waits already.
func (y *layers) emit() {
	sealed := y.c.loop.scratch.Wire
	if len(sealed) == 0 {
		return
	}
	if len(y.wire) == 0 {
		sealed = sealed[y.c.send(sealed):]
	}
	y.wire = append(y.wire, sealed...)
}

// flushed writes what waited for room.
func (y *layers) flushed() {
	if len(y.wire) == 0 || y.c.blocked {
		return
	}
	n := y.c.send(y.wire)
	if y.wire = y.wire[:copy(y.wire, y.wire[n:])]; len(y.wire) == 0 {
		y.wire = nil
	}
}

// farewell writes what is left and ends our side in order.
func (y *layers) farewell() {
	if y.cut || y.end != nil && y.end != io.EOF { // after a fault, the alert has been written
		return
	}
	y.write()
	y.c.loop.scratch.Reset()
	y.End(closeNormal)
	y.emit()
}
