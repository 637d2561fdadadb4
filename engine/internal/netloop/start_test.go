package netloop

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
)

func descriptors(t *testing.T) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

func TestStartThatFailsLeavesNothingBehind(t *testing.T) {
	stop(t, start(t, 1, &hooks{})) // what the runtime opens once is open now
	goros, fds := goroutines(), descriptors(t)
	for more := 0; ; more++ {
		undo := limitFiles(t, more)
		e, err := Start(Config{Loops: 2, Logger: slog.New(slog.DiscardHandler)}, &hooks{})
		undo()
		if err == nil {
			stop(t, e)
			if got := descriptors(t); got != fds {
				t.Errorf("%d descriptors after Stop, %d before Start", got, fds)
			}
			if more < 4 {
				t.Errorf("two loops started with %d descriptors", more)
			}
			break
		}
		if got := descriptors(t); got != fds {
			t.Errorf("room for %d: %d descriptors after %v, %d before", more, got, err, fds)
		}
	}
	eventually(t, "no goroutine left", func() bool { return goroutines() <= goros })
}

func TestGnetsWarningsAreNoFlood(t *testing.T) {
	var out bytes.Buffer
	g := &gnetLogger{log: slog.New(slog.NewTextHandler(&out, nil))}
	for i := range 100 {
		g.Warnf("stale connection %d", i)
		g.Infof("starting %d", i)
		g.Debugf("exiting %d", i)
		g.Errorf("epoll %d", i)
	}
	if n := strings.Count(out.String(), "\n"); n != 1 || !strings.Contains(out.String(), "level=ERROR msg=gnet text=\"epoll 0\"") {
		t.Errorf("100 of each level in a row: got %d lines, want the first error only:\n%s", n, out.String())
	}
}
