package auth

import (
	"context"
	"slices"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
)

// Chain asks one provider after the other: the first that does not Ignore decides, and if all do the client is
// denied. The result is Immediate if all providers are. A client with an Authentication Method is asked by the first
// provider that speaks it, and by nobody else.
func Chain(providers ...Authenticator) Authenticator {
	c := chain{providers: slices.Clone(providers)}
	now := true
	for _, p := range c.providers {
		_, immediate := p.(Immediate)
		now = now && immediate
		if e, ok := p.(Enhanced); ok {
			c.enhanced = append(c.enhanced, e)
		}
	}
	if now {
		return immediateChain{c}
	}
	return c
}

type chain struct {
	providers []Authenticator
	enhanced  []Enhanced
}

type immediateChain struct{ chain }

var nobody = Decision{Result: Deny, Reason: mqtt.NotAuthorized}

func (c chain) Authenticate(ctx context.Context, r *Request) Decision {
	for _, p := range c.providers {
		if d := p.Authenticate(ctx, r); d.Result != Ignore {
			return d
		}
		if ctx.Err() != nil {
			// Whoever did not know may have had no time: the next one must not decide in its place.
			return Decision{Result: Deny, Reason: mqtt.ServerUnavailable}
		}
	}
	return nobody
}

// AuthenticateNow implements Immediate.
func (c immediateChain) AuthenticateNow(r *Request) Decision {
	for _, p := range c.providers {
		if d := p.(Immediate).AuthenticateNow(r); d.Result != Ignore {
			return d
		}
	}
	return nobody
}

// Methods implements Enhanced.
func (c chain) Methods() (all []string) {
	for _, e := range c.enhanced {
		for _, m := range e.Methods() {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}

// Begin implements Enhanced.
func (c chain) Begin(ctx context.Context, r *Request) (Exchange, Decision) {
	for _, e := range c.enhanced {
		if slices.Contains(e.Methods(), r.Method) {
			return e.Begin(ctx, r)
		}
	}
	return nil, Decision{Result: Deny, Reason: mqtt.BadAuthenticationMethod}
}
