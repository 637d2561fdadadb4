package auth_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/penstock-mqtt/penstock/codec/mqtt"
	"github.com/penstock-mqtt/penstock/engine/auth"
	"github.com/penstock-mqtt/penstock/engine/auth/authtest"
)

var (
	home    = netip.MustParseAddrPort("127.0.0.1:40000")
	home6   = netip.MustParseAddrPort("[::1]:40000")
	mapped  = netip.MustParseAddrPort("[::ffff:127.0.0.1]:40000")
	outside = netip.MustParseAddrPort("192.0.2.1:40000")
)

func from(remote, local netip.AddrPort) auth.Request {
	return auth.Request{ClientID: "c", Remote: remote, Local: local, Version: mqtt.V5, Listener: "tcp"}
}

// behind is a client that says to be on loopback, forwarded by a proxy.
func behind(proxy netip.AddrPort, transport string) auth.Request {
	r := from(home, home)
	r.Transport, r.Proxied, r.Proxy = transport, true, proxy
	return r
}

func user(name, password string) auth.Request {
	r := from(home, home)
	r.Username, r.HasUsername, r.Password, r.HasPassword = name, true, []byte(password), true
	return r
}

func TestAnonymousAllowsLoopbackOnly(t *testing.T) {
	authtest.Run(t, auth.Anonymous, []authtest.Case{
		{Name: "both ends on loopback", Request: from(home, home), Want: auth.Allow},
		{Name: "IPv6", Request: from(home6, home6), Want: auth.Allow},
		{Name: "IPv4 in IPv6", Request: from(mapped, mapped), Want: auth.Allow},
		{Name: "a user name says nothing", Request: user("x", "y"), Want: auth.Allow},
		{Name: "from outside", Request: from(outside, outside), Want: auth.Deny, Reason: mqtt.NotAuthorized},
		{Name: "a proxy here for a client outside", Request: from(outside, home), Want: auth.Deny, Reason: mqtt.NotAuthorized},
		{Name: "to an address outside", Request: from(home, outside), Want: auth.Deny, Reason: mqtt.NotAuthorized},
		{Name: "no addresses", Request: from(netip.AddrPort{}, netip.AddrPort{}), Want: auth.Deny, Reason: mqtt.NotAuthorized},
		{Name: "a proxy here for a client here", Request: behind(home, "tcp"), Want: auth.Allow},
		{Name: "a proxy here, over a unix socket, for a client here", Request: behind(netip.AddrPort{}, "unix"), Want: auth.Allow},
		{Name: "a proxy elsewhere for a client of its own machine", Request: behind(outside, "tcp"), Want: auth.Deny, Reason: mqtt.NotAuthorized},
	})
}

func TestAlwaysAndNeverLookAtNothing(t *testing.T) {
	authtest.Run(t, auth.Always, []authtest.Case{
		{Name: "outside", Request: from(outside, outside), Want: auth.Allow}, {Name: "user", Request: user("a", ""), Want: auth.Allow}})
	authtest.Run(t, auth.Never, []authtest.Case{
		{Name: "loopback", Request: from(home, home), Want: auth.Deny, Reason: mqtt.NotAuthorized}})
}

func TestStaticKnowsItsUsers(t *testing.T) {
	authtest.Run(t, auth.Static{"ada": "lovelace", "nopass": ""}, []authtest.Case{
		{Name: "right", Request: user("ada", "lovelace"), Want: auth.Allow, Principal: "ada"},
		{Name: "an empty password that is right", Request: user("nopass", ""), Want: auth.Allow, Principal: "nopass"},
		{Name: "wrong", Request: user("ada", "byron"), Want: auth.Deny, Reason: mqtt.BadUserNameOrPassword},
		{Name: "unknown", Request: user("bob", ""), Want: auth.Deny, Reason: mqtt.BadUserNameOrPassword},
		{Name: "no user name", Request: from(home, home), Want: auth.Ignore},
	})
}

// answer is a provider that always says the same, and may block.
type answer auth.Decision

func (a answer) Authenticate(context.Context, *auth.Request) auth.Decision { return auth.Decision(a) }

// slow answers when its time is over.
type slow struct{ auth.Decision }

func (s slow) Authenticate(ctx context.Context, _ *auth.Request) auth.Decision {
	<-ctx.Done()
	return s.Decision
}

func TestTheFirstDefiniteAnswerOfAChainCounts(t *testing.T) {
	authtest.Run(t, auth.Chain(auth.Static{"ada": "lovelace"}, auth.Anonymous), []authtest.Case{
		{Name: "known", Request: user("ada", "lovelace"), Want: auth.Allow, Principal: "ada"},
		{Name: "a wrong password is not passed on", Request: user("ada", "x"), Want: auth.Deny, Reason: mqtt.BadUserNameOrPassword},
		{Name: "anonymous here", Request: from(home, home), Want: auth.Allow},
		{Name: "anonymous outside", Request: from(outside, outside), Want: auth.Deny, Reason: mqtt.NotAuthorized},
	})
	ignore := answer{Result: auth.Ignore}
	for name, a := range map[string]auth.Authenticator{
		"empty": auth.Chain(), "all ignore": auth.Chain(ignore, auth.Static{}), "first denies": auth.Chain(auth.Never, auth.Always)} {
		t.Run(name, func(t *testing.T) {
			authtest.Run(t, a, []authtest.Case{{Name: "nobody", Request: from(home, home), Want: auth.Deny, Reason: mqtt.NotAuthorized}})
		})
	}
}

func TestAChainIsImmediateIfAllOfItIs(t *testing.T) {
	for _, c := range []struct {
		chain auth.Authenticator
		want  bool
	}{{auth.Chain(auth.Static{}, auth.Always), true}, {auth.Chain(auth.Static{}, answer{}, auth.Always), false}, {auth.Chain(auth.Chain(auth.Always)), true}} {
		if _, got := c.chain.(auth.Immediate); got != c.want {
			t.Errorf("%T: got immediate %v, want %v", c.chain, got, c.want)
		}
	}
}

func TestAProviderThatRanOutOfTimeIsNotReplacedByTheNext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := from(home, home)
	got := auth.Chain(slow{auth.Decision{Result: auth.Ignore}}, auth.Always).Authenticate(ctx, &r)
	if got.Result != auth.Deny || got.Reason != mqtt.ServerUnavailable {
		t.Errorf("got %v %v, want deny ServerUnavailable", got.Result, got.Reason)
	}
}

// echo is a method that wants its own challenge back, with the user's name before it.
type echo struct{ answer }

func (echo) Methods() []string { return []string{"ECHO"} }

func (echo) Begin(_ context.Context, r *auth.Request) (auth.Exchange, auth.Decision) {
	if r.Method != "ECHO" {
		return nil, auth.Decision{Result: auth.Deny, Reason: mqtt.BadAuthenticationMethod}
	}
	challenge := fmt.Append(nil, "say ", len(r.ClientID))
	return exchange{r.ClientID, challenge}, auth.Decision{Result: auth.Continue, Data: challenge}
}

type exchange struct {
	name string
	want []byte
}

func (x exchange) Step(_ context.Context, data []byte) auth.Decision {
	if bytes.Equal(data, x.want) {
		return auth.Decision{Result: auth.Allow, Principal: x.name}
	}
	return auth.Decision{Result: auth.Deny, Reason: mqtt.NotAuthorized}
}

func TestAChainSpeaksTheMethodsOfItsProviders(t *testing.T) {
	a := auth.Chain(auth.Static{}, echo{answer{Result: auth.Ignore}})
	authtest.Run(t, a, []authtest.Case{{Name: "without a method", Request: from(home, home), Want: auth.Deny}})
	e := a.(auth.Enhanced)
	if got := e.Methods(); len(got) != 1 || got[0] != "ECHO" {
		t.Fatalf("Methods: got %q, want ECHO", got)
	}
	r := from(home, home)
	r.Method = "ECHO"
	x, d := e.Begin(t.Context(), &r)
	if d.Result != auth.Continue {
		t.Fatalf("Begin: got %v, want continue", d.Result)
	}
	if got := x.Step(t.Context(), d.Data); got.Result != auth.Allow || got.Principal != "c" {
		t.Errorf("Step: got %v %q, want allow c", got.Result, got.Principal)
	}
}

// own allows everybody the topics under its principal.
type own struct{}

func (own) Authorize(p *auth.Identity, _ auth.Action, topic []byte, _ byte, _ bool) auth.Verdict {
	if bytes.HasPrefix(topic, []byte(p.Principal+"/")) {
		return auth.Allowed
	}
	return auth.Denied
}

func TestTheAuthorizerSuiteRuns(t *testing.T) {
	ada := auth.Identity{Principal: "ada", Remote: home.Addr()}
	authtest.RunAuthorizer(t, own{}, []authtest.AccessCase{
		{Name: "own", Identity: ada, Action: auth.Publish, Topic: "ada/x", QoS: 1, Want: auth.Allowed},
		{Name: "other", Identity: ada, Action: auth.Subscribe, Topic: "bob/#", Want: auth.Denied},
		{Name: "to oneself", Identity: ada, Action: auth.Receive, Topic: "ada/y", Want: auth.Allowed},
	})
}

func Example() {
	a := auth.Chain(auth.Static{"ada": "lovelace"}, auth.Anonymous)
	d := a.Authenticate(context.Background(), &auth.Request{
		Username: "ada", HasUsername: true, Password: []byte("lovelace"), HasPassword: true})
	fmt.Println(d.Result, d.Principal)
	// Output: allow ada
}
