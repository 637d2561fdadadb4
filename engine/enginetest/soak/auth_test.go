package soak

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
)

// method is an authentication method of some steps.
const method = "STEPS"

func authPacket(reason mqtt.Reason) []byte {
	p := mqtt.Auth{Reason: reason}
	p.Props.Set(mqtt.PropAuthMethod)
	p.Props.AuthMethod = []byte(method)
	return p.AppendTo(nil, mqtt.V5, 0)
}

// slow is an authenticator that takes its time, and now and then says no.
type slow struct{}

func (slow) Authenticate(ctx context.Context, _ *auth.Request) auth.Decision {
	if rand.IntN(8) == 0 {
		select {
		case <-time.After(time.Duration(rand.IntN(10)) * time.Millisecond):
		case <-ctx.Done():
		}
	}
	if rand.IntN(50) == 0 {
		return auth.Decision{Result: auth.Deny, Reason: mqtt.BadUserNameOrPassword}
	}
	return auth.Decision{Result: auth.Allow, Principal: "somebody"}
}

func (slow) Methods() []string { return []string{method} }

func (s slow) Begin(ctx context.Context, r *auth.Request) (auth.Exchange, auth.Decision) {
	return s, s.Step(ctx, r.Data)
}

// Step implements auth.Exchange.
func (s slow) Step(ctx context.Context, _ []byte) auth.Decision {
	if d := s.Authenticate(ctx, nil); d.Result != auth.Allow || rand.IntN(2) == 0 {
		return d
	}
	return auth.Decision{Result: auth.Continue, Data: []byte("?")}
}

// forbidding denies some topics to all but the last client.
type forbidding struct{}

func (forbidding) Authorize(id *auth.Identity, _ auth.Action, topic []byte, _ byte, _ bool) auth.Verdict {
	if id.ClientID != "last" && strings.HasPrefix(string(topic), "t/a") {
		return auth.Denied
	}
	return auth.Allowed
}
