package authtest

import (
	"bytes"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
)

// oddities turns a request into ones that a client can send and nobody expects.
func oddities(r auth.Request) map[string]auth.Request {
	out := map[string]auth.Request{"nothing at all": {}}
	vary := func(name string, f func(r *auth.Request)) {
		c := clone(r)
		f(&c)
		out[name] = c
	}
	vary("no user name", func(r *auth.Request) { r.Username, r.HasUsername = "", false })
	vary("an empty user name", func(r *auth.Request) { r.Username, r.HasUsername = "", true })
	vary("a password without a user name", func(r *auth.Request) {
		r.Username, r.HasUsername, r.Password, r.HasPassword = "", false, []byte("x"), true
	})
	vary("a user name without a password", func(r *auth.Request) { r.HasUsername, r.Password, r.HasPassword = true, nil, false })
	vary("an empty password", func(r *auth.Request) { r.Password, r.HasPassword = []byte{}, true })
	vary("an empty password that is nil", func(r *auth.Request) { r.Password, r.HasPassword = nil, true })
	vary("the longest of everything", func(r *auth.Request) {
		long := strings.Repeat("\u00e9", 32767)
		r.ClientID, r.Username, r.HasUsername, r.HasPassword = long, long, true, true
		r.Password = bytes.Repeat([]byte{0xff}, 65535)
	})
	vary("signs that mean something elsewhere", func(r *auth.Request) {
		r.ClientID, r.Username, r.HasUsername = "+/#/..%s$\"'\\\n*", "+/#/..%s$\"'\\\n*:", true
	})
	vary("an unknown version", func(r *auth.Request) { r.Version = mqtt.Version(9) })
	vary("no addresses", func(r *auth.Request) { r.Remote, r.Local = netip.AddrPort{}, netip.AddrPort{} })
	return out
}

func odd(t *testing.T, a auth.Authenticator, cases []Case) {
	for _, c := range append([]Case{{Name: "no case"}}, cases...) {
		for name, r := range oddities(c.Request) {
			d, err := ask(t.Context(), a, r)
			if err != nil {
				t.Errorf("%s, %s: %v", c.Name, name, err)
			}
			again, err := ask(t.Context(), a, clone(r))
			if err != nil || again.Result != d.Result || again.Principal != d.Principal {
				t.Errorf("%s, %s: got %+v (%v) the second time, want %+v", c.Name, name, again, err, d)
			}
		}
	}
}

// enhanced begins exchanges that must not succeed.
func enhanced(t *testing.T, e auth.Enhanced, cases []Case) {
	methods := e.Methods()
	if again := e.Methods(); !reflect.DeepEqual(again, methods) {
		t.Errorf("Methods: got %q the second time, want %q", again, methods)
	}
	if len(slices.Compact(slices.Sorted(slices.Values(methods)))) != len(methods) || slices.Contains(methods, "") {
		t.Errorf("Methods: got %q, want names that differ and are not empty", methods)
	}
	var r auth.Request
	if len(cases) > 0 {
		r = cases[0].Request
	}
	r.Method = "no such method"
	if x, d := e.Begin(t.Context(), &r); d.Result != auth.Deny || x != nil {
		t.Errorf("Begin with an unknown method: got %+v and exchange %v, want deny and none", d, x)
	}
	var wg sync.WaitGroup
	for _, m := range methods {
		for _, data := range [][]byte{nil, {}, {0}, []byte("garbage"), bytes.Repeat([]byte("n,,n=a,r="), 7000)} {
			wg.Go(func() {
				r := clone(r)
				r.Method, r.Data = m, data
				if err := garbage(t, e, &r); err != nil {
					t.Errorf("method %q, data %.20q: %v", m, data, err)
				}
			})
		}
	}
	wg.Wait()
}

// garbage drives one exchange with its own first data until it ends, which it must.
func garbage(t *testing.T, e auth.Enhanced, r *auth.Request) error {
	x, d := e.Begin(t.Context(), r)
	for range 10 {
		if err := sound(d, r); err != nil {
			return err
		}
		switch {
		case d.Result == auth.Allow:
			return fmt.Errorf("got allow as %q", d.Principal)
		case d.Result != auth.Continue:
			return nil
		case x == nil:
			return fmt.Errorf("got continue without an exchange")
		}
		d = x.Step(t.Context(), slices.Clone(r.Data))
	}
	return fmt.Errorf("no end after 10 steps")
}
