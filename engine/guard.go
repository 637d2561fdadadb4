package engine

import (
	"runtime/debug"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
	"github.com/penstock-mqtt/penstock/fanout"
)

// observe tells a hook.
func (l *loop) observe(hook func()) {
	defer l.recovered("hook")
	hook()
}

// give hands a message to a subscription of the embedder's.
func (l *loop) give(slot uint32, m *fanout.Message) {
	defer l.recovered("subscription")
	l.sinks[slot](m)
}

// decide asks an authenticator that answers at once.
func (l *loop) decide(a auth.Immediate, r *auth.Request) (d auth.Decision) {
	defer l.recovered("authenticator")
	d = auth.Decision{Result: auth.Deny, Reason: mqtt.ServerUnavailable} // unless it comes back
	d = a.AuthenticateNow(r)
	return d
}

// allowed asks the authorizer.
func (l *loop) allowed(id *auth.Identity, what auth.Action, topic []byte, qos uint8, retain bool) bool {
	defer l.recovered("authorizer")
	return l.b.parts.Authorizer.Authorize(id, what, topic, qos, retain) == auth.Allowed
}

// rewritten asks the rewriter.
func (c *conn) rewritten(m *Message) (reason mqtt.Reason) {
	defer c.l.recovered("rewriter")
	reason = mqtt.ImplementationSpecificError // unless it comes back
	reason = c.l.b.parts.Rewriter.Rewrite(c.info(), m)
	return reason
}

// recovered is deferred around what the embedder wrote.
func (l *loop) recovered(part string) {
	if v := recover(); v != nil {
		l.count.panics.add(1)
		l.log.Error("panic in a part", "part", part, "panic", v, "stack", string(debug.Stack()))
	}
}
