package netloop

import (
	"net"
	"runtime/pprof"
	"strings"
	"testing"
)

// A profile by role is only worth something if each goroutine has its own: labels pass to goroutines that are started.
func TestEveryGoroutineSaysItsRole(t *testing.T) {
	e := start(t, 2, &hooks{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e.Serve(ln, func(net.Conn) (*Loop, any, bool) { return nil, nil, true })
	wants := []string{
		`{"loop":"0", "role":"loop"}`, `{"loop":"1", "role":"loop"}`,
		`{"listener":"` + ln.Addr().String() + `", "role":"acceptor"}`,
		`{"role":"enroller"}`, `{"role":"notifier"}`, `{"role":"ticker"}`,
	}
	var all string
	eventually(t, "all roles", func() bool {
		var text strings.Builder
		if err := pprof.Lookup("goroutine").WriteTo(&text, 1); err != nil {
			t.Fatal(err)
		}
		all = text.String()
		for _, want := range wants {
			if !strings.Contains(all, want) {
				return false
			}
		}
		return true
	})
	// Of each label there are as many as there should be: nothing else runs under a loop's.
	for _, want := range wants[:3] {
		for part := range strings.SplitSeq(all, "\n\n") {
			if strings.Contains(part, want) && !strings.HasPrefix(part, "1 @") {
				t.Errorf("more than one goroutine has the labels %s:\n%s", want, part)
			}
		}
		if n := strings.Count(all, want); n != 1 {
			t.Errorf("got %d stacks with the labels %s, want 1", n, want)
		}
	}
}
