package engine

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"net/netip"
	"unicode/utf8"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/engine/store"
	"github.com/penstock-mqtt/penstock/trie"
)

// opening is a CONNECT while it is being decided, copied out of the read buffer.
type opening struct {
	from            netip.Addr // the source it counts for; invalid: none
	early           int64      // bytes that are kept of it
	clientID        string
	assigned        bool // the client identifier is the broker's
	cleanStart      bool
	requestResponse bool
	keepAlive       uint16
	receiveMaximum  uint16
	aliasMaximum    uint16
	maxPacket       uint32
	askedExpiry     uint32
	expiry          uint32 // as granted
	will            *session.Will
	method          string
	authData        []byte // final data of an enhanced exchange, for the CONNACK
	request         auth.Request
	identity        *auth.Identity // nil: anonymous, and nobody asks
	principal       string
	lent            bool // an authenticator may still look at request
}

// connect begins a connection: format, capabilities, client identifier, then who it is, then its session.
func (l *loop) connect(c *conn, h mqtt.Header, body []byte) {
	c.live = l.live
	p := &l.in.connect
	err := p.Decode(h.Flags, body)
	c.version = p.Version
	if err != nil { // [MQTT-3.1.4-1]
		c.fail(err)
		return
	}
	if !c.lst.accepts(l.live, p.Version) { // [MQTT-3.1.2-2]
		c.refuse(mqtt.UnsupportedProtocolVersion, "")
		return
	}
	o := c.opening
	o.cleanStart, o.keepAlive, o.receiveMaximum = p.CleanStart, p.KeepAlive, 65535
	if reason := l.identify(o, p); reason != mqtt.Success {
		c.refuse(reason, "")
		return
	}
	if p.HasWill {
		if reason := l.checkWill(c, o, &p.Will); reason != mqtt.Success {
			c.refuse(reason, "")
			return
		}
	}
	l.negotiate(c, o, p)
	l.authenticate(c, o, p)
}

// identify settles the client identifier.
func (l *loop) identify(o *opening, p *mqtt.Connect) mqtt.Reason {
	switch {
	case len(p.ClientID) > l.live.Limits.MaxClientIDLength: // [MQTT-3.1.3-8] [MQTT-3.1.3-9]
		return mqtt.ClientIdentifierNotValid
	case len(p.ClientID) > 0:
		o.clientID = string(p.ClientID)
	case p.Version == mqtt.V31, p.Version == mqtt.V311 && !p.CleanStart: // v311 [MQTT-3.1.3-8]
		return mqtt.ClientIdentifierNotValid
	default: // [MQTT-3.1.3-6]
		var b [16]byte
		rand.Read(b[:])
		o.clientID = "auto-" + hex.EncodeToString(b[:])
		o.assigned = true
	}
	return mqtt.Success
}

// negotiate takes what the client asks for; 3.x clients have none of it.
func (l *loop) negotiate(c *conn, o *opening, p *mqtt.Connect) {
	if p.Version != mqtt.V5 {
		if !p.CleanStart {
			o.expiry = seconds(l.live.Session.ExpiryV3, session.NeverExpires)
		}
		return
	}
	if p.Props.Has(mqtt.PropSessionExpiry) {
		o.askedExpiry = p.Props.SessionExpiry
		o.expiry = min(o.askedExpiry, seconds(l.live.Session.MaxExpiry, session.NeverExpires))
	}
	if p.Props.Has(mqtt.PropReceiveMaximum) {
		o.receiveMaximum = p.Props.ReceiveMaximum
	}
	if p.Props.Has(mqtt.PropMaximumPacketSize) {
		o.maxPacket = p.Props.MaximumPacketSize
		c.maxPacket = o.maxPacket // it binds the CONNACK already
	}
	if p.Props.Has(mqtt.PropTopicAliasMaximum) {
		o.aliasMaximum = p.Props.TopicAliasMaximum
	}
	o.requestResponse = p.Props.Has(mqtt.PropRequestResponse) && p.Props.RequestResponse == 1
	if p.Props.Has(mqtt.PropRequestProblem) && p.Props.RequestProblem == 0 {
		c.flags |= noProblem
	}
}

// checkWill takes the will, if the broker could publish it.
func (l *loop) checkWill(c *conn, o *opening, w *mqtt.Will) mqtt.Reason {
	switch {
	case int(w.QoS) > l.live.Limits.MaximumQoS: // [MQTT-3.2.2-12]
		return mqtt.QoSNotSupported
	case w.Retain && !l.live.Retain.Available: // [MQTT-3.2.2-13]
		return mqtt.RetainNotSupported
	case !trie.ValidName(w.Topic), tooDeep(w.Topic, l.live.Limits.MaxTopicLevels), len(c.lst.mount)+len(w.Topic) > maxTopic,
		bytes.HasPrefix(w.Topic, sysPrefix):
		return mqtt.TopicNameInvalid
	case l.live.Limits.ValidatePayloadFormat && w.Props.Has(mqtt.PropPayloadFormat) && w.Props.PayloadFormat == 1 && !utf8.Valid(w.Payload):
		return mqtt.PayloadFormatInvalid
	}
	o.will = &session.Will{
		Topic:   append([]byte(c.lst.mount), w.Topic...),
		Payload: bytes.Clone(w.Payload),
		Props:   w.Props.AppendForward(nil),
		QoS:     w.QoS, Retain: w.Retain,
	}
	if w.Props.Has(mqtt.PropWillDelay) {
		o.will.Delay = w.Props.WillDelay
	}
	if w.Props.Has(mqtt.PropMessageExpiry) {
		o.will.Expiry, o.will.HasExpiry = w.Props.MessageExpiry, true
	}
	return mqtt.Success
}

// admit goes on with a CONNECT that was authenticated: rights of the will, then the session.
func (l *loop) admit(c *conn) {
	o := c.opening
	if o.expiry > 0 && l.pressure() == store.Failed || l.b.doubtful.has(o.clientID) {
		l.refuseUnkept(c)
		return
	}
	if o.will != nil && !l.mayPublish(o.identity, o.will.Topic[len(c.lst.mount):], o.will.QoS, o.will.Retain) {
		c.refuse(mqtt.NotAuthorized, "")
		return
	}
	l.claim(c)
}
