package auth

import (
	"context"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// The policies for clients that nobody knows. They look at no user name.
var (
	// Anonymous allows clients of this machine and denies all others: the default.
	Anonymous Immediate = policy(loopback)
	// Always allows everybody.
	Always Immediate = policy(func(*Request) bool { return true })
	// Never denies everybody.
	Never Immediate = policy(func(*Request) bool { return false })
)

// loopback wants both ends on this machine: a unix socket is. A TCP connection has both on the loopback address: a proxy
// on this machine that names its client brings a remote address from outside, and a forwarded port a local one. Loopback
// addresses that a proxy on another machine names are that machine's.
func loopback(r *Request) bool {
	switch {
	case r.Transport == "unix" && !r.Proxied:
		return true
	case r.Proxied && r.Proxy.IsValid() && !r.Proxy.Addr().Unmap().IsLoopback():
		return false
	}
	return r.Remote.Addr().Unmap().IsLoopback() && r.Local.Addr().Unmap().IsLoopback()
}

type policy func(r *Request) bool

func (p policy) Authenticate(_ context.Context, r *Request) Decision { return p.AuthenticateNow(r) }

func (p policy) AuthenticateNow(r *Request) Decision {
	if p(r) {
		return Decision{Result: Allow}
	}
	return Decision{Result: Deny, Reason: mqtt.NotAuthorized}
}
