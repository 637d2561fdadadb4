package compare

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-mqtt/penstock/bench/internal/pki"
)

func TestWhoDoesNotEndIsKilled(t *testing.T) {
	certs, err := pki.Write(t.TempDir(), pki.ECDSA)
	if err != nil {
		t.Fatal(err)
	}
	p, err := start(t.Context(), &Broker{Name: "deaf", Command: words{self(t), "deaf", "{port}"}}, "", &certs, nil, "", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.stop(100 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "had to be killed") {
		t.Errorf("got %v, want that it had to be killed", err)
	}
	if err := syscall.Kill(p.cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process is still there: %v", err)
	}
	if _, err := os.Stat(p.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder is still there: %v", err)
	}
}

func TestABrokerIsStartedAgainOnItsPortsAndData(t *testing.T) {
	for name, kindly := range map[string]bool{"killed": false, "asked to end": true} {
		t.Run(name, func(t *testing.T) {
			place := t.TempDir()
			p, err := start(t.Context(), &Broker{Name: "a", Command: words{self(t), "broker", "{port}"}}, "", new(pki.Files), nil, "", place)
			if err != nil {
				t.Fatal(err)
			}
			defer p.stop(endWithin)
			kept := filepath.Join(p.data(), "kept")
			if err := os.WriteFile(kept, make([]byte, 10_000), 0o600); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(kept, place) {
				t.Errorf("data lies in %s, want it below %s", p.data(), place)
			}
			first, addr := p.cmd.Process.Pid, p.addr
			again, err := p.restart(t.Context(), kindly)
			if err != nil {
				t.Fatal(err)
			}
			if again.PID == first || again.PID != p.cmd.Process.Pid || p.addr != addr || again.Took <= 0 || again.Data < 10_000 {
				t.Errorf("got %+v at %s after %d at %s, want another process at the same address and 10 KB of data", again, p.addr, first, addr)
			}
			if err := syscall.Kill(first, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("the first process is still there: %v", err)
			}
			if _, err := os.Stat(kept); err != nil {
				t.Errorf("its data is gone: %v", err)
			}
		})
	}
}
