package engine

import (
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
	"github.com/penstock-mqtt/penstock/fanout"
)

// accept answers a CONNECT whose session is attached. need holds the CONNACK back until all that this loop has stored is
// committed, so that a session that was thrown away does not rise again. [MQTT-3.2.0-1] [MQTT-3.1.4-5]
func (l *loop) accept(c *conn, present, need bool) {
	o := c.opening
	p := mqtt.Connack{SessionPresent: present}
	if c.version == mqtt.V5 {
		l.announce(c, o, &p.Props)
	}
	f := l.newFrame(func(dst []byte) []byte { return p.AppendTo(dst, c.version, int(c.maxPacket)) })
	if !c.fits(f) { // without a CONNACK nothing may be sent [MQTT-3.1.2-24]
		l.pool.ReleaseFrame(f)
		c.reason = mqtt.PacketTooLarge
		l.count.closed[c.reason].add(1)
		c.end()
		return
	}
	if need && l.uncommitted() {
		c.flags |= unanswered
		l.answerRepeat(c, framed(f))
		return
	}
	l.answer(c, framed(f), false)
}

// fits tells whether the client takes a packet of this size. [MQTT-3.1.2-24]
func (c *conn) fits(f *fanout.Frame) bool { return c.maxPacket == 0 || f.Size() <= int(c.maxPacket) }

// explain puts a Reason String where the client wants one.
func (c *conn) explain(p *mqtt.Properties, why string) {
	if why != "" && c.version == mqtt.V5 && !c.has(noProblem) {
		p.ReasonString = []byte(why)
		p.Set(mqtt.PropReasonString)
	}
}

// announce says what this broker offers, as far as it is less than everything.
func (l *loop) announce(c *conn, o *opening, p *mqtt.Properties) {
	limits := &c.live.Limits
	if c.sess.Expiry != o.askedExpiry {
		p.SessionExpiry = c.sess.Expiry
		p.Set(mqtt.PropSessionExpiry)
	}
	if limits.ReceiveMaximum < 65535 {
		p.ReceiveMaximum = uint16(limits.ReceiveMaximum)
		p.Set(mqtt.PropReceiveMaximum)
	}
	if limits.MaximumQoS < 2 { // [MQTT-3.2.2-9]
		p.MaximumQoS = byte(limits.MaximumQoS)
		p.Set(mqtt.PropMaximumQoS)
	}
	off := func(on bool, id mqtt.PropID) {
		if !on {
			p.Set(id) // the value is 0
		}
	}
	off(c.live.Retain.Available, mqtt.PropRetainAvailable)
	off(limits.WildcardSubscriptions, mqtt.PropWildcardAvailable)
	off(limits.SubscriptionIdentifiers, mqtt.PropSubscriptionIDAvailable)
	off(limits.SharedSubscriptions, mqtt.PropSharedAvailable)
	if limits.MaximumPacketSize > 0 {
		p.MaximumPacketSize = uint32(limits.MaximumPacketSize)
		p.Set(mqtt.PropMaximumPacketSize)
	}
	if o.assigned { // [MQTT-3.1.3-7] [MQTT-3.2.2-16]
		p.AssignedClientID = []byte(o.clientID)
		p.Set(mqtt.PropAssignedClientID)
	}
	if limits.TopicAliasMaximum > 0 {
		p.TopicAliasMaximum = uint16(limits.TopicAliasMaximum)
		p.Set(mqtt.PropTopicAliasMaximum)
	}
	if c.keepAlive != o.keepAlive {
		p.ServerKeepAlive = c.keepAlive
		p.Set(mqtt.PropServerKeepAlive)
	}
	if o.requestResponse && limits.ResponseInformation != "" { // [MQTT-3.1.2-28]
		p.ResponseInfo = []byte(limits.ResponseInformation)
		p.Set(mqtt.PropResponseInfo)
	}
	if o.method != "" { // [MQTT-4.12.0-5] [MQTT-4.12.0-6]
		p.AuthMethod = []byte(o.method)
		p.Set(mqtt.PropAuthMethod)
		if o.authData != nil {
			p.AuthData = o.authData
			p.Set(mqtt.PropAuthData)
		}
	}
}

// refuse answers a CONNECT that is not accepted and closes. Codes that 3.x cannot say close without a CONNACK.
// [MQTT-3.1.4-6] [MQTT-3.2.2-6] [MQTT-3.2.2-7]
func (c *conn) refuse(reason mqtt.Reason, why string) {
	l := c.l
	l.count.closed[reason].add(1)
	l.count.refused[reason].add(1)
	if c.version != 0 || reason != mqtt.ProtocolError { // what is no CONNECT has its own reason there
		c.lst.connects[reason].Add(1)
	}
	c.abandon()
	c.reason = reason
	_, speakable := reason.ConnackV3()
	if c.version == mqtt.V5 || speakable && c.version != 0 {
		p := mqtt.Connack{Reason: reason}
		c.explain(&p.Props, why)
		l.refer(c, &p.Props, reason)
		l.pushFrame(c, func(dst []byte) []byte { return p.AppendTo(dst, c.version, int(c.maxPacket)) })
	}
	c.state = draining
	c.forget()
	l.setTimer(c, l.tick+drainTicks)
	l.markDirty(c)
}

// sendDisconnect tells a 5.0 client why its connection ends. [MQTT-3.14.2-2]
func (l *loop) sendDisconnect(c *conn, reason mqtt.Reason, why string) {
	p := mqtt.Disconnect{Reason: reason}
	c.explain(&p.Props, why)
	l.refer(c, &p.Props, reason)
	l.pushFrame(c, func(dst []byte) []byte { return p.AppendTo(dst, c.version, int(c.maxPacket)) })
}

// refer names another server to a client that is sent away.
func (l *loop) refer(c *conn, p *mqtt.Properties, reason mqtt.Reason) {
	ref := l.live.Limits.ServerReference
	if c.version == mqtt.V5 && ref != "" && (reason == mqtt.UseAnotherServer || reason == mqtt.ServerMoved) {
		p.ServerReference = []byte(ref)
		p.Set(mqtt.PropServerReference)
	}
}

// seconds turns a setting into the protocol's unit; zero means the given default.
func seconds(d time.Duration, zero uint32) uint32 {
	if d <= 0 {
		return zero
	}
	return uint32(min(int64(d/time.Second), session.NeverExpires))
}
