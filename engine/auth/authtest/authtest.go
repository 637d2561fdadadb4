// Package authtest is the suite for providers of engine/auth. A provider's tests call Run with a handful of requests
// whose answers they know; the suite asks those in all the ways the broker does, and then what nobody thought of.
package authtest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
)

// Case is a request and what the provider must answer.
type Case struct {
	Name      string
	Request   auth.Request
	Want      auth.Result
	Reason    mqtt.Reason // with Deny; 0: any
	Principal string      // with Allow
	Superuser bool
}

// patience is how long an answer may take that is due at once. It is long because a loaded machine is no fault.
const patience = 10 * time.Second

// Run checks a provider. It is called from many goroutines at once, so run it with the race detector too.
func Run(t *testing.T, a auth.Authenticator, cases []Case) {
	t.Helper()
	t.Run("answers as its cases say", func(t *testing.T) { answers(t, a, cases) })
	t.Run("answers the same to everybody at once", func(t *testing.T) { atOnce(t, a, cases) })
	t.Run("returns when its time is over", func(t *testing.T) { returns(t, a, cases) })
	t.Run("takes nothing for a password but the password", func(t *testing.T) { passwords(t, a, cases) })
	t.Run("answers odd requests soundly", func(t *testing.T) { odd(t, a, cases) })
	if e, ok := a.(auth.Enhanced); ok {
		t.Run("speaks its methods soundly", func(t *testing.T) { enhanced(t, e, cases) })
	}
}

// ask gets one answer and checks what holds for all of them.
func ask(ctx context.Context, a auth.Authenticator, r auth.Request) (auth.Decision, error) {
	before := clone(r)
	done := make(chan auth.Decision, 1)
	go func() { done <- a.Authenticate(ctx, &r) }()
	select {
	case d := <-done:
		if !reflect.DeepEqual(before, r) {
			return d, fmt.Errorf("the request was changed: got %+v, want %+v", r, before)
		}
		return d, sound(d, &before)
	case <-time.After(patience):
		return auth.Decision{}, fmt.Errorf("no answer after %v", patience)
	}
}

// sound checks that a decision says one thing only.
func sound(d auth.Decision, r *auth.Request) error {
	switch {
	case d.Result > auth.Ignore:
		return fmt.Errorf("unknown result in %+v", d)
	case d.Result != auth.Deny && d.Reason >= 0x80:
		return fmt.Errorf("%v with failing reason %v", d.Result, d.Reason)
	case d.Result != auth.Allow && (d.Principal != "" || d.Superuser):
		return fmt.Errorf("%v names a principal: %+v", d.Result, d)
	case d.Result == auth.Continue && r.Method == "":
		return fmt.Errorf("%v for a client without an Authentication Method", d.Result)
	case d.Result != auth.Allow && d.Result != auth.Continue && d.Data != nil:
		return fmt.Errorf("%v with Authentication Data", d.Result)
	}
	return nil
}

func clone(r auth.Request) auth.Request {
	r.Password, r.Data = slices.Clone(r.Password), slices.Clone(r.Data)
	return r
}

func check(c *Case, d auth.Decision) error {
	got := fmt.Sprintf("%v principal %q superuser %v", d.Result, d.Principal, d.Superuser)
	want := fmt.Sprintf("%v principal %q superuser %v", c.Want, c.Principal, c.Superuser)
	if got != want {
		return fmt.Errorf("got %s (reason %v), want %s", got, d.Reason, want)
	}
	if c.Want == auth.Deny && c.Reason != 0 && d.Reason != c.Reason {
		return fmt.Errorf("got reason %v, want %v", d.Reason, c.Reason)
	}
	return nil
}

func answers(t *testing.T, a auth.Authenticator, cases []Case) {
	for _, c := range cases {
		d, err := ask(t.Context(), a, clone(c.Request))
		if err == nil {
			err = check(&c, d)
		}
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		now, ok := a.(auth.Immediate)
		if !ok {
			continue
		}
		r := clone(c.Request)
		if got := now.AuthenticateNow(&r); !reflect.DeepEqual(got, d) {
			t.Errorf("%s: AuthenticateNow: got %+v, want %+v as Authenticate says", c.Name, got, d)
		}
	}
}

func atOnce(t *testing.T, a auth.Authenticator, cases []Case) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, c := range cases {
				d, err := ask(t.Context(), a, clone(c.Request))
				if err == nil {
					err = check(&c, d)
				}
				if err != nil {
					t.Errorf("%s: %v", c.Name, err)
				}
			}
		})
	}
	wg.Wait()
}

// returns asks under contexts that are over or soon will be. The answer is the provider's own, but it comes.
func returns(t *testing.T, a auth.Authenticator, cases []Case) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range cases {
		if _, err := ask(cancelled, a, clone(c.Request)); err != nil {
			t.Errorf("%s, cancelled: %v", c.Name, err)
		}
		short, stop := context.WithTimeout(t.Context(), time.Millisecond)
		if _, err := ask(short, a, clone(c.Request)); err != nil {
			t.Errorf("%s, with a deadline of 1 ms: %v", c.Name, err)
		}
		stop()
	}
}

// passwords alters the password of each client that was allowed as somebody.
func passwords(t *testing.T, a auth.Authenticator, cases []Case) {
	for _, c := range cases {
		if c.Want != auth.Allow || c.Principal == "" || !c.Request.HasPassword {
			continue
		}
		password := c.Request.Password
		wrong := map[string][]byte{
			"longer": append(slices.Clone(password), 'x'), "with a zero byte": append(slices.Clone(password), 0),
		}
		if len(password) > 0 {
			wrong["empty"], wrong["cut"] = []byte{}, password[:len(password)-1]
			wrong["twice"] = append(slices.Clone(password), password...)
			wrong["altered"] = slices.Clone(password)
			wrong["altered"][0] ^= 1
		}
		for name, p := range wrong {
			r := clone(c.Request)
			r.Password = p
			notAllowed(t, a, &c, r, name)
		}
		r := clone(c.Request)
		r.Password, r.HasPassword = nil, false
		notAllowed(t, a, &c, r, "absent")
	}
}

func notAllowed(t *testing.T, a auth.Authenticator, c *Case, r auth.Request, name string) {
	t.Helper()
	d, err := ask(t.Context(), a, r)
	if err != nil {
		t.Errorf("%s, password %s: %v", c.Name, name, err)
	}
	if d.Result == auth.Allow && d.Principal == c.Principal {
		t.Errorf("%s, password %s: got allow as %q, want anything else", c.Name, name, d.Principal)
	}
}
