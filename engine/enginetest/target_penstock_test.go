package enginetest

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine"
	"github.com/penstock-mqtt/penstock/engine/auth"
)

// startPenstock starts an in-process broker with these settings on ports of its own.
func startPenstock(s Settings) (target Target, stop func(), err error) {
	_, target, stop, err = startWith(configOf(s), s)
	return target, stop, err
}

func startWith(cfg engine.Config, s Settings) (b *engine.Broker, target Target, stop func(), err error) {
	if b, err = engine.New(cfg, partsOf(s)); err == nil {
		err = b.Start()
	}
	if err != nil {
		return nil, Target{}, nil, err
	}
	stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = b.Stop(ctx)
	}
	at := b.Addrs()
	return b, Target{Addr: strings.TrimPrefix(at[0].URL, "tcp://"), WebSocket: at[1].URL}, stop, nil
}

// configOf maps settings onto the configuration.
func configOf(s Settings) engine.Config {
	c := engine.DefaultConfig()
	c.Listeners = []engine.Listener{
		{Kind: engine.KindTCP, Address: "127.0.0.1:0"},
		{Kind: engine.KindWS, Address: "127.0.0.1:0"},
	}
	c.Loops = 2 // so that takeover and routing go from loop to loop
	l := &c.Limits
	if s.LimitQoS {
		l.MaximumQoS = int(s.MaxQoS)
	}
	c.Retain.Available = !s.NoRetain
	l.WildcardSubscriptions = !s.NoWildcards
	l.SharedSubscriptions = !s.NoShared
	l.SubscriptionIdentifiers = !s.NoSubscriptionIDs
	if s.MaxPacketSize > 0 {
		l.MaximumPacketSize = engine.Size(s.MaxPacketSize)
	}
	if s.ReceiveMaximum > 0 {
		l.ReceiveMaximum = int(s.ReceiveMaximum)
	}
	if s.TopicAliasMaximum > 0 || s.NoTopicAlias {
		l.TopicAliasMaximum = int(s.TopicAliasMaximum)
	}
	l.ServerKeepAlive = time.Duration(s.ServerKeepAlive) * time.Second
	c.Session.MaxExpiry = time.Duration(s.MaxSessionExpiry) * time.Second
	l.ResponseInformation = s.ResponseInfo
	if s.MaxClientID > 0 {
		l.MaxClientIDLength = s.MaxClientID
	}
	return c
}

// partsOf maps settings onto behaviour.
func partsOf(s Settings) engine.Parts {
	var p engine.Parts
	switch {
	case s.Login:
		p.Authenticator = auth.Static{loginUser: loginPassword}
	case s.EnhancedAuth:
		p.Authenticator = twoStep{}
	}
	if s.Forbid {
		p.Authorizer = forbids{}
	}
	return p
}

// forbids denies everything below forbidden.
type forbids struct{}

func (forbids) Authorize(_ *auth.Identity, _ auth.Action, topic []byte, _ byte, _ bool) auth.Verdict {
	if bytes.HasPrefix(topic, []byte(forbidden)) {
		return auth.Denied
	}
	return auth.Allowed
}

// twoStep speaks authMethod and lets in everybody who names no method.
type twoStep struct{}

func (twoStep) Authenticate(context.Context, *auth.Request) auth.Decision {
	return auth.Decision{Result: auth.Allow}
}

func (twoStep) Methods() []string { return []string{authMethod} }

func (twoStep) Begin(_ context.Context, r *auth.Request) (auth.Exchange, auth.Decision) {
	if string(r.Data) != authHello {
		return nil, auth.Decision{Result: auth.Deny, Reason: mqtt.NotAuthorized}
	}
	return twoStep{}, auth.Decision{Result: auth.Continue, Data: []byte(authChallenge)}
}

func (twoStep) Step(_ context.Context, data []byte) auth.Decision {
	if string(data) != authProof {
		return auth.Decision{Result: auth.Deny, Reason: mqtt.NotAuthorized}
	}
	return auth.Decision{Result: auth.Allow, Principal: "two-step", Data: []byte(authWelcome)}
}
