package engine

import (
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/internal/session"
)

// accept answers a CONNECT whose session is attached. need holds the CONNACK back until the present batch is
// committed, so that a session that was thrown away does not rise again. [MQTT-3.2.0-1] [MQTT-3.1.4-5]
func (l *loop) accept(c *conn, present, need bool) {
	o := c.opening
	p := mqtt.Connack{SessionPresent: present}
	if c.version == mqtt.V5 {
		l.announce(c, o, &p.Props)
	}
	l.answer(c, outItem{frame: l.newFrame(func(dst []byte) []byte { return p.AppendTo(dst, c.version, int(c.maxPacket)) })}, need)
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
func (c *conn) refuse(reason mqtt.Reason, fill func(p *mqtt.Properties)) {
	l := c.l
	l.count.closed[reason].add(1)
	c.abandon()
	c.reason = reason
	_, speakable := reason.ConnackV3()
	if c.version == mqtt.V5 || speakable && c.version != 0 {
		p := mqtt.Connack{Reason: reason}
		if c.version == mqtt.V5 {
			if fill != nil {
				fill(&p.Props)
			}
			if ref := l.live.Limits.ServerReference; ref != "" && (reason == mqtt.UseAnotherServer || reason == mqtt.ServerMoved) {
				p.Props.ServerReference = []byte(ref)
				p.Props.Set(mqtt.PropServerReference)
			}
		}
		l.pushFrame(c, func(dst []byte) []byte { return p.AppendTo(dst, c.version, int(c.maxPacket)) })
	}
	c.state = draining
	c.forget()
	l.setTimer(c, l.tick+drainTicks)
	l.markDirty(c)
}

// sendDisconnect tells a 5.0 client why its connection ends. [MQTT-3.14.2-2]
func (l *loop) sendDisconnect(c *conn, reason mqtt.Reason) {
	p := mqtt.Disconnect{Reason: reason}
	if ref := l.live.Limits.ServerReference; ref != "" && (reason == mqtt.UseAnotherServer || reason == mqtt.ServerMoved) {
		p.Props.ServerReference = []byte(ref)
		p.Props.Set(mqtt.PropServerReference)
	}
	l.pushFrame(c, func(dst []byte) []byte { return p.AppendTo(dst, c.version, int(c.maxPacket)) })
}

// seconds turns a setting into the protocol's unit; zero means the given default.
func seconds(d time.Duration, zero uint32) uint32 {
	if d <= 0 {
		return zero
	}
	return uint32(min(int64(d/time.Second), session.NeverExpires))
}
