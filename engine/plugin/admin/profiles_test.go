package admin

import (
	"bytes"
	"compress/gzip"
	"io"
	"runtime"
	"strings"
	"testing"
)

func TestProfilesAnswer(t *testing.T) {
	r := run(t, local(t))
	for _, path := range []string{
		"/debug/pprof/heap", "/debug/pprof/allocs", "/debug/pprof/goroutine", "/debug/pprof/threadcreate",
		"/debug/pprof/mutex?seconds=1", "/debug/pprof/block?seconds=1", "/debug/pprof/profile?seconds=1",
	} {
		a := r.ask(request{path: path})
		z, err := gzip.NewReader(strings.NewReader(a.body))
		if a.status != 200 || err != nil {
			t.Errorf("%s: got %d, %v, want a profile", path, a.status, err)
			continue
		}
		if b, err := io.ReadAll(z); err != nil || len(b) == 0 {
			t.Errorf("%s: %d bytes, %v, want a profile", path, len(b), err)
		}
	}
	if a := r.ask(request{path: "/debug/pprof/trace?seconds=0.1"}); a.status != 200 || !strings.HasPrefix(a.body, "go 1.") {
		t.Errorf("trace: got %d, %d bytes", a.status, len(a.body))
	}
	for _, bad := range []string{"0", "-1", "601", "NaN", "x"} {
		if a := r.ask(request{path: "/debug/pprof/profile?seconds=" + bad}); a.status != 400 {
			t.Errorf("seconds=%s: got %d, want 400", bad, a.status)
		}
	}
	if a := r.ask(request{path: "/debug/pprof/"}); a.status != 200 || !bytes.Contains([]byte(a.body), []byte("goroutine")) {
		t.Errorf("index: got %d %s", a.status, a.body)
	}
}

func TestSamplingEndsWithItsLastUser(t *testing.T) {
	var on []bool
	s := sampler{set: func(v bool) { on = append(on, v) }}
	first, second := s.use(), s.use()
	first()
	if len(on) != 1 {
		t.Errorf("with a user left: got %v, want that it stays on", on)
	}
	second()
	if len(on) != 2 || !on[0] || on[1] {
		t.Errorf("got %v, want on once and off once", on)
	}
	if n := runtime.SetMutexProfileFraction(-1); n != 0 {
		t.Errorf("mutexes are sampled at 1 of %d with nobody asking", n)
	}
}

func TestEveryGoroutineOfTheServerSaysItsRole(t *testing.T) {
	r := run(t, local(t))
	var a answer
	for _, role := range []string{"admin", "loop", "ticker"} { // one that has just been started has no label yet
		eventually(t, "a goroutine of the role "+role, func() bool {
			a = r.ask(request{path: "/debug/pprof/goroutine?debug=1"})
			return strings.Contains(a.body, `"role":"`+role+`"`)
		})
	}
	for stack := range strings.SplitSeq(a.body, "\n\n") {
		if strings.Contains(stack, "net/http.(*conn).serve") && !strings.Contains(stack, `"role":"admin"`) {
			t.Errorf("a connection's goroutine has not the role admin:\n%s", stack)
		}
		if strings.Contains(stack, "gnet/v2.(*eventloop)") && !strings.Contains(stack, `"role":"loop"`) {
			t.Errorf("a loop has not the role loop:\n%s", stack)
		}
	}
}
