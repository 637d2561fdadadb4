package admin

import (
	"strings"
	"testing"
)

func TestOnlyOurOwnHostsAreAnswered(t *testing.T) {
	cfg := local(t)
	cfg.Hosts = []string{"Broker.Example", "192.0.2.7"}
	r := run(t, cfg)
	for _, tt := range []struct {
		host string
		want int
	}{
		{"", 200}, {"localhost", 200}, {"LOCALHOST:80", 200}, {"localhost.", 200}, {"127.0.0.1", 200}, {"127.0.0.1:9", 200}, {"[::1]:18083", 200},
		{"broker.example:18083", 200}, {"192.0.2.7", 200},
		{"evil.example", 403}, {"127.0.0.1.evil.example", 403}, {"localhost.evil.example", 403}, {"192.0.2.8", 403}, {"0.0.0.0", 403}, {"x.broker.example", 403},
	} {
		if a := r.ask(request{path: "/healthz", host: tt.host}); a.status != tt.want {
			t.Errorf("Host %q: got %d %s, want %d", tt.host, a.status, a.body, tt.want)
		}
	}
}

func TestPagesOfOtherSitesAreNotAnswered(t *testing.T) {
	r := run(t, local(t))
	for _, tt := range []struct {
		site, mode, dest string
		want             int
	}{
		{"cross-site", "no-cors", "image", 403}, {"same-site", "cors", "empty", 403}, {"cross-site", "navigate", "document", 200},
		{"cross-site", "navigate", "iframe", 403}, {"same-site", "navigate", "embed", 403},
		{"none", "navigate", "document", 200}, {"same-origin", "cors", "empty", 200},
	} {
		a := r.ask(request{path: "/metrics", header: map[string]string{
			"Sec-Fetch-Site": tt.site, "Sec-Fetch-Mode": tt.mode, "Sec-Fetch-Dest": tt.dest,
		}})
		if a.status != tt.want {
			t.Errorf("%s %s %s: got %d, want %d", tt.site, tt.mode, tt.dest, a.status, tt.want)
		}
		if cors := a.header.Get("Access-Control-Allow-Origin"); cors != "" {
			t.Errorf("%s %s %s: got Access-Control-Allow-Origin %q, want none", tt.site, tt.mode, tt.dest, cors)
		}
	}
}

// changes are all requests that change state.
var changes = []request{
	{method: "DELETE", path: "/api/v1/client/nobody"},
	{method: "POST", path: "/api/v1/reload"},
	{method: "POST", path: "/healthz"},
	{method: "PUT", path: "/api/v1/status"},
}

func TestNothingChangesOverTCPWithoutAToken(t *testing.T) {
	open, guarded := run(t, local(t)), run(t, Config{Listen: []string{"127.0.0.1:0"}, Socket: Off, Token: token})
	for _, q := range changes {
		if a := open.ask(q); a.status != 403 || !strings.Contains(a.body, "socket") {
			t.Errorf("%s %s without admin.token: got %d %s, want 403 and a hint at the socket", q.method, q.path, a.status, a.body)
		}
		for _, wrong := range []string{"", token[1:], token + "x", strings.ToUpper(token)} {
			q.token = wrong
			if a := guarded.ask(q); a.status != 401 {
				t.Errorf("%s %s with token %q: got %d, want 401", q.method, q.path, wrong, a.status)
			}
		}
		q.token = token
		if a := guarded.ask(q); a.status == 401 || a.status == 403 {
			t.Errorf("%s %s with the token: got %d", q.method, q.path, a.status)
		}
	}
	if a := guarded.ask(request{path: "/api/v1/status"}); a.status != 200 {
		t.Errorf("reading over loopback without the token: got %d, want 200", a.status)
	}
}

func TestTheSocketNeedsNoToken(t *testing.T) {
	cfg := local(t)
	cfg.Token = token
	r := run(t, cfg)
	if a := r.ask(request{method: "DELETE", path: "/api/v1/client/nobody", socket: true}); a.status != 404 {
		t.Errorf("got %d %s, want 404: there is no such client", a.status, a.body)
	}
	if a := r.ask(request{path: "/healthz", host: "anything", socket: true}); a.status != 200 {
		t.Errorf("got %d for a Host of any kind, want 200", a.status)
	}
}

func TestBeyondLoopbackAllButProbesNeedTheToken(t *testing.T) {
	r := run(t, Config{Listen: []string{"0.0.0.0:0"}, Socket: Off, Token: token})
	_, port, _ := strings.Cut(r.admin.URLs()[0], "]:")
	q := request{host: "127.0.0.1:" + port}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/": 401, "/metrics": 401, "/debug/pprof/": 401, "/api/v1/status": 401, "/nothing": 401} {
		q.path, q.token = path, ""
		if a := r.ask(q); a.status != want {
			t.Errorf("%s without the token: got %d, want %d", path, a.status, want)
		}
		if q.token = token; path == "/nothing" {
			continue
		}
		if a := r.ask(q); a.status != 200 {
			t.Errorf("%s with the token: got %d, want 200", path, a.status)
		}
	}
}

func TestAReloadedTokenHoldsAtOnce(t *testing.T) {
	cfg := Config{Listen: []string{"127.0.0.1:0"}, Socket: Off, Token: token}
	r := run(t, cfg)
	next := cfg
	next.Token = "quite another token"
	apply, err := r.admin.Prepare(next)
	if err != nil {
		t.Fatal(err)
	}
	q := changes[0]
	q.token = token
	if a := r.ask(q); a.status != 404 {
		t.Errorf("before it is applied: got %d, want 404", a.status)
	}
	apply()
	if a := r.ask(q); a.status != 401 {
		t.Errorf("the old token after the reload: got %d, want 401", a.status)
	}
	next.Listen = []string{"127.0.0.1:1"}
	if _, err := r.admin.Prepare(next); err == nil || !strings.Contains(err.Error(), "admin.listen: needs a restart") {
		t.Errorf("another address: got %v, want that it needs a restart", err)
	}
}
