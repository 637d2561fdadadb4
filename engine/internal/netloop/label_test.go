package netloop

import (
	"net"
	"net/netip"
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
	accepting := make(chan string, 1)
	e.Serve(ln, AdmitFunc(func(netip.AddrPort) (*Loop, any, bool) {
		accepting <- labels(t)
		return nil, nil, true
	}))
	wants := []string{
		`{"loop":"0", "role":"loop"}`, `{"loop":"1", "role":"loop"}`,
		`{"role":"notifier"}`, `{"role":"ticker"}`,
	}
	var all string
	eventually(t, "all roles", func() bool {
		all = labels(t)
		for _, want := range wants {
			if !strings.Contains(all, want) {
				return false
			}
		}
		return true
	})
	// Of each label there are as many as there should be: nothing else runs under a loop's.
	for _, want := range wants[:2] {
		for part := range strings.SplitSeq(all, "\n\n") {
			if strings.Contains(part, want) && !strings.HasPrefix(part, "1 @") {
				t.Errorf("more than one goroutine has the labels %s:\n%s", want, part)
			}
		}
		if n := strings.Count(all, want); n != 1 {
			t.Errorf("got %d stacks with the labels %s, want 1", n, want)
		}
	}
	// Accepting is a role of the loop that does it.
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := `{"listener":"` + ln.Addr().String() + `", "role":"acceptor"}`
	if got := recv(t, "the call of admit", accepting); !strings.Contains(got, want) {
		t.Errorf("no goroutine had the labels %s while a connection was accepted:\n%s", want, got)
	}
	eventually(t, "the loop's own labels", func() bool { return !strings.Contains(labels(t), want) })
}

// labels is a profile of all goroutines, as text.
func labels(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&text, 1); err != nil {
		t.Error(err)
	}
	return text.String()
}
