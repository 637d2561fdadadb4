package auth

import "net/netip"

// Action is what a client asks leave for.
type Action uint8

const (
	Publish   Action = iota // topic is a topic name
	Subscribe               // topic is a topic filter
	Receive                 // topic is the name of a message about to be delivered
)

func (a Action) String() string {
	switch a {
	case Publish:
		return "publish"
	case Subscribe:
		return "subscribe"
	case Receive:
		return "receive"
	}
	return "unknown"
}

// Verdict is an Authorizer's answer. The zero value denies.
type Verdict uint8

const (
	Denied Verdict = iota
	Allowed
)

func (v Verdict) String() string {
	if v == Allowed {
		return "allowed"
	}
	return "denied"
}

// Identity is who a connected client is. It is shared and never changes: a re-authentication makes a new one.
type Identity struct {
	Principal string
	ClientID  string
	Username  string
	Listener  string
	Remote    netip.Addr
	Superuser bool
}

// Authorizer decides what a client may do. It answers from memory and never blocks, and is called from all loops
// at once. topic lives until it returns.
type Authorizer interface {
	Authorize(p *Identity, a Action, topic []byte, qos byte, retain bool) Verdict
}
