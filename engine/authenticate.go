package engine

import (
	"bytes"
	"context"
	"runtime/debug"
	"slices"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
)

// enhanced is a connection's enhanced authentication: it named a method in its CONNECT.
type enhanced struct {
	method   string
	exchange auth.Exchange // nil between exchanges
	busy     bool          // a step is being decided
	again    bool          // this is a re-authentication
}

// authenticate asks who the client is. An authenticator that may wait is asked in offload; the connection's input
// waits meanwhile, bounded.
func (l *loop) authenticate(c *conn, o *opening, p *mqtt.Connect) {
	r := &o.request
	*r = auth.Request{
		ClientID: o.clientID, Listener: c.lst.name, Version: p.Version,
		HasUsername: p.HasUsername, HasPassword: p.HasPassword,
		Username: string(p.Username), Password: bytes.Clone(p.Password),
	}
	c.introduce(r)
	a := l.b.authenticator(l.live, c.lst)
	if p.Props.Has(mqtt.PropAuthMethod) {
		o.method = string(p.Props.AuthMethod)
		r.Method, r.Data = o.method, bytes.Clone(p.Props.AuthData)
		l.beginExchange(c, a)
		return
	}
	if now, ok := a.(auth.Immediate); ok {
		o.lent = l.b.parts.Authenticator != nil // the broker's own keep nothing
		l.decided(c, l.decide(now, r))
		return
	}
	c.state, o.lent = authenticating, true
	l.ask(c, func(ctx context.Context) auth.Decision { return a.Authenticate(ctx, r) }, l.decided)
}

// ask runs what may wait in offload, with a deadline, and brings the answer back to the loop.
func (l *loop) ask(c *conn, question func(context.Context) auth.Decision, answer func(*conn, auth.Decision)) {
	idx, gen, timeout := c.idx, l.connAt(c.idx).gen, l.live.Auth.Timeout
	ok := l.b.offload.Submit(func() {
		ctx, cancel := context.WithTimeout(l.b.ctx, timeout)
		defer cancel()
		done := make(chan auth.Decision, 1)
		d := auth.Decision{Result: auth.Deny, Reason: mqtt.ServerUnavailable}
		go func() {
			answer := d
			defer func() {
				if v := recover(); v != nil {
					l.b.log.Error("panic in a part", "part", "authenticator", "panic", v, "stack", string(debug.Stack()))
					l.post(func(l *loop) { l.count.panics.add(1) })
				}
				done <- answer
			}()
			answer = question(ctx)
		}()
		select {
		case d = <-done:
		case <-ctx.Done():
		}
		l.post(func(l *loop) {
			if s := l.connAt(idx); s.c != nil && s.gen == gen && s.c.state < draining {
				answer(s.c, d)
			}
		})
	})
	if !ok {
		answer(c, auth.Decision{Result: auth.Deny, Reason: mqtt.ServerBusy})
	}
}

// decided is the answer about a CONNECT without an Authentication Method.
func (l *loop) decided(c *conn, d auth.Decision) {
	waited := c.state == authenticating
	if d.Result != auth.Allow {
		c.refuse(refusal(d), d.ReasonString) // [MQTT-3.1.4-2]
		return
	}
	l.identified(c, d)
	if waited && c.state == connected {
		c.resume()
	}
}

// identified goes on with a client that is who it says.
func (l *loop) identified(c *conn, d auth.Decision) {
	o := c.opening
	o.principal = d.Principal
	if l.b.parts.Authorizer != nil || o.request.HasUsername || d.Principal != "" { // nobody asks who an anonymous client is
		o.identity = &auth.Identity{
			Principal: d.Principal, ClientID: o.clientID, Username: o.request.Username,
			Listener: c.lst.name, Remote: c.remote().Addr(), Superuser: d.Superuser,
		}
	}
	o.authData = d.Data
	l.admit(c)
}

func refusal(d auth.Decision) mqtt.Reason {
	if d.Reason < 0x80 {
		return mqtt.NotAuthorized
	}
	return d.Reason
}

// beginExchange starts enhanced authentication. [MQTT-4.12.0-1]
func (l *loop) beginExchange(c *conn, a auth.Authenticator) {
	o := c.opening
	en, ok := a.(auth.Enhanced)
	if !ok || !slices.Contains(en.Methods(), o.method) {
		c.refuse(mqtt.BadAuthenticationMethod, "")
		return
	}
	o.lent = true
	c.extras().enhanced = &enhanced{method: o.method}
	l.startExchange(c, en, &o.request)
}

// startExchange asks for the first step, of a CONNECT or of a re-authentication.
func (l *loop) startExchange(c *conn, en auth.Enhanced, r *auth.Request) {
	e := c.enhanced()
	e.busy = true
	if c.state != connected {
		c.state = authenticating
	}
	l.ask(c, func(ctx context.Context) auth.Decision {
		x, d := en.Begin(ctx, r)
		e.exchange = x
		return d
	}, l.exchanged)
}

// authPacket is a step of the client's, in the first exchange or in a re-authentication.
func (l *loop) authPacket(c *conn, h mqtt.Header, body []byte) {
	p := &l.in.auth
	if err := p.Decode(c.peer(), h.Flags, body); err != nil {
		c.fail(err)
		return
	}
	e := c.enhanced()
	switch {
	case e == nil: // [MQTT-4.12.0-7]
		c.fail(&mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-4.12.0-7", Detail: "AUTH without an Authentication Method in the CONNECT"})
		return
	case string(p.Props.AuthMethod) != e.method: // [MQTT-4.12.0-5] [MQTT-4.12.1-1]
		c.fail(&mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-4.12.0-5", Detail: "another Authentication Method than in the CONNECT"})
		return
	case e.busy:
		c.fail(&mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-4.12.0-3", Detail: "AUTH before the answer to the last one"})
		return
	}
	switch {
	case p.Reason == mqtt.ReAuthenticate && c.state == connected && !e.again:
		a, ok := l.b.authenticator(l.live, c.lst).(auth.Enhanced)
		if !ok {
			c.fail(mqtt.BadAuthenticationMethod)
			return
		}
		e.again = true
		r := &auth.Request{
			ClientID: c.sess.ClientID, Listener: c.lst.name, Version: c.version,
			Username: c.sess.username(), HasUsername: c.sess.username() != "", Method: e.method, Data: bytes.Clone(p.Props.AuthData),
		}
		c.introduce(r)
		l.startExchange(c, a, r)
	case p.Reason == mqtt.ContinueAuthentication && e.exchange != nil:
		data, x := bytes.Clone(p.Props.AuthData), e.exchange
		e.busy = true
		if c.state == exchanging {
			c.state = authenticating
		}
		l.ask(c, func(ctx context.Context) auth.Decision { return x.Step(ctx, data) }, l.exchanged)
	default: // [MQTT-4.12.0-3]
		c.fail(&mqtt.Error{Reason: mqtt.ProtocolError, Rule: "MQTT-4.12.0-3", Detail: "AUTH with a reason that is not expected now"})
	}
}

// exchanged is the server's side of a step.
func (l *loop) exchanged(c *conn, d auth.Decision) {
	e := c.enhanced()
	e.busy = false
	switch d.Result {
	case auth.Continue: // [MQTT-4.12.0-2]
		l.sendAuth(c, mqtt.ContinueAuthentication, d.Data)
		if c.state == authenticating {
			c.state = exchanging
			c.resume()
		}
	case auth.Allow:
		e.exchange = nil
		if e.again {
			e.again = false
			id := auth.Identity{ClientID: c.sess.ClientID, Listener: c.lst.name, Remote: c.remote().Addr()}
			if c.sess.ident != nil {
				id = *c.sess.ident // shared and never changed
			}
			id.Principal, id.Superuser = d.Principal, d.Superuser
			c.sess.ident = &id
			l.sendAuth(c, mqtt.Success, d.Data)
			return
		}
		l.identified(c, d)
		if c.state == connected {
			c.resume()
		}
	default: // [MQTT-4.12.0-4] [MQTT-4.12.1-2]
		if e.again {
			c.disconnect(mqtt.NotAuthorized)
			return
		}
		c.refuse(refusal(d), d.ReasonString)
	}
}

func (l *loop) sendAuth(c *conn, reason mqtt.Reason, data []byte) {
	p := mqtt.Auth{Reason: reason}
	p.Props.AuthMethod = []byte(c.enhanced().method) // [MQTT-4.12.0-5]
	p.Props.Set(mqtt.PropAuthMethod)
	if data != nil {
		p.Props.AuthData = data
		p.Props.Set(mqtt.PropAuthData)
	}
	l.pushFrame(c, func(dst []byte) []byte { return p.AppendTo(dst, c.version, int(c.maxPacket)) })
}

// hangUpEarly: the client gave up during authentication.
func (l *loop) hangUpEarly(c *conn, flags byte, body []byte) {
	if err := l.in.disconnect.Decode(c.peer(), flags, body); err != nil {
		c.fail(err)
		return
	}
	c.abandon()
	c.state = draining
	c.forget()
	l.hangUp(c)
}

// mayPublish asks the authorizer.
func (l *loop) mayPublish(id *auth.Identity, topic []byte, qos uint8, retain bool) bool {
	return l.b.parts.Authorizer == nil || id == nil || id.Superuser || l.allowed(id, auth.Publish, topic, qos, retain)
}

func (l *loop) maySubscribe(id *auth.Identity, filter []byte, qos uint8) bool {
	return l.b.parts.Authorizer == nil || id == nil || id.Superuser || l.allowed(id, auth.Subscribe, filter, qos, false)
}
