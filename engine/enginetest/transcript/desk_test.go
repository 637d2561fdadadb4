package transcript

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
)

// desk is where clients are let in: by the scenario's word (async), or by an exchange in two steps.
type desk struct {
	s     *scenario
	kind  string
	mu    sync.Mutex
	asked map[string]chan auth.Decision
	came  chan struct{} // somebody asks
	open  bool          // everybody is let in
}

func newDesk(s *scenario, kind string) *desk {
	return &desk{s: s, kind: kind, asked: map[string]chan auth.Decision{}, came: make(chan struct{}, 64)}
}

func (d *desk) authenticator() auth.Authenticator {
	switch d.kind {
	case "async":
		return d
	case "exchange":
		return exchange{}
	}
	d.s.fatalf("auth=%s?", d.kind)
	return nil
}

// Authenticate waits until the scenario decides.
func (d *desk) Authenticate(ctx context.Context, r *auth.Request) auth.Decision {
	answer := make(chan auth.Decision, 1)
	d.mu.Lock()
	if d.open {
		d.mu.Unlock()
		return auth.Decision{Result: auth.Allow}
	}
	d.asked[r.ClientID] = answer
	d.mu.Unlock()
	d.came <- struct{}{}
	select {
	case a := <-answer:
		return a
	case <-ctx.Done():
		return auth.Decision{Reason: mqtt.ServerUnavailable}
	}
}

// openUp lets everybody in from now on.
func (d *desk) openUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = true
}

// decide answers a client, once it is asked about.
func (d *desk) decide(a args) {
	decision := auth.Decision{Result: auth.Allow, Principal: a.text("principal", a.word(0))}
	if a.word(1) == "deny" {
		decision = auth.Decision{Reason: mqtt.NotAuthorized}
		if len(a.words) > 2 {
			decision.Reason = mqtt.Reason(a.code(a.words[2]))
		}
	}
	overdue := time.After(patience)
	for {
		d.mu.Lock()
		answer := d.asked[a.word(0)]
		delete(d.asked, a.word(0))
		d.mu.Unlock()
		if answer != nil {
			answer <- decision
			return
		}
		select {
		case <-d.came:
		case <-overdue:
			d.s.fatalf("nobody asks about %s", a.word(0))
		}
	}
}

// exchange is enhanced authentication: hello, challenge, proof, welcome. Everybody without a method is let in.
type exchange struct{}

func (exchange) Authenticate(context.Context, *auth.Request) auth.Decision {
	return auth.Decision{Result: auth.Allow}
}

func (exchange) Methods() []string { return []string{"two-step"} }

func (exchange) Begin(_ context.Context, r *auth.Request) (auth.Exchange, auth.Decision) {
	if string(r.Data) != "hello" {
		return nil, auth.Decision{Reason: mqtt.NotAuthorized}
	}
	return exchange{}, auth.Decision{Result: auth.Continue, Data: []byte("challenge")}
}

func (exchange) Step(_ context.Context, data []byte) auth.Decision {
	name, ok := bytes.CutPrefix(data, []byte("proof of "))
	if !ok {
		return auth.Decision{Reason: mqtt.NotAuthorized}
	}
	return auth.Decision{Result: auth.Allow, Principal: string(name), Data: []byte("welcome")}
}

// acl denies what begins with a forbidden prefix, and to a client of that principal what begins with "its name!".
type acl struct {
	mu       sync.Mutex
	prefixes map[string]bool
}

func (a *acl) forbid(prefix string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.prefixes == nil {
		a.prefixes = map[string]bool{}
	}
	a.prefixes[prefix] = true
}

func (a *acl) permit(prefix string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.prefixes, prefix)
}

// Authorize implements auth.Authorizer.
func (a *acl) Authorize(_ *auth.Identity, _ auth.Action, topic []byte, _ byte, _ bool) auth.Verdict {
	a.mu.Lock()
	defer a.mu.Unlock()
	for p := range a.prefixes {
		if bytes.HasPrefix(topic, []byte(p)) {
			return auth.Denied
		}
	}
	return auth.Allowed
}
