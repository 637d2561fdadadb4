package engine

import (
	"runtime/debug"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/netloop"
	"github.com/penstock-mqtt/penstock/engine/internal/wheel"
)

// state is where a connection stands.
type state uint8

const (
	awaitConnect   state = iota // nothing arrived yet
	authenticating              // an answer about the CONNECT is awaited; input waits
	exchanging                  // enhanced authentication: the client's AUTH is awaited
	attaching                   // the session is on its way from another loop; input waits
	connected
	draining // what is queued is written, then the socket is closed; input is ignored
	gone     // the socket is closed
)

// flags of a connection.
const (
	dirty       = 1 << iota // in the loop's list of connections to flush
	blocked                 // the socket is full; the writable event is awaited
	noProblem               // Request Problem Information 0: no Reason String or User Property
	pausedInput             // reading is stopped while an answer is awaited
	willCleared             // no will: DISCONNECT 0x00 arrived, or the client is back within the delay
	takenOver               // the client came back on another connection
	unanswered              // the CONNACK is held; nothing may be sent before it and input waits
	slowed                  // in the loop's list of connections whose input waits for others to catch up
)

// conn is one connection. Its loop alone touches it. It is 144 bytes: what few connections need is in extra.
type conn struct {
	nc      *netloop.Conn
	l       *loop
	lst     *listener
	live    *Live // the settings that hold for this connection: what its CONNACK announced
	sess    *sess // nil before the CONNACK and after the session was taken away
	opening *opening
	x       *extra
	r       mqtt.Reader
	out     []outItem

	outBytes  int32  // bytes in out that are not written
	outOff    int32  // bytes of out[0] that are
	idx       uint32 // in loop.conns
	maxPacket uint32 // the client's Maximum Packet Size; 0: none
	lastSeen  uint32 // tick of the last bytes
	timer     wheel.ID
	keepAlive uint16 // seconds, as in force
	window    uint16 // how many QoS 1 and 2 messages may be open towards the client
	state     state
	flags     uint8
	version   mqtt.Version
	reason    mqtt.Reason // why the connection ended
}

// extra is what a connection has of the less common.
type extra struct {
	held     []held    // acknowledgements that wait for a commit, in order
	alias    *aliases  // topic aliases, when either side uses them
	enhanced *enhanced // enhanced authentication
	replay   *replay   // retained messages still to be sent
	layers   *layers   // TLS, WebSocket, what a proxy said
}

func (c *conn) extras() *extra {
	if c.x == nil {
		c.x = &extra{}
	}
	return c.x
}

func (c *conn) held() []held {
	if c.x == nil {
		return nil
	}
	return c.x.held
}

func (c *conn) enhanced() *enhanced {
	if c.x == nil {
		return nil
	}
	return c.x.enhanced
}

func (c *conn) replay() *replay {
	if c.x == nil {
		return nil
	}
	return c.x.replay
}

func (c *conn) has(f uint8) bool { return c.flags&f != 0 }

func (c *conn) peer() mqtt.Peer { return mqtt.Peer{Version: c.version} }

func (c *conn) info() ClientInfo {
	i := ClientInfo{Listener: c.lst.name, Loop: int(c.l.id), Remote: c.remote(), Version: c.version}
	if c.sess != nil {
		i.ClientID = c.sess.ClientID
		if id := c.sess.ident; id != nil {
			i.Principal = id.Principal
		}
	}
	return i
}

// reading tells whether the next packet may be looked at.
func (c *conn) reading() bool {
	switch c.state {
	case connected:
		// A client that does not read its answers is not asked for more questions.
		return !c.has(unanswered) && !c.waits() && (!c.has(blocked) || c.roomy())
	case awaitConnect, exchanging:
		return true
	}
	return false
}

// roomy tells whether more than answers may be queued for the connection.
func (c *conn) roomy() bool {
	return int(c.outBytes) <= int(c.live.Limits.MaxOutboundBytes) && len(c.out) <= maxOutItems
}

// waits tells whether so much is asked and not answered, for want of a commit, that no more should be.
func (c *conn) waits() bool { return len(c.held()) >= maxHeld }

const maxHeld = 4096

// maxOutItems bounds the queue where packets are so small that their bytes would not.
const maxOutItems = 16384

// feed cuts packets from the bytes of one read and dispatches them.
func (c *conn) feed(b []byte) {
	if c.state == awaitConnect && len(b) > 0 && !c.greet(b) {
		return
	}
	for {
		if !c.reading() {
			c.keep(b)
			return
		}
		h, body, rest, err := c.r.Next(b, c.largest())
		if err != nil {
			c.fail(err)
			return
		}
		if h.Type == 0 {
			return
		}
		b = rest
		c.l.count.packetsIn[h.Type].add(1)
		c.l.dispatch(c, h, body)
	}
}

// largest is how large the next packet may be; 0: any size.
func (c *conn) largest() int {
	limits := &c.live.Limits
	if c.state != connected && limits.MaxConnectSize > 0 && (limits.MaximumPacketSize == 0 || limits.MaxConnectSize < limits.MaximumPacketSize) {
		return int(limits.MaxConnectSize)
	}
	return int(limits.MaximumPacketSize)
}

// greet looks at the first bytes of a connection: what cannot be a CONNECT ends it at once, whatever length it claims.
// [MQTT-3.1.0-1]
func (c *conn) greet(b []byte) bool {
	if c.state != awaitConnect || c.r.Buffered() > 0 {
		return true
	}
	what := strange(b)
	if mqtt.Type(b[0]>>4) == mqtt.CONNECT && what != refusedTLS { // a TLS record begins like one with wrong flags
		return true
	}
	c.lst.refuse(what)
	c.fail(&mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-3.1.0-1", Detail: "the first packet is no CONNECT"})
	return false
}

// pause stops reading. What was read is kept.
func (c *conn) pause() {
	if !c.has(pausedInput) {
		c.flags |= pausedInput
		c.nc.Pause()
	}
}

// keep holds the bytes that arrive behind a CONNECT while it is being decided, up to a bound; then it stops reading.
func (c *conn) keep(b []byte) {
	if c.state >= draining {
		return
	}
	if len(b) > 0 {
		c.r.Keep(b)
	}
	if c.state == connected || c.r.Buffered() > int(c.live.Limits.MaxPendingBytes) {
		c.pause()
	}
}

// resume goes on with the input that was kept. No more is read while the broker parts with its clients.
func (c *conn) resume() {
	if !c.reading() {
		return
	}
	if c.has(pausedInput) && !c.l.parting {
		c.flags &^= pausedInput
		c.lastSeen = c.l.tick // what it said meanwhile is still to be read
		c.nc.Resume()
	}
	defer c.contain()
	c.feed(nil)
	c.l.wantPass() // it may be the end of a pass already
}

// contain ends a connection whose step panicked where the loop does not know whose step it is: input that was kept is
// gone on with in the middle of a pass.
func (c *conn) contain() {
	if v := recover(); v != nil {
		handler{c.l.b}.Panicked(c.nc, v, debug.Stack())
		c.l.hangUp(c)
	}
}

// fail ends the connection because of what the client sent or because an answer failed.
// [MQTT-4.8.0-1] [MQTT-4.13.1-1] [MQTT-4.13.2-1]
func (c *conn) fail(err error) {
	reason := mqtt.UnspecifiedError
	rule, detail := "", ""
	switch e := err.(type) {
	case *mqtt.Error:
		reason, rule, detail = e.Reason, e.Rule, e.Detail
	case mqtt.Reason:
		reason = e
	}
	c.l.log.Debug("client error", "client", c.clientID(), "remote", c.remote(), "reason", reason.String(), "rule", rule, "detail", detail)
	switch c.state {
	case awaitConnect, authenticating, exchanging, attaching:
		c.refuse(reason, detail)
	case connected:
		c.disconnectSaying(reason, detail)
	}
}

func (c *conn) clientID() string {
	switch {
	case c.sess != nil:
		return c.sess.ClientID
	case c.opening != nil:
		return c.opening.clientID
	}
	return ""
}

// disconnect ends an accepted connection from the broker's side: a DISCONNECT in 5.0, then the end of the connection.
func (c *conn) disconnect(reason mqtt.Reason) { c.disconnectSaying(reason, "") }

func (c *conn) disconnectSaying(reason mqtt.Reason, why string) {
	if c.state != connected {
		return
	}
	c.l.count.closed[reason].add(1)
	if c.version == mqtt.V5 && !c.has(unanswered) { // [MQTT-3.14.0-1]
		c.l.sendDisconnect(c, reason, why)
	}
	c.reason = reason
	c.end()
}

// end takes the connection from its session and closes it once what is queued was written.
func (c *conn) end() {
	if c.state < draining {
		c.part()
		c.l.setTimer(c, c.l.tick+drainTicks)
		c.l.markDirty(c)
	}
}

// depart is the end a client has announced. It sends no more: with nothing queued nobody waits for its end of the
// connection.
func (c *conn) depart() {
	if len(c.out) > 0 || c.layers() != nil {
		c.end()
		return
	}
	c.part()
	c.nc.Close()
}

// part takes the connection from its session.
func (c *conn) part() {
	c.state = draining
	c.l.dropHeld(c)
	if s := c.sess; s != nil {
		c.l.offline(s, c)
	}
	c.forget()
}

// abandon ends a connection that has no session yet. What it waits for finds its state changed.
func (c *conn) abandon() { c.flags &^= pausedInput }

// closeNow ends an accepted connection without a word.
func (c *conn) closeNow() {
	c.end()
	c.l.hangUp(c)
}

// forget drops what only a live connection needs.
func (c *conn) forget() {
	c.giveOpening()
	y := c.layers()
	if c.sess, c.x = nil, nil; y != nil {
		c.x = &extra{layers: y}
	}
	c.r.Reset()
}

// closed is the end of the socket, whoever caused it.
func (c *conn) closed() {
	l := c.l
	if c.state == gone {
		return
	}
	if c.state < connected && c.reason == 0 {
		c.countLeft()
	}
	if y := c.layers(); y != nil {
		y.Gone()
	}
	if c.state < draining {
		if c.sess != nil && c.reason == 0 {
			c.reason = mqtt.UnspecifiedError
		}
		l.dropHeld(c)
		if s := c.sess; s != nil {
			l.offline(s, c)
		}
		c.abandon()
		c.forget()
	}
	c.state = gone
	l.dropOut(c)
	l.dropConn(c)
}

const (
	tickLength = 100 * time.Millisecond
	tickSecond = uint32(time.Second / tickLength)
	drainTicks = uint32(5 * time.Second / tickLength) // for the rest of the queue and the peer's end of the connection
)

// maxTicks is as far ahead as anything is planned: 6.8 years, so that a tick ahead is never taken for one that has passed.
const maxTicks = 1<<31 - 1<<20

func ticks(d time.Duration) uint32 {
	if d > maxTicks*tickLength {
		return maxTicks
	}
	return uint32((d + tickLength - 1) / tickLength)
}
